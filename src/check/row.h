/*
 * row.h
 *	  The rows of a check, and the commands that they advise.
 */
#ifndef WALCU_CHECK_ROW_H
#define WALCU_CHECK_ROW_H

#include "postgres.h"

#include "check/run.h"
#include "lib/stringinfo.h"

extern void row_add(WalcuCheckRun *run, const char *check, WalcuCheckResult result, const char *advice,
					const char *detail, ...) pg_attribute_printf(5, 6);
extern List *row_list(WalcuCheckRun *run);
extern const char *row_result_name(WalcuCheckResult result);
extern char *row_set_option(const WalcuCheckRun *run, const char *name, const char *value);
extern char *row_drop_option(const WalcuCheckRun *run, const char *name);
extern const char *row_quote_name(const char *name);
extern char *row_quote_literal(const char *text);
extern void row_append_name(StringInfo list, const char *name);

#endif /* WALCU_CHECK_ROW_H */
