/*
 * tables.h
 *	  The foreign tables of the server against the description.
 */
#ifndef WALCU_CHECK_TABLES_H
#define WALCU_CHECK_TABLES_H

#include "postgres.h"

#include "check/run.h"

extern void tables_check_columns(WalcuCheckRun *run);
extern char *tables_add_columns(const WalcuCheckRun *run, const char *resource, List *members);
extern bool tables_have_resource(const WalcuCheckRun *run, const char *resource);

#endif /* WALCU_CHECK_TABLES_H */
