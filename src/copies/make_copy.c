/*
 * make_copy.c
 *	  walcu_fdw_copy(): a table that is kept as a copy of a foreign one.
 *
 * SQL calls in here.  The table is the user's, and an ordinary one; one that is there already is taken as
 * it is.
 */
#include "postgres.h"

#include "base/worker_latch.h"
#include "base/argument.h"
#include "base/hint.h"
#include "base/read_only.h"
#include "base/text.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "base/acting_user.h"
#include "copies/add_columns.h"
#include "copies/carry_out.h"
#include "copies/fill.h"
#include "copies/live_view.h"
#include "copies/sql.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "parser/scansup.h"
#include "service/foreign_table.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

/* This is appended to the schema of the foreign table, unless the copy is named. */
#define SCHEMA_SUFFIX "_copy"

/* The arguments, by their place in the function's declaration. */
enum
{
	ARG_FOREIGN_TABLE,
	ARG_COPY,
	ARG_REFRESH_EVERY,
	ARG_RECONCILE_EVERY,
	ARG_COLUMNS,
	ARG_INDEXES,
	ARG_LIVE_VIEW,
	ARG_FILL,
	ARG_OVERLAP
};

/* The table that is wanted. */
typedef struct CopyWish
{
	WalcuCopySource *source; /* It is a copy of this one. */
	char *schema;            /* It stands in this schema, */
	char *table;             /* has this name, */
	char *name;              /* and with the schema's, quoted where that is needed, this one. */
	List *columns;           /* It has these columns (char *), */
	bool all_columns;        /* which are all of the source. */
	List *indexes;           /* These columns (char *) have an index each. */
} CopyWish;

static CopyWish *read_wish(FunctionCallInfo fcinfo);
static void name_copy(CopyWish *wish, FunctionCallInfo fcinfo);
static void require_permanent(const CopyWish *wish);
static List *read_columns(const WalcuCopySource *source, FunctionCallInfo fcinfo);
static List *read_indexes(const CopyWish *wish, FunctionCallInfo fcinfo);
static void require_column(List *columns, const char *name, Oid relid);
static void make_table(const CopyWish *wish);
static void make_schema(const char *schema);
static void take_over_table(CopyWish *wish, Oid relid);
static void enter_copy(const CopyWish *wish, Oid relid, FunctionCallInfo fcinfo);
static WalcuArgument read_refresh_interval(const CopyWish *wish, FunctionCallInfo fcinfo);
static WalcuArgument argument_interval(FunctionCallInfo fcinfo, int number);

PG_FUNCTION_INFO_V1(walcu_fdw_copy);

/*
 * walcu_fdw_copy(foreign_table regclass, copy text, refresh_every interval, reconcile_every interval,
 * columns text[], indexes text[], live_view boolean, fill boolean, overlap interval) returns regclass
 *
 * Makes the table and its indexes, fills and enters it; or changes what is known of a copy.  Errors: 22004
 * for NULL where it says nothing, 42809 for a table that cannot be copied, 42703 for an unknown column, 42P10
 * for a table that has no primary key with _id, 23514 for an interval below a second, 42501 where a right is
 * missing, those of the statements, of reading, and of read_only_refuse.
 */
Datum
walcu_fdw_copy(PG_FUNCTION_ARGS)
{
	bool fill = argument_boolean(fcinfo, ARG_FILL, "fill");
	WalcuCopyWork work = {0};
	CopyWish *wish;
	Oid relid;

	read_only_refuse("walcu_fdw_copy");
	SPI_connect();
	entry_forget_gone();
	wish = read_wish(fcinfo);
	relid = RangeVarGetRelid(makeRangeVar(wish->schema, wish->table, -1), NoLock, true);
	if (OidIsValid(relid))
		take_over_table(wish, relid);
	else
	{
		make_table(wish);
		relid = RangeVarGetRelid(makeRangeVar(wish->schema, wish->table, -1), NoLock, false);
	}
	enter_copy(wish, relid, fcinfo);
	if (argument_boolean(fcinfo, ARG_LIVE_VIEW, "live_view"))
		live_view_make(entry_lock(relid, WALCU_COPY_WAIT), wish->source);
	SPI_finish();
	if (fill)
		carry_out_work(relid, WORK_FILL, fill_rest, WALCU_COPY_WAIT, &work);
	PG_RETURN_OID(relid);
}

static CopyWish *
read_wish(FunctionCallInfo fcinfo)
{
	CopyWish *wish = palloc0(sizeof(CopyWish));

	if (PG_ARGISNULL(ARG_FOREIGN_TABLE))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("foreign_table must not be null"));
	wish->source = copy_columns_of_source(PG_GETARG_OID(ARG_FOREIGN_TABLE));
	name_copy(wish, fcinfo);
	require_permanent(wish);
	wish->columns = read_columns(wish->source, fcinfo);
	wish->all_columns = PG_ARGISNULL(ARG_COLUMNS);
	wish->indexes = read_indexes(wish, fcinfo);
	return wish;
}

/* A copy of crm.cars is called crm_copy.cars. */
static void
name_copy(CopyWish *wish, FunctionCallInfo fcinfo)
{
	Oid source = wish->source->relid;

	if (PG_ARGISNULL(ARG_COPY))
	{
		wish->schema = psprintf("%s%s", get_namespace_name(get_rel_namespace(source)), SCHEMA_SUFFIX);
		truncate_identifier(wish->schema, strlen(wish->schema), false);
		wish->table = get_rel_name(source);
	}
	else
	{
		RangeVar *named = makeRangeVarFromNameList(textToQualifiedNameList(PG_GETARG_TEXT_PP(ARG_COPY)));

		wish->schema =
			named->schemaname ? named->schemaname : get_namespace_name(RangeVarGetCreationNamespace(named));
		wish->table = named->relname;
	}
	wish->name = quote_qualified_identifier(wish->schema, wish->table);
}

/* Whoever does what is due of copies is another session, to which temporary tables are closed. */
static void
require_permanent(const CopyWish *wish)
{
	bool is_source = get_rel_persistence(wish->source->relid) == RELPERSISTENCE_TEMP;

	if (is_source || strcmp(wish->schema, "pg_temp") == 0 ||
		isAnyTempNamespace(get_namespace_oid(wish->schema, true)))
		ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
				is_source ? errmsg("\"%s\" cannot be copied", foreign_table_name(wish->source->relid))
						  : errmsg("\"%s\" cannot be a copy", wish->name),
				errdetail("It is a temporary table, which other sessions cannot read."),
				errhint("CREATE TABLE ... AS SELECT makes a temporary table of what the CRM has now."));
}

/* What rows are known by, and what tells of changes, is always among the columns. */
static List *
read_columns(const WalcuCopySource *source, FunctionCallInfo fcinfo)
{
	List *named = argument_texts(fcinfo, ARG_COLUMNS, "columns");
	List *columns = NIL;
	ListCell *lc;

	if (named == NIL)
		return list_copy(source->columns);
	foreach(lc, named)
		require_column(source->columns, lfirst(lc), source->relid);
	foreach(lc, source->columns)
	{
		const char *name = lfirst(lc);

		if (text_in_list(named, name) || name == source->id || name == source->updated_at)
			columns = lappend(columns, lfirst(lc));
	}
	return columns;
}

/* The key has an index in any case, and so has updated_at, of which each refresh wants the newest. */
static List *
read_indexes(const CopyWish *wish, FunctionCallInfo fcinfo)
{
	List *named = NIL;
	List *indexes = NIL;
	ListCell *lc;

	if (PG_ARGISNULL(ARG_INDEXES))
		named = copy_columns_of_ids(wish->source);
	else if (ArrayGetNItems(ARR_NDIM(PG_GETARG_ARRAYTYPE_P(ARG_INDEXES)),
							ARR_DIMS(PG_GETARG_ARRAYTYPE_P(ARG_INDEXES))) > 0)
	{
		named = argument_texts(fcinfo, ARG_INDEXES, "indexes");
		foreach(lc, named)
			require_column(wish->columns, lfirst(lc), wish->source->relid);
	}
	foreach(lc, wish->columns)
	{
		const char *name = lfirst(lc);

		if (name == wish->source->updated_at || (name != wish->source->id && text_in_list(named, name)))
			indexes = lappend(indexes, lfirst(lc));
	}
	return indexes;
}

static void
require_column(List *columns, const char *name, Oid relid)
{
	if (!text_in_list(columns, name))
		ereport(
			ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("column \"%s\" of \"%s\" cannot be copied", name, get_rel_name(relid)),
			errdetail(
				"It is not there, shows no place of the documents, or is not among the columns of the copy."),
			errhint("%s", hint_name("column", name, columns)));
}

static void
make_table(const CopyWish *wish)
{
	StringInfoData statement;
	ListCell *lc;

	make_schema(wish->schema);
	initStringInfo(&statement);
	appendStringInfo(&statement, "CREATE TABLE %s (", wish->name);
	foreach(lc, wish->columns)
		appendStringInfo(&statement, "\n  %s,", copy_columns_declare(wish->source->relid, lfirst(lc)));
	appendStringInfo(&statement, "\n  PRIMARY KEY (%s)\n)", quote_identifier(wish->source->id));
	sql_run(statement.data, 0, NULL);
	foreach(lc, wish->indexes)
		sql_run(psprintf("CREATE INDEX ON %s (%s)", wish->name, quote_identifier(lfirst(lc))), 0, NULL);
	sql_run(
		psprintf("COMMENT ON TABLE %s IS %s", wish->name,
				 quote_literal_cstr(psprintf("local copy of %s", foreign_table_name(wish->source->relid)))),
		0, NULL);
	add_columns_comment(wish->name, wish->source, wish->columns);
}

static void
make_schema(const char *schema)
{
	if (!OidIsValid(get_namespace_oid(schema, true)))
		sql_run(psprintf("CREATE SCHEMA %s", quote_identifier(schema)), 0, NULL);
}

/*
 * A copy that is known gets the columns that it lacks.  Of another table those are copied that it has:
 * somebody has made it as he wants it.
 */
static void
take_over_table(CopyWish *wish, Oid relid)
{
	ListCell *lc;

	if (get_rel_relkind(relid) != RELKIND_RELATION && get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not a table", wish->name),
				errhint("Give the copy another name: walcu_fdw_copy(..., copy => 'schema.name')."));
	acting_user_require_owner(relid);
	(void) copy_columns_key(relid, wish->source->id);
	if (entry_is_known(relid))
		(void) add_columns_lacking(relid, wish->source, wish->columns);
	foreach(lc, wish->columns)
	{
		if (get_attnum(relid, lfirst(lc)) != InvalidAttrNumber)
			continue;
		wish->all_columns = false;
		wish->columns = foreach_delete_current(wish->columns, lc);
	}
	copy_columns_keep(wish->source, wish->columns);
}

/* All documents are to be read when the copy is new, is of another table, or has columns that it had not. */
static void
enter_copy(const CopyWish *wish, Oid relid, FunctionCallInfo fcinfo)
{
	sql_run_as_keeper(
		SQL_ENTRIES,
		"INSERT INTO %1$s AS e (copy, foreign_table, columns, all_columns, refresh_every, reconcile_every,"
		"                       overlap)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7)"
		" ON CONFLICT (copy) DO UPDATE"
		"   SET foreign_table = excluded.foreign_table, columns = excluded.columns,"
		"       all_columns = excluded.all_columns, refresh_every = excluded.refresh_every,"
		"       reconcile_every = excluded.reconcile_every, overlap = excluded.overlap,"
		"       filling = e.filling OR NOT (excluded.foreign_table = e.foreign_table"
		"                                   AND excluded.columns <@ e.columns),"
		"       fill_began_at = CASE WHEN excluded.foreign_table = e.foreign_table"
		"                             AND excluded.columns <@ e.columns THEN e.fill_began_at END",
		7,
		(WalcuArgument[]){sql_relation(relid), sql_relation(wish->source->relid), sql_texts(wish->columns),
						  sql_boolean(wish->all_columns), read_refresh_interval(wish, fcinfo),
						  argument_interval(fcinfo, ARG_RECONCILE_EVERY),
						  argument_interval(fcinfo, ARG_OVERLAP)});
	worker_latch_set_at_commit();
}

/* Without updated_at nothing tells what has changed. */
static WalcuArgument
read_refresh_interval(const CopyWish *wish, FunctionCallInfo fcinfo)
{
	WalcuArgument every = argument_interval(fcinfo, ARG_REFRESH_EVERY);

	if (!every.is_null && wish->source->updated_at == NULL)
	{
		every.is_null = true;
		ereport(NOTICE, errmsg("no column of \"%s\" shows updated_at: the copy is only reconciled",
							   foreign_table_name(wish->source->relid)));
	}
	return every;
}

static WalcuArgument
argument_interval(FunctionCallInfo fcinfo, int number)
{
	return sql_value(INTERVALOID, PG_ARGISNULL(number) ? (Datum) 0 : PG_GETARG_DATUM(number),
					 PG_ARGISNULL(number));
}
