/*
 * graphql.c
 *	  Keys of tables, as servers of GraphQL read them in comments.
 *
 * Foreign tables have no keys, and these servers need some.  PostGraphile reads lines of tags before the
 * comment itself, pg_graphql a directive with JSON.  What a comment says otherwise stays.
 */
#include "postgres.h"

#include "setup/graphql.h"

#include "base/hint.h"
#include "lib/stringinfo.h"
#include "service/reference.h"
#include "setup/right.h"
#include "setup/step.h"
#include "utils/builtins.h"
#include "utils/json.h"

/* How a server reads keys. */
typedef struct GraphqlConvention
{
	const char *name; /* The user calls it so. */
	const char *mark; /* A comment with this has keys already. */
	char *(*write_keys)(const WalcuSetup *setup, const WalcuSetupTable *table, const char *id);
} GraphqlConvention;

static char *write_smart_tags(const WalcuSetup *setup, const WalcuSetupTable *table, const char *id);
static char *write_directive(const WalcuSetup *setup, const WalcuSetupTable *table, const char *id);
static const GraphqlConvention *find_convention(const char *name);
static const char *find_id_column(const WalcuSetupTable *table);
static const WalcuSetupTable *find_target(const WalcuSetup *setup, const WalcuSetupTable *table,
										  const WalcuSetupColumn *column);
static void append_json_name(StringInfo text, const char *member, const char *name);

static const GraphqlConvention conventions[] = {
	{"postgraphile", "@primaryKey", write_smart_tags},
	{"pg_graphql", "@graphql(", write_directive},
};

/* Plans the keys of tables whose comments have none.  Error: 22023 for a convention that is not known. */
void
graphql_plan(WalcuSetup *setup, const char *convention)
{
	const GraphqlConvention *found = find_convention(convention);
	ListCell *lc;

	foreach(lc, setup->tables)
	{
		WalcuSetupTable *table = lfirst(lc);
		const char *id = find_id_column(table);
		char *comment;

		if (id == NULL || (table->comment && strstr(table->comment, found->mark)))
			continue;
		if (OidIsValid(table->relid))
			right_to_alter(table->relid);
		comment = found->write_keys(setup, table, id);
		if (table->comment)
			comment = psprintf("%s\n%s", comment, table->comment);
		step_run(setup, "comment", table->name,
				 psprintf("COMMENT ON %s %s IS %s", table->kind, table->name, quote_literal_cstr(comment)),
				 "keys for GraphQL");
		table->comment = comment;
	}
}

static const GraphqlConvention *
find_convention(const char *name)
{
	List *valid = NIL;

	for (int i = 0; i < lengthof(conventions); i++)
	{
		if (strcmp(conventions[i].name, name) == 0)
			return &conventions[i];
		valid = lappend(valid, unconstify(char *, conventions[i].name));
	}
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("graphql cannot be \"%s\"", name),
			errhint("%s", hint_name("convention", name, valid)));
}

/* The rows of lists have no key. */
static const char *
find_id_column(const WalcuSetupTable *table)
{
	ListCell *lc;

	foreach(lc, table->array ? NIL : table->columns)
	{
		const WalcuSetupColumn *column = lfirst(lc);

		if (column->path && strcmp(column->path, "_id") == 0)
			return column->name;
	}
	return NULL;
}

/* Returns the table that the ids of a column lead to; NULL when there is none, or are several. */
static const WalcuSetupTable *
find_target(const WalcuSetup *setup, const WalcuSetupTable *table, const WalcuSetupColumn *column)
{
	bool below_free;
	const WalcuField *field = column->path && table->resource
								  ? openapi_find_place(table->resource->fields, column->path, &below_free)
								  : NULL;
	List *targets =
		column->path ? reference_targets(setup->references, table->resource_name, column->path) : NIL;
	ListCell *lc;

	if (list_length(targets) != 1 || field == NULL || field->array)
		return NULL;
	foreach(lc, setup->tables)
	{
		const WalcuSetupTable *target = lfirst(lc);

		if (strcmp(target->resource_name, linitial(targets)) == 0 && find_id_column(target))
			return target;
	}
	return NULL;
}

static char *
write_smart_tags(const WalcuSetup *setup, const WalcuSetupTable *table, const char *id)
{
	StringInfoData tags;
	ListCell *lc;

	initStringInfo(&tags);
	appendStringInfo(&tags, "@primaryKey %s", quote_identifier(id));
	foreach(lc, table->columns)
	{
		const WalcuSetupColumn *column = lfirst(lc);
		const WalcuSetupTable *target = find_target(setup, table, column);

		if (target)
			appendStringInfo(&tags, "\n@foreignKey (%s) references %s (%s)", quote_identifier(column->name),
							 target->name, quote_identifier(find_id_column(target)));
	}
	return tags.data;
}

static char *
write_directive(const WalcuSetup *setup, const WalcuSetupTable *table, const char *id)
{
	StringInfoData text;
	const char *separator = ", \"foreign_keys\": [";
	ListCell *lc;

	initStringInfo(&text);
	appendStringInfoString(&text, "@graphql({\"primary_key_columns\": [");
	escape_json(&text, id);
	appendStringInfoChar(&text, ']');
	foreach(lc, table->columns)
	{
		const WalcuSetupColumn *column = lfirst(lc);
		const WalcuSetupTable *target = find_target(setup, table, column);

		if (target == NULL)
			continue;
		appendStringInfo(&text, "%s{", separator);
		append_json_name(&text, "\"local_columns\": [", column->name);
		append_json_name(&text, "], \"foreign_schema\": ", setup->schema);
		append_json_name(&text, ", \"foreign_table\": ", target->bare_name);
		append_json_name(&text, ", \"foreign_columns\": [", find_id_column(target));
		appendStringInfoString(&text, "]}");
		separator = ", ";
	}
	appendStringInfoString(&text, separator[2] == '\0' ? "]})" : "})");
	return text.data;
}

static void
append_json_name(StringInfo text, const char *member, const char *name)
{
	appendStringInfoString(text, member);
	escape_json(text, name);
}
