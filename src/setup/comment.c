/*
 * comment.c
 *	  What comments say of tables and columns.
 *
 * A comment begins with the name of what is shown, as the service has it, so that a later setup knows what
 * was described once.  Only what has no comment gets one: others are the user's.
 */
#include "postgres.h"

#include "setup/comment.h"

#include "base/text.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "service/reference.h"
#include "setup/right.h"
#include "setup/step.h"
#include "utils/builtins.h"

/* A comment lists so many values at most. */
#define MAX_VALUES 30

/* It quotes so many bytes of the description's words. */
#define MAX_NOTE 300

/* It says so of what the description lacks. */
#define SEEN_WORDS ", seen in documents and not described"

/* What a field has in the description; with array, each element of it. */
static const struct
{
	const char *one;
	const char *array;
} type_names[] = {
	[WALCU_FIELD_STRING] = {"string", "array of strings"},
	[WALCU_FIELD_NUMBER] = {"number", "array of numbers"},
	[WALCU_FIELD_BOOLEAN] = {"boolean", "array of booleans"},
	[WALCU_FIELD_DATE] = {"date", "array of dates"},
	[WALCU_FIELD_OBJECT] = {"object", "array of objects"},
	[WALCU_FIELD_FREE] = {"any JSON value", "array of any JSON values"},
};

/* What the documents of a resource are; the description does not say it. */
static const struct
{
	const char *resource;
	const char *words;
} meanings[] = {
	{"aftersaleleads", "requests of people who want something of the workshop"},
	{"appraisalleads", "requests of people who want their vehicle valued"},
	{"cars", "the vehicles that the dealer sells"},
	{"chatmessages", "messages of chats"},
	{"chatproviders", "the chats that the dealer is connected to"},
	{"chatsessions", "conversations by chat"},
	{"clients", "the dealer's clients"},
	{"clientvehicles", "the vehicles of clients"},
	{"conferences", "telephone calls"},
	{"contacts", "persons who can be reached for a client"},
	{"dates", "appointments"},
	{"emails", "electronic mail"},
	{"leadimporttasks", "imports of leads from other systems"},
	{"notes", "notes on clients and leads"},
	{"offers", "offers made to clients"},
	{"repairorders", "orders of the workshop"},
	{"saleleads", "requests of people who want to buy a vehicle"},
	{"sms", "text messages (SMS)"},
	{"tasks", "what somebody is to do"},
	{"templates", "templates of messages and offers"},
	{"users", "the people who work with the CRM"},
	{"whatsappmessages", "messages of WhatsApp"},
	{"whatsappsessions", "conversations by WhatsApp"},
};

static bool may_be_written(const WalcuSetup *setup, const WalcuSetupTable *table,
						   const WalcuSetupColumn *column);
static bool is_undescribed(const WalcuSetup *setup, const WalcuSetupTable *table);
static char *describe_resource(const char *resource);
static char *describe_list(const WalcuSetupTable *table);
static char *describe_column(const WalcuSetup *setup, const WalcuSetupTable *table,
							 const WalcuSetupColumn *column);
static void append_targets(StringInfo text, List *targets, bool array);
static void append_values(StringInfo text, const char *words, List *values);
static void append_seen_values(StringInfo text, const WalcuField *field);
static void append_on_one_line(StringInfo text, const char *words, int limit);

/* Plans the comments of a table and its columns that have none. */
void
comment_plan(WalcuSetup *setup, WalcuSetupTable *table)
{
	StringInfoData commands;
	int columns = 0;
	ListCell *lc;

	initStringInfo(&commands);
	if (table->comment == NULL)
	{
		table->comment = table->array ? describe_list(table) : describe_resource(table->resource_name);
		appendStringInfo(&commands, "COMMENT ON %s %s IS %s", table->kind, table->name,
						 quote_literal_cstr(table->comment));
	}
	foreach(lc, table->columns)
	{
		WalcuSetupColumn *column = lfirst(lc);
		char *comment = may_be_written(setup, table, column) ? describe_column(setup, table, column) : NULL;

		if (comment == NULL)
			continue;
		column->comment = comment;
		columns++;
		appendStringInfo(&commands, "%s%s", commands.len > 0 ? ";\n" : "",
						 comment_on_column(table->name, column->name, comment));
	}
	if (commands.len == 0)
		return;
	if (OidIsValid(table->relid))
		right_to_alter(table->relid);
	step_run(setup, "comment", table->name, commands.data,
			 columns > 0 ? psprintf("on %s", text_counted(columns, "column")) : NULL);
}

/*
 * Has a column no comment, or one of ours that says less than can be said now?  Documents told which values
 * it has, or the description has a place now that it did not have.
 */
static bool
may_be_written(const WalcuSetup *setup, const WalcuSetupTable *table, const WalcuSetupColumn *column)
{
	bool below_free;
	const WalcuField *field;
	WalcuField plain;

	if (column->comment == NULL)
		return true;
	if (column->path == NULL || !comment_is_ours(column->comment, column->path))
		return false;
	field = openapi_find_place(table->resource->fields, column->path, &below_free);
	if (field == NULL || field->is_seen)
		return false;
	if (comment_tells_of_documents(column->comment))
		return true;
	plain = *field;
	plain.seen = NIL;
	return field->seen != NIL &&
		   strcmp(column->comment, comment_of_field(setup, table, column->path, &plain)) == 0;
}

/* Returns the command that gives a column a comment. */
char *
comment_on_column(const char *table, const char *column, const char *comment)
{
	return psprintf("COMMENT ON COLUMN %s.%s IS %s", table, quote_identifier(column),
					quote_literal_cstr(comment));
}

static char *
describe_resource(const char *resource)
{
	for (int i = 0; i < lengthof(meanings); i++)
	{
		if (strcmp(meanings[i].resource, resource) == 0)
			return psprintf("%s: %s, in the Walcu CRM", resource, meanings[i].words);
	}
	return psprintf("%s: a resource of the Walcu CRM", resource);
}

static char *
describe_list(const WalcuSetupTable *table)
{
	return psprintf("%s: the elements of a list in %s%s, in the Walcu CRM", comment_table_key(table),
					table->resource_name, table->is_seen ? SEEN_WORDS : "");
}

/* Returns what the comment on a table begins with. */
const char *
comment_table_key(const WalcuSetupTable *table)
{
	return table->array ? psprintf("%s.%s", table->resource_name, table->array) : table->resource_name;
}

/* Returns what a column is; NULL for one of the user's own, whose place the description does not have. */
static char *
describe_column(const WalcuSetup *setup, const WalcuSetupTable *table, const WalcuSetupColumn *column)
{
	bool below_free;
	const WalcuField *field;

	if (column->parameter)
		return strcmp(column->parameter, "search") == 0
				   ? pstrdup("search: a condition in the service's own search language")
				   : NULL;
	if (column->ordinality)
		return pstrdup("the place of the element in its list, from 1");
	if (strcmp(column->path, "^._id") == 0)
		return psprintf("^._id: string, the _id of one of %s", table->resource_name);
	if (strcmp(column->path, DEALER_IN_LIST) == 0 ||
		(strcmp(column->path, "dealer_id") == 0 && is_undescribed(setup, table)))
		return pstrdup("the id of the dealer");
	if (strcmp(column->path, ".") == 0)
		return pstrdup(".: the whole document");
	field = openapi_find_place(table->resource->fields, column->path, &below_free);
	return field ? comment_of_field(setup, table, column->path, field) : NULL;
}

/* Is the resource of a table one that the description lacks? */
static bool
is_undescribed(const WalcuSetup *setup, const WalcuSetupTable *table)
{
	return openapi_find_resource(setup->undescribed_resources, table->resource_name) != NULL;
}

/* Returns what the column of a described place is. */
char *
comment_of_field(const WalcuSetup *setup, const WalcuSetupTable *table, const char *path,
				 const WalcuField *field)
{
	const char *whole_path = table->array ? psprintf("%s.%s", table->array, path) : path;
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "%s: %s%s", path, comment_type_name(field), field->is_seen ? SEEN_WORDS : "");
	append_targets(&text, reference_targets(setup->references, table->resource_name, whole_path),
				   field->array);
	if (field->values != NIL)
		append_values(&text, ". One of: ", field->values);
	if (field->note)
	{
		appendStringInfoString(&text, ". ");
		append_on_one_line(&text, field->note, MAX_NOTE);
	}
	append_seen_values(&text, field);
	return text.data;
}

/* Values that the description lists need not be said once more. */
static void
append_seen_values(StringInfo text, const WalcuField *field)
{
	List *others = NIL;
	ListCell *lc;

	foreach(lc, field->seen)
	{
		if (!text_in_list(field->values, lfirst(lc)))
			others = lappend(others, lfirst(lc));
	}
	/* the description's words may end in a full stop, or not */
	if (others != NIL)
		append_values(text, text->data[text->len - 1] == '.' ? " Seen: " : ". Seen: ", others);
}

static void
append_targets(StringInfo text, List *targets, bool array)
{
	ListCell *lc;

	foreach(lc, targets)
	{
		const char *before = ", ";

		if (lc == list_head(targets))
			before = array ? ", each the _id of one of " : ", the _id of one of ";
		else if (lnext(targets, lc) == NULL)
			before = " or ";
		appendStringInfo(text, "%s%s", before, (char *) lfirst(lc));
	}
}

static void
append_values(StringInfo text, const char *words, List *values)
{
	ListCell *lc;

	foreach(lc, values)
	{
		appendStringInfoString(text, lc == list_head(values) ? words : ", ");
		if (foreach_current_index(lc) == MAX_VALUES)
		{
			appendStringInfoString(text, "...");
			break;
		}
		append_on_one_line(text, lfirst(lc), MAX_NOTE);
	}
}

/* A line of its own could be taken for something else by programs that read comments. */
static void
append_on_one_line(StringInfo text, const char *words, int limit)
{
	char *copy = pnstrdup(words, pg_mbcliplen(words, strlen(words), limit));

	for (char *c = copy; *c; c++)
	{
		if ((unsigned char) *c < ' ' || *c == 0x7f)
			*c = ' ';
	}
	appendStringInfoString(text, copy);
	pfree(copy);
}

/* Returns what comments call the type of a field. */
const char *
comment_type_name(const WalcuField *field)
{
	return field->array ? type_names[field->kind].array : type_names[field->kind].one;
}

/* Does the comment on the column of a place say that it is of the type of this field? */
bool
comment_tells_type(const char *comment, const char *path, const WalcuField *field)
{
	const char *name = comment_type_name(field);
	size_t length = strlen(name);

	if (!comment_is_ours(comment, path) || comment[0] == '@')
		return false;
	comment += strlen(path) + 2;
	return strncmp(comment, name, length) == 0 && (comment[length] == '\0' || strchr(",.", comment[length]));
}

/* Was what it is about in documents alone when it was made? */
bool
comment_tells_of_documents(const char *comment)
{
	return comment && strstr(comment, SEEN_WORDS) != NULL;
}

/* Was a comment made here, for what has this name?  Keys for GraphQL may stand before it. */
bool
comment_is_ours(const char *comment, const char *name)
{
	const char *key = psprintf("%s: ", name);

	if (comment == NULL)
		return false;
	return strncmp(comment, key, strlen(key)) == 0 ||
		   (comment[0] == '@' && strstr(comment, psprintf("\n%s", key)) != NULL);
}
