/*
 * row.h
 *	  A row of a table that is written: what it says to the service.
 */
#ifndef WALCU_ROW_H
#define WALCU_ROW_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "json/decode.h"
#include "json/encode.h"
#include "service/option.h"
#include "utils/rel.h"

/* A column of a table that is written. */
typedef struct WalcuRowColumn
{
	const char *name;    /* This is the name of the column. */
	WalcuColumn *option; /* It is NULL where the column has no place in the document. */
	bool is_set;         /* An UPDATE sets it in the document. */
	bool is_inserted;    /* An INSERT sets it in the document. */
	Oid base_type;       /* This is the type, without domains. */
} WalcuRowColumn;

/* A table that is written. */
typedef struct WalcuRow
{
	const WalcuOptions *options; /* These are the options of the table. */
	TupleDesc descriptor;        /* These are the columns as PostgreSQL knows them. */
	WalcuRowColumn *columns;     /* These are the columns as the service knows them. */
	int id;                      /* This column (from 0) is the _id; -1 for none. */
	WalcuEncoder *encoder;       /* It makes JSON of values. */
	WalcuDecoder *decoder;       /* It reads replies; NULL until there is one. */
	WalcuDecoder *set_decoder;   /* It reads what an UPDATE sets without the old row; NULL until then. */
} WalcuRow;

/* A change of a document. */
typedef struct WalcuRowChange
{
	bool *changed; /* It tells, by column, whether the value differs. */
	char **old;    /* These are the old values as JSON, by column; NULL for NULL. */
	char **new;    /* These are the new values as JSON, by column; NULL for NULL. */
	bool any;      /* There is a column that differs. */
} WalcuRowChange;

/* A change as a patch. */
typedef struct WalcuRowPatch
{
	char *body;   /* It is for the service; NULL when it has to be made of the document as it is. */
	char *leaves; /* It names leaves; NULL when there is nothing to do. */
	bool is_sure; /* The service can carry out the body, whatever the document is like. */
	char *sets;   /* It says which columns set which places, for ignored_write.c; NULL for none. */
} WalcuRowPatch;

extern WalcuRow *row_prepare(const WalcuOptions *options, Relation relation);
extern bool row_sets_column(const WalcuOptions *options, const WalcuColumn *option);
extern bool row_is_id_type(Oid type);
extern char *row_id(const WalcuRow *row, Datum value, bool is_null);
extern char *row_new_document(WalcuRow *row, TupleTableSlot *slot, const char *made_id, char **sets);
extern WalcuRowChange *row_change(WalcuRow *row, const Datum *old_values, const bool *old_nulls,
								  const Datum *new_values, const bool *new_nulls);
extern WalcuRowPatch row_patch(const WalcuRow *row, const WalcuRowChange *change);
extern WalcuRowPatch row_setting_patch(WalcuRow *row, List *columns, const Datum *values, const bool *nulls);
extern char *row_document_patch(WalcuRow *row, List *columns, const Datum *values, const bool *nulls,
								const WalcuDocument *document, const char *credential);
extern char *row_replaced_sets(const WalcuRow *row, const WalcuRowChange *change);
extern char *row_replaced_document(const WalcuRow *row, const WalcuRowChange *change,
								   const WalcuDocument *document);
extern void row_check_document(const WalcuRow *row, int column, const char *text);
extern char *row_document_id(const char *text);
extern void row_store(WalcuRow *row, const WalcuDocument *document, const char *credential,
					  TupleTableSlot *slot);
extern void row_set_id(const WalcuRow *row, TupleTableSlot *slot, const char *id);

#endif /* WALCU_ROW_H */
