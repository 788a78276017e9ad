/*
 * option.c
 *	  The options of servers, user mappings, foreign tables, columns and imports.
 *
 * All options stand in one table.  CREATE and ALTER call the validator; option_in_force.c, option_column.c
 * and imports have what an object says read into a struct.  What a single value may be is in option_value.c.
 */
#include "postgres.h"

#include "service/option.h"

#include "access/reloptions.h"
#include "base/compat.h"
#include "base/hint.h"
#include "base/url.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "service/credential.h"
#include "service/option_synonym.h"
#include "service/option_value.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* The objects of four catalogs have options, and so has a statement. */
#define ON_SERVER  1
#define ON_MAPPING 2
#define ON_TABLE   4
#define ON_COLUMN  8
#define ON_IMPORT  16

/* With the waits of retry.c, so many retries of an outage take more than half a minute; else fewer do. */
#define DEFAULT_RETRIES 12
#define DEFAULT_MISHAPS 4
#define NOT_SAID        (-1)

/* IMPORT FOREIGN SCHEMA flattens so many levels at most; the service's own documents are less deep. */
#define MAX_FLATTEN 10

typedef enum OptionKind
{
	KIND_TEXT, /* The row's function checks it. */
	KIND_BOOLEAN,
	KIND_INTEGER,
	KIND_COST,
	KIND_RATE,
	KIND_DURATION,
	KIND_SIZE,
	KIND_LARGE_SIZE,
	KIND_CHOICE,
	KIND_LIST
} OptionKind;

typedef struct OptionRow
{
	const char *name;                                  /* This is the name of the option. */
	int objects;                                       /* These objects have it: a set of ON_... */
	OptionKind kind;                                   /* Its values are of this kind. */
	int offset;                                        /* The field that it fills is here, or NOT_RESOLVED. */
	void (*check)(const char *name, const char *text); /* It checks a value of KIND_TEXT or KIND_LIST. */
	const char *const *choices;                        /* A value of KIND_CHOICE is one of these. */
	int min;                                           /* A value of KIND_INTEGER is not less. */
	int max;                                           /* A value of KIND_INTEGER is not greater. */
} OptionRow;

#define FIELD(name)        offsetof(WalcuOptions, name)
#define COLUMN_FIELD(name) offsetof(WalcuColumn, name)
#define IMPORT_FIELD(name) offsetof(WalcuImportOptions, name)
#define NOT_RESOLVED       (-1)

static const char *const fetch_choices[] = {"auto", "pages", "parallel", "job", NULL};
static const char *const paging_choices[] = {"key", "skip", NULL};
static const char *const format_choices[] = {"mongoose", "comma", "json", "none", NULL};
static const char *const sampling_choices[] = {"off", "auto", "random", NULL};
static const char *const ignored_choices[] = {"warning", "error", "ignore", NULL};
static const char *const mismatch_choices[] = {"error", "null", NULL};
static const char *const id_choices[] = {"auto", "objectid", "string", NULL};
static const char *const precision_choices[] = {"round", "error", NULL};
static const char *const update_choices[] = {"patch", "put", NULL};
static const char *const write_choices[] = {"immediate", "commit", "outbox", NULL};
static const char *const redirect_choices[] = {"listed", "https", "off", NULL};
static const char *const source_choices[] = {"live", "bundled", NULL};

/* clang-format off */
static const OptionRow rows[] = {
	{"endpoint", ON_SERVER, KIND_TEXT, FIELD(endpoint), option_check_endpoint},
	{"dealer_id", ON_SERVER | ON_TABLE, KIND_TEXT, FIELD(dealer_id), option_check_segment},
	{"resource", ON_TABLE, KIND_TEXT, FIELD(resource), option_check_segment},
	{"array", ON_TABLE, KIND_TEXT, FIELD(array), option_check_list_path},
	{"fetch_size", ON_SERVER | ON_TABLE, KIND_INTEGER, FIELD(fetch_size), NULL, NULL, 1, 1000},
	{"connect_timeout", ON_SERVER, KIND_DURATION, FIELD(connect_timeout)},
	{"request_timeout", ON_SERVER, KIND_DURATION, FIELD(request_timeout)},
	{"max_requests", ON_SERVER, KIND_INTEGER, FIELD(max_requests), NULL, NULL, 0, PG_INT32_MAX},
	{"max_requests_per_second", ON_SERVER, KIND_RATE, FIELD(max_requests_per_second)},
	{"max_connections", ON_SERVER, KIND_INTEGER, FIELD(max_connections), NULL, NULL, 1, 64},
	{"max_connections_total", ON_SERVER, KIND_INTEGER, FIELD(max_connections_total), NULL, NULL, 0, 100000},
	{"max_retries", ON_SERVER, KIND_INTEGER, FIELD(max_retries), NULL, NULL, 0, 20},
	{"max_retry_wait", ON_SERVER, KIND_DURATION, FIELD(max_retry_wait)},
	{"max_reply_size", ON_SERVER | ON_TABLE, KIND_LARGE_SIZE, FIELD(max_reply_size)},
	{"max_document_depth", ON_SERVER | ON_TABLE, KIND_INTEGER, FIELD(max_document_depth), NULL, NULL, 1,
	 10000},
	{"connection_lifetime", ON_SERVER, KIND_DURATION, FIELD(connection_lifetime)},
	{"keep_connections", ON_SERVER, KIND_BOOLEAN, FIELD(keep_connections)},
	{"async_capable", ON_SERVER | ON_TABLE, KIND_BOOLEAN, FIELD(async_capable)},
	{"fetch_mode", ON_SERVER | ON_TABLE, KIND_CHOICE, FIELD(fetch_mode), NULL, fetch_choices},
	{"job_threshold", ON_SERVER | ON_TABLE, KIND_INTEGER, FIELD(job_threshold), NULL, NULL, 0, PG_INT32_MAX},
	{"job_timeout", ON_SERVER | ON_TABLE, KIND_DURATION, FIELD(job_timeout)},
	{"max_document_size", ON_SERVER | ON_TABLE, KIND_SIZE, FIELD(max_document_size)},
	{"allow_http", ON_SERVER, KIND_BOOLEAN, FIELD(allow_http)},
	{"ca_file", ON_SERVER, KIND_TEXT, FIELD(ca_file), option_check_absolute_path},
	{"results_hosts", ON_SERVER, KIND_LIST, FIELD(results_hosts), option_check_hosts},
	{"results_redirects", ON_SERVER, KIND_CHOICE, FIELD(results_redirects), NULL, redirect_choices},
	{"updatable", ON_SERVER | ON_TABLE, KIND_BOOLEAN, FIELD(updatable)},
	{"truncatable", ON_SERVER | ON_TABLE, KIND_BOOLEAN, FIELD(truncatable)},
	{"batch_size", ON_SERVER | ON_TABLE, KIND_INTEGER, FIELD(batch_size), NULL, NULL, 1, 1000},
	{"client_ids", ON_SERVER | ON_TABLE, KIND_BOOLEAN, FIELD(client_ids)},
	{"update_method", ON_SERVER | ON_TABLE, KIND_CHOICE, FIELD(update_method), NULL, update_choices},
	{"write_mode", ON_SERVER | ON_TABLE, KIND_CHOICE, FIELD(write_mode), NULL, write_choices},
	{"timestamp_precision", ON_SERVER | ON_TABLE, KIND_CHOICE, FIELD(timestamp_precision), NULL,
	 precision_choices},
	{"on_ignored_write", ON_SERVER | ON_TABLE, KIND_CHOICE, FIELD(on_ignored_write), NULL, ignored_choices},
	{"paging", ON_SERVER | ON_TABLE, KIND_CHOICE, FIELD(paging), NULL, paging_choices},
	{"sort_format", ON_SERVER, KIND_CHOICE, FIELD(sort_format), NULL, format_choices},
	{"project_format", ON_SERVER, KIND_CHOICE, FIELD(project_format), NULL, format_choices},
	{"on_type_mismatch", ON_SERVER | ON_TABLE, KIND_CHOICE, FIELD(on_type_mismatch), NULL, mismatch_choices},
	{"id_type", ON_SERVER | ON_TABLE, KIND_CHOICE, FIELD(id_type), NULL, id_choices},
	{"folded_texts", ON_SERVER | ON_TABLE, KIND_LIST, FIELD(folded_texts), option_check_places},
	{"pushdown", ON_SERVER | ON_TABLE, KIND_BOOLEAN, FIELD(pushdown)},
	{"max_url_length", ON_SERVER | ON_TABLE, KIND_INTEGER, FIELD(max_url_length), NULL, NULL, 1000, 1000000},
	{"use_remote_estimate", ON_SERVER | ON_TABLE, KIND_BOOLEAN, FIELD(use_remote_estimate)},
	{"analyze_sampling", ON_SERVER | ON_TABLE, KIND_CHOICE, FIELD(analyze_sampling), NULL, sampling_choices},
	{"join_batch_size", ON_SERVER | ON_TABLE, KIND_INTEGER, FIELD(join_batch_size), NULL, NULL, 1, 100000},
	{"fdw_startup_cost", ON_SERVER | ON_TABLE, KIND_COST, FIELD(fdw_startup_cost)},
	{"fdw_tuple_cost", ON_SERVER | ON_TABLE, KIND_COST, FIELD(fdw_tuple_cost)},
	{"token", ON_MAPPING, KIND_TEXT, NOT_RESOLVED, option_check_secret},
	{"token_file", ON_MAPPING, KIND_TEXT, NOT_RESOLVED, option_check_absolute_path},
	{"username", ON_MAPPING, KIND_TEXT, NOT_RESOLVED, option_check_username},
	{"password", ON_MAPPING, KIND_TEXT, NOT_RESOLVED, option_check_secret},
	{"password_file", ON_MAPPING, KIND_TEXT, NOT_RESOLVED, option_check_absolute_path},
	{"header_name", ON_MAPPING, KIND_TEXT, NOT_RESOLVED, option_check_header_name},
	{"header_value", ON_MAPPING, KIND_TEXT, NOT_RESOLVED, option_check_secret},
	{"header_value_file", ON_MAPPING, KIND_TEXT, NOT_RESOLVED, option_check_absolute_path},
	{"path", ON_COLUMN, KIND_TEXT, COLUMN_FIELD(path), option_check_path},
	{"parameter", ON_COLUMN, KIND_TEXT, COLUMN_FIELD(parameter), option_check_parameter},
	{"ordinality", ON_COLUMN, KIND_BOOLEAN, COLUMN_FIELD(ordinality)},
	{"pushdown", ON_COLUMN, KIND_BOOLEAN, COLUMN_FIELD(pushdown)},
	{"readonly", ON_COLUMN, KIND_BOOLEAN, COLUMN_FIELD(readonly)},
	{"id_type", ON_COLUMN, KIND_CHOICE, COLUMN_FIELD(id_type), NULL, id_choices},
	{"timestamp_precision", ON_COLUMN, KIND_CHOICE, COLUMN_FIELD(timestamp_precision), NULL,
	 precision_choices},
	{"source", ON_IMPORT, KIND_CHOICE, IMPORT_FIELD(source), NULL, source_choices},
	{"import_collate", ON_IMPORT, KIND_BOOLEAN, IMPORT_FIELD(import_collate)},
	{"flatten", ON_IMPORT, KIND_INTEGER, IMPORT_FIELD(flatten), NULL, NULL, 0, MAX_FLATTEN},
	{"import_document", ON_IMPORT, KIND_BOOLEAN, IMPORT_FIELD(import_document)},
	{"import_search", ON_IMPORT, KIND_BOOLEAN, IMPORT_FIELD(import_search)},
	{"arrays", ON_IMPORT, KIND_BOOLEAN, IMPORT_FIELD(arrays)},
};

static const WalcuOptions defaults = {
	.endpoint = WALCU_PUBLIC_ENDPOINT,
	.fetch_size = 50,			/* This is the service's own limit. */
	.connect_timeout = 10 * 1000,
	.request_timeout = 60 * 1000,
	.max_requests = 100000,
	.max_connections = 4,
	.max_retries = NOT_SAID,
	.max_retry_wait = 30 * 1000,
	.max_document_size = 64 * 1024 * 1024,
	.max_reply_size = INT64CONST(16) * 1024 * 1024 * 1024,
	.max_document_depth = 500,	/* The service's own limit is 100. */
	.connection_lifetime = 5 * 60 * 1000,
	.keep_connections = true,
	.async_capable = true,
	.job_threshold = 1000,
	.job_timeout = 10 * 60 * 1000,
	.updatable = true,
	.batch_size = 20,
	.pushdown = true,
	.max_url_length = 8000,		/* Servers and proxies commonly take as much. */
	.analyze_sampling = WALCU_SAMPLING_AUTO,
	.join_batch_size = 5000,
	.fdw_startup_cost = 100,	/* This is as in postgres_fdw; here it is the cost of a request. */
	.fdw_tuple_cost = 0.2,
};
/* clang-format on */

bool option_enable_pushdown = true;
bool option_enable_batched_join = true;

static const WalcuImportOptions import_defaults = {.import_collate = true};

/* The options of each catalog's objects are given in these statements. */
static const struct
{
	Oid catalog;
	int object;
	const char *statement;
} objects[] = {
	{ForeignServerRelationId, ON_SERVER, "CREATE SERVER"},
	{UserMappingRelationId, ON_MAPPING, "CREATE USER MAPPING"},
	{ForeignTableRelationId, ON_TABLE, "CREATE FOREIGN TABLE"},
	{AttributeRelationId, ON_COLUMN, "a column of CREATE FOREIGN TABLE"},
	{InvalidOid, ON_IMPORT, "IMPORT FOREIGN SCHEMA"},
};

static List *copy_texts(List *texts);
static bool is_same_value(const OptionRow *row, const void *one, const void *other);
static bool are_same_lists(List *one, List *other);
static int find_object_kind(Oid catalog);
static void read_list(List *list, int object, void *options);
static const OptionRow *find_row(const char *name, int object);
pg_noreturn static void raise_unknown_option(const char *name, int object);
static void read_value(const OptionRow *row, const char *text, void *options);
static void check_together(int object, List *list);
static void check_endpoint_with_http(List *list);
static void check_file_options(List *list);

PG_FUNCTION_INFO_V1(walcu_fdw_validator);

/*
 * walcu_fdw_validator(text[], oid) returns void
 *
 * Errors: HV00D for an option that the object does not have, 22023 for a value
 * that is not valid, or options that do not go together.
 */
Datum
walcu_fdw_validator(PG_FUNCTION_ARGS)
{
	List *list = untransformRelOptions(PG_GETARG_DATUM(0));
	int object = find_object_kind(PG_GETARG_OID(1));
	WalcuOptions ignored;

	read_list(list, object, &ignored);
	check_together(object, list);
	PG_RETURN_VOID();
}

/* Fills in what a server's options say, and the defaults for the others. */
void
option_read_server(List *list, WalcuOptions *options)
{
	bool is_said;

	*options = defaults;
	read_list(list, ON_SERVER, options);
	/* what is said of retries is said of all; the defaults make a difference */
	is_said = options->max_retries != NOT_SAID;
	options->max_mishaps = is_said ? options->max_retries : DEFAULT_MISHAPS;
	options->max_retries = is_said ? options->max_retries : DEFAULT_RETRIES;
}

/* Puts what a table's options say over what is in the struct. */
void
option_read_table(List *list, WalcuOptions *options)
{
	read_list(list, ON_TABLE, options);
}

/* Copies options, with all that they point to, into the current memory context. */
WalcuOptions *
option_copy(const WalcuOptions *options)
{
	WalcuOptions *copy = palloc(sizeof(WalcuOptions));

	*copy = *options;
	copy->server_name = pstrdup(options->server_name);
	for (int i = 0; i < lengthof(rows); i++)
	{
		void *field = (char *) copy + Max(rows[i].offset, 0);

		if (!(rows[i].objects & (ON_SERVER | ON_TABLE)))
			continue;
		if (rows[i].kind == KIND_TEXT && *(char **) field)
			*(char **) field = pstrdup(*(char **) field);
		if (rows[i].kind == KIND_LIST)
			*(List **) field = copy_texts(*(List **) field);
	}
	return copy;
}

static List *
copy_texts(List *texts)
{
	List *copy = NIL;
	ListCell *lc;

	foreach(lc, texts)
		copy = lappend(copy, pstrdup(lfirst(lc)));
	return copy;
}

/* Tells whether the options of two tables, or of one at two times, say the same. */
bool
option_equals(const WalcuOptions *one, const WalcuOptions *other)
{
	if (one->serverid != other->serverid)
		return false;
	for (int i = 0; i < lengthof(rows); i++)
	{
		size_t offset = rows[i].offset;

		if ((rows[i].objects & (ON_SERVER | ON_TABLE)) &&
			!is_same_value(&rows[i], (const char *) one + offset, (const char *) other + offset))
			return false;
	}
	return true;
}

/* Puts what a column's options say over what is in the struct. */
void
option_read_column(List *list, WalcuColumn *column)
{
	read_list(list, ON_COLUMN, column);
}

/* Returns the options of an IMPORT FOREIGN SCHEMA statement, given as a list of DefElem. */
WalcuImportOptions
option_for_import(List *list)
{
	WalcuImportOptions options = import_defaults;

	read_list(list, ON_IMPORT, &options);
	return options;
}

/* Returns the kind of a catalog's objects; 0 for the foreign data wrapper itself, which has no options. */
static int
find_object_kind(Oid catalog)
{
	for (int i = 0; i < lengthof(objects); i++)
	{
		if (OidIsValid(catalog) && objects[i].catalog == catalog)
			return objects[i].object;
	}
	return 0;
}

/* Checks the options of an object, and puts them into the struct that they fill. */
static void
read_list(List *list, int object, void *options)
{
	ListCell *lc;

	foreach(lc, list)
	{
		DefElem *option = lfirst(lc);
		const OptionRow *row = find_row(option->defname, object);

		if (row == NULL)
			raise_unknown_option(option->defname, object);
		read_value(row, defGetString(option), options);
	}
}

static const OptionRow *
find_row(const char *name, int object)
{
	for (int i = 0; i < lengthof(rows); i++)
	{
		if ((rows[i].objects & object) && strcmp(rows[i].name, name) == 0)
			return &rows[i];
	}
	return NULL;
}

static void
raise_unknown_option(const char *name, int object)
{
	const char *meant = option_synonym(name);
	const char *hint = NULL;
	List *valid = NIL;

	if (meant && find_row(meant, object))
		hint = psprintf("Perhaps you meant the option \"%s\".", meant);
	for (int i = 0; i < lengthof(objects) && hint == NULL; i++)
	{
		if (find_row(name, objects[i].object))
			hint = psprintf("Option \"%s\" belongs to %s.", name, objects[i].statement);
	}
	for (int i = 0; i < lengthof(rows); i++)
	{
		if (rows[i].objects & object)
			valid = lappend(valid, unconstify(char *, rows[i].name));
	}
	ereport(ERROR, errcode(ERRCODE_FDW_INVALID_OPTION_NAME), errmsg("invalid option \"%s\"", name),
			errhint("%s", hint ? hint : hint_name("option", name, valid)));
}

/* Checks a value, and puts it into its field. */
static void
read_value(const OptionRow *row, const char *text, void *options)
{
	void *field = (char *) options + Max(row->offset, 0);

	if (row->check)
		row->check(row->name, text);
	if (row->offset == NOT_RESOLVED)
		return;
	switch (row->kind)
	{
		case KIND_TEXT:
			*(char **) field = pstrdup(text);
			break;
		case KIND_LIST:
			*(List **) field = option_split_list(text);
			break;
		case KIND_BOOLEAN:
			*(bool *) field = option_value_boolean(row->name, text);
			break;
		case KIND_INTEGER:
			*(int *) field = option_value_integer(row->name, text, row->min, row->max);
			break;
		case KIND_COST:
			*(double *) field = option_value_cost(row->name, text);
			break;
		case KIND_RATE:
			*(double *) field = option_value_rate(row->name, text);
			break;
		case KIND_DURATION:
			*(int *) field = option_value_duration(row->name, text);
			break;
		case KIND_SIZE:
			*(int64 *) field = option_value_size(row->name, text);
			break;
		case KIND_LARGE_SIZE:
			*(int64 *) field = option_value_large_size(row->name, text);
			break;
		case KIND_CHOICE:
			*(int *) field = option_value_choice(row->name, text, row->choices);
			break;
	}
}

/* Tells whether two fields that a row fills hold the same value. */
static bool
is_same_value(const OptionRow *row, const void *one, const void *other)
{
	switch (row->kind)
	{
		case KIND_TEXT:
		{
			const char *left = *(const char *const *) one;
			const char *right = *(const char *const *) other;

			return (left && right) ? strcmp(left, right) == 0 : left == right;
		}
		case KIND_LIST:
			return are_same_lists(*(List *const *) one, *(List *const *) other);
		case KIND_BOOLEAN:
			return *(const bool *) one == *(const bool *) other;
		case KIND_INTEGER:
		case KIND_DURATION:
		case KIND_CHOICE:
			return *(const int *) one == *(const int *) other;
		case KIND_COST:
		case KIND_RATE:
			return *(const double *) one == *(const double *) other;
		case KIND_SIZE:
		case KIND_LARGE_SIZE:
			return *(const int64 *) one == *(const int64 *) other;
	}
	return false;
}

static bool
are_same_lists(List *one, List *other)
{
	ListCell *left;
	ListCell *right;

	if (list_length(one) != list_length(other))
		return false;
	forboth(left, one, right, other)
	{
		if (strcmp(lfirst(left), lfirst(right)) != 0)
			return false;
	}
	return true;
}

/* Checks options that have to go together. */
static void
check_together(int object, List *list)
{
	check_file_options(list);
	if (object == ON_SERVER)
		check_endpoint_with_http(list);
	if (object == ON_MAPPING)
		credential_check(list);
	if (object == ON_COLUMN)
		option_check_column(list);
}

/*
 * Checks who names a file, as postgres_fdw does for keys: others could have files of the database server
 * read that they may not read.
 */
static void
check_file_options(List *list)
{
	ListCell *lc;

	foreach(lc, list)
	{
		const char *name = ((DefElem *) lfirst(lc))->defname;
		size_t length = strlen(name);

		if (length > 5 && strcmp(name + length - 5, "_file") == 0 && !superuser())
			ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					errmsg("permission denied to set option \"%s\"", name),
					errhint("Only superusers may create or change objects with an option that names a file "
							"on the database server."));
	}
}

static void
check_endpoint_with_http(List *list)
{
	char *endpoint = option_value_of(list, "endpoint");
	char *allow_http = option_value_of(list, "allow_http");

	if (endpoint == NULL || url_is_safe(endpoint))
		return;
	if (allow_http && option_value_boolean("allow_http", allow_http))
		return;
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("endpoint \"%s\" would send credentials unencrypted", endpoint),
			errhint("Use https, or add the option allow_http 'true' if the network in between is safe."));
}
