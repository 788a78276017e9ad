/*
 * columns.h
 *	  The columns that a resource's foreign table gets.
 */
#ifndef WALCU_COLUMNS_H
#define WALCU_COLUMNS_H

#include "postgres.h"

#include "service/openapi.h"
#include "service/option.h"

/* A column as CREATE FOREIGN TABLE will declare it. */
typedef struct ColumnDraft
{
	char *name;            /* This is its name. */
	const char *path;      /* The column shows this place in the document; NULL for a parameter. */
	const char *parameter; /* The column is this parameter of the query string, or NULL. */
	const char *type;      /* This is its SQL type. */
	bool collatable;       /* The type has a collation. */
	bool not_null;         /* It is NOT NULL. */
	bool readonly;         /* The service sets it. */
	bool says_path;        /* The option path is given though it is the name, so that this can be changed. */
	bool ordinality;       /* It is the position of the element in its list. */
	bool is_seen;          /* Documents have it, and the description does not. */
} ColumnDraft;

extern List *columns_of_resource(const WalcuResource *resource, const WalcuImportOptions *options);
extern List *columns_of_list(const WalcuResource *resource, const WalcuField *list,
							 const WalcuImportOptions *options);
extern char *columns_unique_name(List *columns, const char *wanted, const char *path);
extern ColumnDraft *columns_draft_dealer(List *columns, const char *path);
extern List *columns_note_name(List *columns, const char *name);
extern const ColumnDraft *columns_find_draft(List *drafts, const char *path);
extern char *columns_type_declaration(const WalcuField *field, bool collate);
extern bool columns_type_fits(Oid type, const WalcuField *field);
extern bool columns_is_set_by_service(const char *path);
extern char *columns_declaration(const ColumnDraft *column, bool collate);
extern char *columns_local_declaration(const ColumnDraft *column, bool collate);
extern List *columns_options(const ColumnDraft *column);

#endif /* WALCU_COLUMNS_H */
