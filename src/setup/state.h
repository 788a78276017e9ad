/*
 * state.h
 *	  One run of walcu_fdw_setup(): what the user wants, what there is, and the steps in between.
 */
#ifndef WALCU_SETUP_STATE_H
#define WALCU_SETUP_STATE_H

#include "postgres.h"

#include "foreign/foreign.h"
#include "nodes/pg_list.h"
#include "service/columns.h"
#include "service/openapi.h"
#include "service/option.h"

/* A step, or a finding that asks for one: a row of the answer. */
typedef struct WalcuSetupStep
{
	const char *action;    /* These words say what is done, or was found. */
	const char *object;    /* It is about this. */
	const char *statement; /* It is run; NULL for a finding. */
	const char *detail;    /* It says more, in words; or NULL. */
	const char *advice;    /* The user may want to run this; or NULL. */
} WalcuSetupStep;

/* A column that a table has, or will have. */
typedef struct WalcuSetupColumn
{
	const char *name;      /* This is its name. */
	const char *path;      /* It shows this place in the document; NULL for a parameter. */
	const char *parameter; /* It is this parameter of the query string, or NULL. */
	Oid type;              /* This is its type; InvalidOid for one that is to be made. */
	const char *comment;   /* It has this comment; or NULL. */
} WalcuSetupColumn;

/* A table that there is, or will be. */
typedef struct WalcuSetupTable
{
	const WalcuResource *resource; /* It shows this one. */
	Oid relid;                     /* This is the table; InvalidOid for one that is to be made. */
	const char *name;              /* This is its name with the schema's, quoted where that is needed. */
	const char *comment;           /* It has this comment; or NULL. */
	List *columns;                 /* These (WalcuSetupColumn) it has. */
} WalcuSetupTable;

typedef struct WalcuSetup
{
	ForeignServer *server;      /* Tables are made for this one. */
	const char *schema;         /* They stand in this schema. */
	Oid schemaid;               /* It is this one; InvalidOid while it is to be made. */
	WalcuImportOptions options; /* IMPORT FOREIGN SCHEMA would be given these. */
	List *wanted;               /* Only these resources (char *) are looked at; NIL for all. */
	bool comments;              /* Tables and columns get comments. */
	bool statistics;            /* Tables are analyzed. */
	List *resources;            /* The description has these (WalcuResource). */
	List *bundled;              /* The installed one has these. */
	List *references;           /* This is the table of what ids lead to. */
	List *known;                /* The schema has these foreign tables (WalcuForeignTable) of the server. */
	List *tables;               /* These (WalcuSetupTable) the schema has at the end. */
	List *steps;                /* These (WalcuSetupStep) are to be done. */
} WalcuSetup;

#endif /* WALCU_SETUP_STATE_H */
