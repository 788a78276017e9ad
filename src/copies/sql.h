/*
 * sql.h
 *	  Statements that the work on copies consists of.
 */
#ifndef WALCU_COPIES_SQL_H
#define WALCU_COPIES_SQL_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

/* A value for $1 and the like. */
typedef struct WalcuArgument
{
	Oid type;     /* It is of this type, */
	Datum value;  /* and it is this, */
	bool is_null; /* unless it is NULL. */
} WalcuArgument;

/* These tables of the extension say which copies there are, and what became of the work on them. */
#define SQL_ENTRIES "walcu_fdw_copy_entries"
#define SQL_RESULTS "walcu_fdw_copy_results"

extern WalcuArgument sql_relation(Oid relid);
extern WalcuArgument sql_text(const char *text);
extern WalcuArgument sql_texts(List *texts);
extern WalcuArgument sql_count(int64 count);
extern WalcuArgument sql_instant(bool is_known, TimestampTz instant);
extern WalcuArgument sql_boolean(bool value);
extern WalcuArgument sql_value(Oid type, Datum value, bool is_null);

extern uint64 sql_run(const char *statement, int count, const WalcuArgument *arguments);
extern uint64 sql_run_as_keeper(const char *table, const char *statement, int count,
								const WalcuArgument *arguments);
extern Datum sql_result(int column, bool *is_null);
extern char *sql_result_text(int column);
extern char *sql_extension_name(const char *name);

#endif /* WALCU_COPIES_SQL_H */
