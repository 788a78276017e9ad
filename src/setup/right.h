/*
 * right.h
 *	  Which rights a setup needs, and which of them the user lacks.
 */
#ifndef WALCU_SETUP_RIGHT_H
#define WALCU_SETUP_RIGHT_H

#include "postgres.h"

#include "setup/state.h"

extern void right_to_make_schema(const char *schema);
extern void right_to_use_schema(Oid schemaid);
extern void right_to_make_tables(Oid schemaid);
extern void right_to_alter(Oid relid);
extern void right_to_analyze(Oid relid);

#endif /* WALCU_SETUP_RIGHT_H */
