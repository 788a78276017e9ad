/*
 * tables.h
 *	  The foreign tables of the server against the description.
 */
#ifndef WALCU_CHECK_TABLES_H
#define WALCU_CHECK_TABLES_H

#include "postgres.h"

#include "check/run.h"

/* A word of a foreign table, or of one of its columns, on what ids are. */
typedef struct WalcuCheckIdOption
{
	const char *resource; /* The table shows this resource. */
	const char *table;    /* It has this name, as commands say it. */
	const char *column;   /* The column has this name, as commands say it; NULL for the table's own word. */
	const char *path;     /* It shows this place; NULL for the table's own word. */
	const char *kind;     /* This is the value of the option id_type. */
} WalcuCheckIdOption;

extern List *tables_list_id_options(const WalcuCheckRun *run);
extern void tables_check_columns(WalcuCheckRun *run);
extern char *tables_add_columns(const WalcuCheckRun *run, const char *resource, List *members);
extern bool tables_have_resource(const WalcuCheckRun *run, const char *resource);

#endif /* WALCU_CHECK_TABLES_H */
