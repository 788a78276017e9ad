/*
 * import_argument.h
 *	  The argument of walcu_fdw_setup() that has options of IMPORT FOREIGN SCHEMA.
 */
#ifndef WALCU_IMPORT_ARGUMENT_H
#define WALCU_IMPORT_ARGUMENT_H

#include "postgres.h"

#include "fmgr.h"
#include "service/option.h"

extern WalcuImportOptions import_argument_options(FunctionCallInfo fcinfo, int number);

#endif /* WALCU_IMPORT_ARGUMENT_H */
