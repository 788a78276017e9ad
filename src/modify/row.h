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
	const char *name;
	WalcuColumn *option; /* NULL when it is no place in the document: dropped, or virtual */
	Oid base_type;
} WalcuRowColumn;

/* A table that is written. */
typedef struct WalcuRow
{
	const WalcuOptions *options;
	TupleDesc descriptor;
	WalcuRowColumn *columns;
	int id; /* the column (from 0) of _id, or -1 */
	WalcuEncoder *encoder;
	WalcuDecoder *decoder; /* NULL until a reply is read */
} WalcuRow;

/* A change of a document. */
typedef struct WalcuRowChange
{
	bool *changed; /* by column */
	char **old;    /* JSON by column; NULL for NULL */
	char **new;
	bool any;
} WalcuRowChange;

extern WalcuRow *row_prepare(const WalcuOptions *options, Relation relation);
extern void row_check_inserted(const WalcuRow *row, const Bitmapset *columns);
extern void row_check_updated(const WalcuRow *row, const Bitmapset *columns);
extern char *row_id(const WalcuRow *row, Datum value, bool is_null);
extern char *row_new_document(WalcuRow *row, TupleTableSlot *slot, const char *made_id);
extern WalcuRowChange *row_change(WalcuRow *row, const Datum *old_values, const bool *old_nulls,
								  TupleTableSlot *new);
extern char *row_patch(const WalcuRow *row, const WalcuRowChange *change);
extern char *row_setting_patch(WalcuRow *row, List *columns, const Datum *values, const bool *nulls);
extern char *row_replaced_document(const WalcuRow *row, const WalcuRowChange *change,
								   const WalcuDocument *document);
extern void row_store(WalcuRow *row, const WalcuDocument *document, TupleTableSlot *slot);
extern void row_set_id(const WalcuRow *row, TupleTableSlot *slot, const char *id);
extern void row_note_rounded(const WalcuRow *row);

#endif /* WALCU_ROW_H */
