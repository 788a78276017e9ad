/*
 * field_name.h
 *	  Which members of a document the service can be told of by their names.
 */
#ifndef WALCU_FIELD_NAME_H
#define WALCU_FIELD_NAME_H

#include "postgres.h"

extern bool field_name_is_addressable(const char *name, size_t length);

#endif /* WALCU_FIELD_NAME_H */
