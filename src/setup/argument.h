/*
 * argument.h
 *	  The arguments of walcu_fdw_setup().
 */
#ifndef WALCU_SETUP_ARGUMENT_H
#define WALCU_SETUP_ARGUMENT_H

#include "postgres.h"

#include "fmgr.h"
#include "nodes/pg_list.h"
#include "service/option.h"

extern bool argument_boolean(FunctionCallInfo fcinfo, int number, const char *name);
extern List *argument_texts(FunctionCallInfo fcinfo, int number, const char *name);
extern WalcuImportOptions argument_import_options(FunctionCallInfo fcinfo, int number);

#endif /* WALCU_SETUP_ARGUMENT_H */
