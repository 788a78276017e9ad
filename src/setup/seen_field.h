/*
 * seen_field.h
 *	  What documents have that the description lacks.
 */
#ifndef WALCU_SETUP_SEEN_FIELD_H
#define WALCU_SETUP_SEEN_FIELD_H

#include "postgres.h"

#include "service/openapi.h"

/* It is jansson's value: its header and PostgreSQL's builtins.h cannot be included together. */
typedef struct json_t json_t;

extern void seen_field_add(WalcuResource *resource, json_t *documents, int levels);

#endif /* WALCU_SETUP_SEEN_FIELD_H */
