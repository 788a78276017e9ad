/*
 * argument.h
 *	  The arguments of SQL functions that are not strict.
 */
#ifndef WALCU_ARGUMENT_H
#define WALCU_ARGUMENT_H

#include "postgres.h"

#include "fmgr.h"
#include "nodes/pg_list.h"

extern bool argument_boolean(FunctionCallInfo fcinfo, int number, const char *name);
extern List *argument_texts(FunctionCallInfo fcinfo, int number, const char *name);

#endif /* WALCU_ARGUMENT_H */
