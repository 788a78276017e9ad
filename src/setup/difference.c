/*
 * difference.c
 *	  What tables show that the description has no more, or has otherwise.
 *
 * A user may declare columns for what documents have and the description has not, and give columns other
 * types.  So only what was described once, and is not so now, is a difference.  What was described stands in
 * the comments that a setup made, and in the description that is installed with the extension.
 */
#include "postgres.h"

#include "setup/difference.h"

#include "service/list_table.h"
#include "setup/comment.h"
#include "setup/step.h"
#include "utils/builtins.h"

static void find_column_difference(WalcuSetup *setup, const WalcuSetupTable *table,
								   const WalcuSetupColumn *column);
static const WalcuField *find_bundled_field(const WalcuSetup *setup, const WalcuSetupTable *table,
											const char *path);
static bool has_changed(const WalcuSetup *setup, const WalcuSetupTable *table, const WalcuSetupColumn *column,
						const WalcuField *field);
static bool is_described(const WalcuSetup *setup, const WalcuSetupTable *table);
static void tell_changed_type(WalcuSetup *setup, const WalcuSetupTable *table, const WalcuSetupColumn *column,
							  const WalcuField *field);

/* Tells of columns whose place is gone, or of another type that they cannot show. */
void
difference_find_columns(WalcuSetup *setup, const WalcuSetupTable *table)
{
	ListCell *lc;

	foreach(lc, table->columns)
	{
		const WalcuSetupColumn *column = lfirst(lc);

		if (OidIsValid(column->type) && column->path && strcmp(column->path, ".") != 0 &&
			column->path[0] != '^')
			find_column_difference(setup, table, column);
	}
}

static void
find_column_difference(WalcuSetup *setup, const WalcuSetupTable *table, const WalcuSetupColumn *column)
{
	bool below_free;
	const WalcuField *field = openapi_find_place(table->resource->fields, column->path, &below_free);

	/* what documents have is no word of the description */
	if (field)
	{
		if (!field->is_seen && !columns_type_fits(column->type, field) &&
			has_changed(setup, table, column, field))
			tell_changed_type(setup, table, column, field);
	}
	else if (!below_free && !comment_tells_of_documents(column->comment) &&
			 (comment_is_ours(column->comment, column->path) ||
			  find_bundled_field(setup, table, column->path)))
		step_find(
			setup, "column gone", psprintf("%s.%s", table->name, quote_identifier(column->name)),
			psprintf("The description does not have \"%s\" any more.", column->path),
			psprintf("ALTER %s %s DROP COLUMN %s", table->kind, table->name, quote_identifier(column->name)));
}

static const WalcuField *
find_bundled_field(const WalcuSetup *setup, const WalcuSetupTable *table, const char *path)
{
	const WalcuResource *bundled = openapi_find_resource(setup->bundled, table->resource_name);
	bool below_free;

	/* a list's table was not made by IMPORT before it had comments */
	return bundled && table->array == NULL ? openapi_find_place(bundled->fields, path, &below_free) : NULL;
}

/* Was the place of a column described otherwise than it is now? */
static bool
has_changed(const WalcuSetup *setup, const WalcuSetupTable *table, const WalcuSetupColumn *column,
			const WalcuField *field)
{
	const WalcuField *bundled = find_bundled_field(setup, table, column->path);

	if (comment_is_ours(column->comment, column->path))
		return !comment_tells_type(column->comment, column->path, field);
	return bundled && (bundled->kind != field->kind || bundled->array != field->array);
}

static void
tell_changed_type(WalcuSetup *setup, const WalcuSetupTable *table, const WalcuSetupColumn *column,
				  const WalcuField *field)
{
	const char *name = quote_identifier(column->name);
	char *advice = psprintf("ALTER %s %s ALTER COLUMN %s TYPE %s", table->kind, table->name, name,
							columns_type_declaration(field, setup->options.import_collate));

	if (comment_is_ours(column->comment, column->path))
		advice = psprintf("%s;\n%s", advice,
						  comment_on_column(table->name, column->name,
											comment_of_field(setup, table, column->path, field)));
	step_find(setup, "type changed", psprintf("%s.%s", table->name, name),
			  psprintf("\"%s\" is %s in the description, and the column is %s.", column->path,
					   comment_type_name(field), format_type_be(column->type)),
			  advice);
}

static bool
is_described(const WalcuSetup *setup, const WalcuSetupTable *table)
{
	ListCell *lc;

	if (table->array == NULL)
		return openapi_find_resource(setup->resources, table->resource_name) ||
			   openapi_find_resource(setup->undescribed_resources, table->resource_name);
	foreach(lc, setup->lists)
	{
		const WalcuListTable *list = lfirst(lc);

		if (strcmp(list->resource->name, table->resource_name) == 0 && strcmp(list->path, table->array) == 0)
			return true;
	}
	return false;
}

/* Tells of tables whose resource, or list, is gone. */
void
difference_find_resources(WalcuSetup *setup)
{
	ListCell *lc;

	foreach(lc, setup->known)
	{
		const WalcuSetupTable *table = lfirst(lc);
		const char *key = comment_table_key(table);

		if (is_described(setup, table) || comment_tells_of_documents(table->comment) ||
			!setup_wants_resource(setup, table->resource_name))
			continue;
		if (comment_is_ours(table->comment, key) ||
			(table->array == NULL && openapi_find_resource(setup->bundled, table->resource_name)))
			step_find(setup, table->array ? "list gone" : "resource gone", table->name,
					  psprintf("The description does not have the %s \"%s\" any more.",
							   table->array ? "list" : "resource", key),
					  psprintf("DROP %s %s", table->kind, table->name));
	}
}
