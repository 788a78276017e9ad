/*
 * app_view.c
 *	  Views over the tables, for programs that do not see foreign ones.
 *
 * They stand in a schema of their own, with the names of the tables, and PostgreSQL writes through them.  A
 * view is known by the table that it is of.  One that somebody has given conditions or fewer columns is left
 * as it is.
 */
#include "postgres.h"

#include "setup/app_view.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "base/compat.h"
#include "catalog/pg_class.h"
#include "commands/comment.h"
#include "lib/stringinfo.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "service/foreign_table.h"
#include "setup/comment.h"
#include "setup/right.h"
#include "setup/schema_step.h"
#include "setup/step.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* A view that shows this part of a table's columns is to show all of them. */
#define WHOLE_PART 0.8

/* A view that there is. */
typedef struct AppView
{
	Oid viewid;    /* It is this one. */
	List *sources; /* It reads these relations (OIDs). */
	Oid relid;     /* It shows columns of this one, and nothing else; or InvalidOid. */
	List *numbers; /* They have these numbers. */
} AppView;

static List *list_views(Oid schemaid);
static void plan_view(WalcuSetup *setup, const char *schema, Oid schemaid, List *views,
					  const WalcuSetupTable *table);
static AppView *find_view_of_table(List *views, Oid relid);
static AppView *find_view_by_id(List *views, Oid viewid);
static AppView *read_view(Oid viewid);
static List *list_shown_columns(const Query *query);
static void plan_new_view(WalcuSetup *setup, const char *schema, const WalcuSetupTable *table);
static void plan_known_view(WalcuSetup *setup, const AppView *known, const WalcuSetupTable *table);
static void add_view_columns(WalcuSetup *setup, Oid viewid, WalcuSetupTable *view,
							 const WalcuSetupTable *table, List *missing);
static char *read_view_options(Oid view);
static WalcuSetupColumn *copy_column(const WalcuSetupColumn *column);

/* Plans a view of each table that has none, and the columns that views lack. */
void
app_view_plan(WalcuSetup *setup)
{
	char *wanted = psprintf("%s_app", setup->schema);
	char *schema = columns_unique_name(NIL, wanted, wanted);
	Oid schemaid = schema_step_add(setup, schema);
	List *views = list_views(schemaid);
	ListCell *lc;

	foreach(lc, setup->tables)
		plan_view(setup, schema, schemaid, views, lfirst(lc));
}

/* Returns the views (of AppView) of a schema. */
static List *
list_views(Oid schemaid)
{
	Relation catalog = table_open(RelationRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;
	List *views = NIL;

	ScanKeyInit(&keys[0], Anum_pg_class_relnamespace, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(schemaid));
	ScanKeyInit(&keys[1], Anum_pg_class_relkind, BTEqualStrategyNumber, F_CHAREQ, CharGetDatum(RELKIND_VIEW));
	scan = systable_beginscan(catalog, InvalidOid, false, NULL, lengthof(keys), keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		views = lappend(views, read_view(((Form_pg_class) GETSTRUCT(tuple))->oid));
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return views;
}

static void
plan_view(WalcuSetup *setup, const char *schema, Oid schemaid, List *views, const WalcuSetupTable *table)
{
	const char *name = OidIsValid(table->relid) ? get_rel_name(table->relid) : table->bare_name;
	const AppView *view = OidIsValid(table->relid) ? find_view_of_table(views, table->relid) : NULL;
	const AppView *other;

	if (view)
	{
		plan_known_view(setup, view, table);
		return;
	}
	if (!schema_step_is_taken(schemaid, name))
	{
		if (OidIsValid(schemaid))
			right_to_make_tables(schemaid);
		plan_new_view(setup, quote_qualified_identifier(schema, name), table);
		return;
	}
	other = find_view_by_id(views, get_relname_relid(name, schemaid));
	/* one that reads the table, perhaps among others, is somebody's own */
	if (other == NULL || !OidIsValid(table->relid) || !list_member_oid(other->sources, table->relid))
		step_find(setup, "name taken", quote_qualified_identifier(schema, name),
				  psprintf("Something that is no view of %s has this name.", table->name),
				  step_rename_advice(get_relname_relid(name, schemaid)));
}

static AppView *
find_view_of_table(List *views, Oid relid)
{
	ListCell *lc;

	foreach(lc, views)
	{
		if (((AppView *) lfirst(lc))->relid == relid)
			return lfirst(lc);
	}
	return NULL;
}

static AppView *
find_view_by_id(List *views, Oid viewid)
{
	ListCell *lc;

	foreach(lc, views)
	{
		if (((AppView *) lfirst(lc))->viewid == viewid)
			return lfirst(lc);
	}
	return NULL;
}

static AppView *
read_view(Oid viewid)
{
	AppView *view = palloc0(sizeof(AppView));
	Relation relation = relation_open(viewid, AccessShareLock);
	const Query *query = get_view_query(relation);
	ListCell *lc;

	view->viewid = viewid;
	foreach(lc, query->rtable)
		view->sources = lappend_oid(view->sources, lfirst_node(RangeTblEntry, lc)->relid);
	view->numbers = list_shown_columns(query);
	if (view->numbers != NIL)
		view->relid =
			rt_fetch(linitial_node(RangeTblRef, query->jointree->fromlist)->rtindex, query->rtable)->relid;
	relation_close(relation, AccessShareLock);
	return view;
}

/* Returns the numbers of the columns of a table that a view shows; NIL if it does anything else. */
static List *
list_shown_columns(const Query *query)
{
	List *numbers = NIL;
	ListCell *lc;

	if (view_query_is_auto_updatable(unconstify(Query *, query), false) != NULL ||
		query->jointree->quals != NULL)
		return NIL;
	foreach(lc, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);

		if (entry->resjunk)
			continue;
		/* a system column is not among those that such a view is made anew of */
		if (!IsA(entry->expr, Var) || ((Var *) entry->expr)->varattno <= 0)
			return NIL;
		numbers = lappend_int(numbers, ((Var *) entry->expr)->varattno);
	}
	return numbers;
}

static void
plan_new_view(WalcuSetup *setup, const char *name, const WalcuSetupTable *table)
{
	WalcuSetupTable *view = palloc0(sizeof(WalcuSetupTable));
	ListCell *lc;

	view->kind = "VIEW";
	view->name = name;
	view->resource_name = table->resource_name;
	view->array = table->array;
	view->resource = table->resource;
	foreach(lc, table->columns)
		view->columns = lappend(view->columns, copy_column(lfirst(lc)));
	step_run(setup, "create view", name,
			 psprintf("CREATE VIEW %s" COMPAT_VIEW_OPTIONS " AS SELECT * FROM %s", name, table->name), NULL);
	if (setup->comments)
		comment_plan(setup, view);
}

static void
plan_known_view(WalcuSetup *setup, const AppView *known, const WalcuSetupTable *table)
{
	Oid viewid = known->viewid;
	WalcuSetupTable *view = palloc0(sizeof(WalcuSetupTable));
	List *missing = NIL;
	int number = 0;
	ListCell *lc;
	ListCell *cell;

	view->kind = "VIEW";
	view->relid = viewid;
	view->name = foreign_table_name(viewid);
	view->resource_name = table->resource_name;
	view->array = table->array;
	view->resource = table->resource;
	view->comment = GetComment(viewid, RelationRelationId, 0);
	foreach(lc, known->numbers)
	{
		number++;
		foreach(cell, table->columns)
		{
			WalcuSetupColumn *column = lfirst(cell);

			if (column->number != lfirst_int(lc))
				continue;
			column = copy_column(column);
			column->name = get_attname(viewid, number, false);
			column->number = lfirst_int(lc);
			column->comment = GetComment(viewid, RelationRelationId, number);
			view->columns = lappend(view->columns, column);
		}
	}
	foreach(lc, table->columns)
	{
		if (!list_member_int(known->numbers, ((WalcuSetupColumn *) lfirst(lc))->number))
			missing = lappend(missing, lfirst(lc));
	}
	if (missing != NIL && list_length(view->columns) >= WHOLE_PART * list_length(table->columns))
		add_view_columns(setup, viewid, view, table, missing);
	if (setup->comments)
		comment_plan(setup, view);
}

/* Plans further columns, behind those that a view has; it keeps their names and its options. */
static void
add_view_columns(WalcuSetup *setup, Oid viewid, WalcuSetupTable *view, const WalcuSetupTable *table,
				 List *missing)
{
	StringInfoData command;
	StringInfoData names;
	ListCell *lc;

	right_to_alter(viewid);
	initStringInfo(&command);
	initStringInfo(&names);
	appendStringInfo(&command, "CREATE OR REPLACE VIEW %s%s AS SELECT", view->name,
					 read_view_options(viewid));
	foreach(lc, view->columns)
	{
		const WalcuSetupColumn *column = lfirst(lc);

		appendStringInfo(&command, "%s\n  %s AS %s", lc == list_head(view->columns) ? "" : ",",
						 quote_identifier(get_attname(table->relid, column->number, false)),
						 quote_identifier(column->name));
	}
	foreach(lc, missing)
	{
		const WalcuSetupColumn *column = lfirst(lc);

		appendStringInfo(&command, ",\n  %s", quote_identifier(column->name));
		appendStringInfo(&names, "%s%s", lc == list_head(missing) ? "" : ", ", column->name);
		view->columns = lappend(view->columns, copy_column(column));
	}
	appendStringInfo(&command, "\n FROM %s", table->name);
	step_run(setup, "add to view", view->name, command.data, names.data);
}

/* Returns the WITH clause of a view; empty when it has no options. */
static char *
read_view_options(Oid view)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(view));
	StringInfoData clause;
	bool is_null;
	Datum options;
	ListCell *lc;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", view);
	initStringInfo(&clause);
	options = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_reloptions, &is_null);
	if (!is_null)
	{
		foreach(lc, untransformRelOptions(options))
		{
			DefElem *option = lfirst(lc);

			appendStringInfo(&clause, "%s%s = %s", clause.len == 0 ? " WITH (" : ", ",
							 quote_identifier(option->defname), quote_literal_cstr(strVal(option->arg)));
		}
		appendStringInfoChar(&clause, ')');
	}
	ReleaseSysCache(tuple);
	return clause.data;
}

/* Returns a column of a view that shows a table's, before it has a comment. */
static WalcuSetupColumn *
copy_column(const WalcuSetupColumn *column)
{
	WalcuSetupColumn *copy = palloc(sizeof(WalcuSetupColumn));

	*copy = *column;
	copy->number = InvalidAttrNumber;
	copy->comment = NULL;
	return copy;
}
