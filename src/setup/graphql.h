/*
 * graphql.h
 *	  Keys of tables, as servers of GraphQL read them in comments.
 */
#ifndef WALCU_SETUP_GRAPHQL_H
#define WALCU_SETUP_GRAPHQL_H

#include "postgres.h"

#include "setup/state.h"

extern void graphql_plan(WalcuSetup *setup, const char *convention);

#endif /* WALCU_SETUP_GRAPHQL_H */
