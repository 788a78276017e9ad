/*
 * state.h
 *	  One run of walcu_fdw_setup(): what the user wants, what there is, and the steps in between.
 */
#ifndef WALCU_SETUP_STATE_H
#define WALCU_SETUP_STATE_H

#include "postgres.h"

#include "base/text.h"
#include "foreign/foreign.h"
#include "nodes/pg_list.h"
#include "service/columns.h"
#include "service/openapi.h"
#include "service/option.h"

/* The dealer's id has this path in a table of a list. */
#define DEALER_IN_LIST "^.dealer_id"

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
	const char *path;      /* It shows this place in the document; NULL for others. */
	const char *parameter; /* It is this parameter of the query string, or NULL. */
	bool ordinality;       /* It is the position of an element in its list. */
	List *options;         /* It has these options (DefElem), in a partition. */
	AttrNumber number;     /* This is its number; InvalidAttrNumber for one that is to be made. */
	Oid type;              /* This is its type; InvalidOid for one that is to be made. */
	const char *comment;   /* It has this comment; or NULL. */
} WalcuSetupColumn;

/* A table, or a view, that there is or will be. */
typedef struct WalcuSetupTable
{
	const char *kind;              /* Commands call it so: "FOREIGN TABLE", "TABLE" or "VIEW". */
	const char *resource_name;     /* It shows this resource. */
	const char *array;             /* It shows the elements of lists at this path; NULL: the documents. */
	const WalcuResource *resource; /* What is shown has these fields; NULL when nothing describes it. */
	bool is_seen;                  /* Documents have the list, and the description does not. */
	Oid relid;                     /* This is the table; InvalidOid for one that is to be made. */
	const char *name;              /* This is its name with the schema's, quoted where that is needed. */
	const char *usual_name;        /* It is called so where nobody has renamed it, as are its partitions. */
	const char *bare_name;         /* This is the name alone, as it is; NULL for a view. */
	const char *comment;           /* It has this comment; or NULL. */
	List *columns;                 /* These (WalcuSetupColumn) it has. */
	List *partitions;              /* These (WalcuForeignTable) are its partitions; NIL for no such table. */
} WalcuSetupTable;

/* A dealer whose tables are partitions. */
typedef struct WalcuSetupDealer
{
	const char *name;      /* The user calls it so. */
	const char *dealer_id; /* Its documents have this. */
	ForeignServer *server; /* It is asked by this one. */
	bool by_option;        /* The server is another dealer's, or nobody's: tables say whose they are. */
} WalcuSetupDealer;

typedef struct WalcuSetup
{
	ForeignServer *server;       /* Tables are made for this one. */
	const char *schema;          /* They stand in this schema. */
	Oid schemaid;                /* It is this one; InvalidOid while it is to be made. */
	WalcuImportOptions options;  /* IMPORT FOREIGN SCHEMA would be given these. */
	List *wanted;                /* Only these resources (char *) are looked at; NIL for all. */
	bool comments;               /* Tables and columns get comments. */
	bool statistics;             /* Tables are analyzed. */
	bool sample;                 /* Documents tell what the description does not. */
	List *undescribed;           /* These resources (char *) are wanted besides, though it lacks them. */
	List *resources;             /* The description has these (WalcuResource). */
	List *lists;                 /* It has these lists (WalcuListTable). */
	List *undescribed_resources; /* These (WalcuResource) it lacks. */
	List *bundled;               /* The installed one has these resources. */
	List *references;            /* This is the table of what ids lead to. */
	List *known;                 /* The schema has these tables (WalcuSetupTable) already. */
	List *dealers;               /* Tables have partitions for these (WalcuSetupDealer); or NIL. */
	bool views;                  /* Each table has a view. */
	List *new_schemas;           /* These schemas (char *) are to be made. */
	List *tables;                /* These (WalcuSetupTable) the schema has at the end. */
	List *steps;                 /* These (WalcuSetupStep) are to be done. */
} WalcuSetup;

/* Is this resource to be looked at? */
static inline bool
setup_wants_resource(const WalcuSetup *setup, const char *name)
{
	return setup->wanted == NIL || text_in_list(setup->wanted, name) ||
		   text_in_list(setup->undescribed, name);
}

#endif /* WALCU_SETUP_STATE_H */
