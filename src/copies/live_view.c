/*
 * live_view.c
 *	  Views of a copy, and of what is newer at the service.
 *
 * A view has the copy's rows but for those that have a newer version, which it asks the service for.  These
 * are read once, so that no document comes twice or is missed between two looks; conditions of a query reach
 * the copy, and its indexes.
 */
#include "postgres.h"

#include "copies/live_view.h"

#include "commands/defrem.h"
#include "copies/sql.h"
#include "lib/stringinfo.h"
#include "service/foreign_table.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* With this behind it, the name of the copy is that of the view. */
#define LIVE_LABEL "live"

static Oid find_live_view(const WalcuCopy *copy);
static void define_view(const WalcuCopy *copy, const WalcuCopySource *source, const char *name);
static char *list_view_columns(const WalcuCopy *copy);

/* Makes the view of a copy, if it has none.  Errors: 55000 without updated_at, those of CREATE VIEW. */
void
live_view_make(const WalcuCopy *copy, const WalcuCopySource *source)
{
	char *schema = get_namespace_name(get_rel_namespace(copy->relid));
	char *name = makeObjectName(get_rel_name(copy->relid), NULL, LIVE_LABEL);
	Oid view = find_live_view(copy);

	if (source->updated_at == NULL)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("no column of \"%s\" shows updated_at, so what is newer cannot be asked for",
					   copy->source_name));
	if (OidIsValid(view))
		define_view(copy, source, foreign_table_name(view));
	else
	{
		define_view(copy, source, quote_qualified_identifier(schema, name));
		entry_set_live_view(copy, get_relname_relid(name, get_rel_namespace(copy->relid)));
	}
}

/* Lets the view show what columns the copy has by now. */
void
live_view_renew(const WalcuCopy *copy, const WalcuCopySource *source)
{
	Oid view = find_live_view(copy);

	if (OidIsValid(view))
		define_view(copy, source, foreign_table_name(view));
}

void
live_view_drop(const WalcuCopy *copy)
{
	Oid view = find_live_view(copy);

	if (OidIsValid(view))
		sql_run(psprintf("DROP VIEW %s", foreign_table_name(view)), 0, NULL);
}

/*
 * A view that is gone may have left its number to something else: so it has to be one of the copy.  The
 * search path is the caller's, where others may have made an operator for any other two types: only oids are
 * compared.
 */
static Oid
find_live_view(const WalcuCopy *copy)
{
	const char *statement = "SELECT r.ev_class"
							"  FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid"
							" WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass::oid"
							"   AND d.refclassid = 'pg_catalog.pg_class'::regclass::oid"
							"   AND d.refobjid = $1::oid AND r.ev_class = $2::oid";
	bool is_null;

	if (!OidIsValid(copy->live_view) ||
		sql_run(statement, 2, (WalcuArgument[]){sql_relation(copy->relid), sql_relation(copy->live_view)}) ==
			0)
		return InvalidOid;
	return DatumGetObjectId(sql_result(1, &is_null));
}

static void
define_view(const WalcuCopy *copy, const WalcuCopySource *source, const char *name)
{
	const char *columns = list_view_columns(copy);
	const char *id = quote_identifier(source->id);
	StringInfoData statement;

	initStringInfo(&statement);
	appendStringInfo(&statement,
					 "CREATE OR REPLACE VIEW %s AS\n"
					 "  WITH newer AS MATERIALIZED (\n"
					 "    SELECT %s FROM %s WHERE %s >= %s(%s)\n"
					 "  )\n"
					 "  SELECT %s FROM newer\n"
					 "  UNION ALL\n"
					 "  SELECT %s FROM %s c WHERE NOT EXISTS (SELECT FROM newer n WHERE n.%s = c.%s)",
					 name, columns, copy->source_name, quote_identifier(source->updated_at),
					 sql_extension_name("walcu_fdw_copy_since"), quote_literal_cstr(copy->name), columns,
					 columns, copy->name, id, id);
	sql_run(statement.data, 0, NULL);
}

static char *
list_view_columns(const WalcuCopy *copy)
{
	StringInfoData list;
	ListCell *lc;

	initStringInfo(&list);
	foreach(lc, copy->columns)
		appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", quote_identifier(lfirst(lc)));
	return list.data;
}
