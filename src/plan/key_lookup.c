/*
 * key_lookup.c
 *	  Recognise conditions that name documents by their _id, or give the service its search text.
 *
 * This is the only place that knows these forms: `_id = x`, `_id = ANY (x)` and `search = x`.  The planner
 * asks about a scan's conditions (relinfo.c, path.c, plan.c) and about the keys of a join (join_path.c), and
 * direct_modify.c about a statement whose documents need not be read first.  A value may be a constant, a
 * parameter or an expression, but nothing of the relation itself.  Nothing here knows costs.
 */
#include "postgres.h"

#include "plan/key_lookup.h"

#include "access/sysattr.h"
#include "catalog/pg_operator.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "service/option_column.h"
#include "utils/lsyscache.h"

typedef bool (*ColumnTest)(const WalcuColumn *column);

static Expr *find_equal_value(const WalcuRelation *relation, List *restrictions, ColumnTest test);
static Expr *match_equal_value(const WalcuRelation *relation, Expr *clause, ColumnTest test);
static bool is_exact_equality(Oid op, Oid collation);
static bool is_column_with_value(const WalcuRelation *relation, Expr *column, Expr *value, ColumnTest test);
static bool is_id_column(const WalcuColumn *column);
static bool is_search_column(const WalcuColumn *column);

/*
 * Finds the _id and the search text that restrictions, of RestrictInfo, ask for.  A document that is asked
 * for by its _id cannot be searched for at the same time.
 */
WalcuKeyLookup
key_lookup_of_restrictions(const WalcuRelation *relation, List *restrictions)
{
	WalcuKeyLookup lookup = {.search = find_equal_value(relation, restrictions, is_search_column)};

	if (relation->options->pushdown && lookup.search == NULL)
		lookup.id = find_equal_value(relation, restrictions, is_id_column);
	return lookup;
}

/*
 * Finds a column for search texts that a condition looks at which gives the service none; 0 when there is no
 * such column.  search is the text that the service gets, or NULL.  That the column is NULL can be true.
 */
AttrNumber
key_lookup_idle_search(const WalcuRelation *relation, List *restrictions, Expr *search)
{
	ListCell *lc;

	foreach(lc, restrictions)
	{
		Expr *clause = ((RestrictInfo *) lfirst(lc))->clause;
		Bitmapset *columns = NULL;
		int at = -1;

		if (IsA(clause, NullTest) ||
			(search && match_equal_value(relation, clause, is_search_column) == search))
			continue;
		pull_varattnos((Node *) clause, relation->varno, &columns);
		while ((at = bms_next_member(columns, at)) >= 0)
		{
			AttrNumber column = at + FirstLowInvalidHeapAttributeNumber;

			if (column > 0 && is_search_column(option_column_of(relation->options, column)))
				return column;
		}
	}
	return 0;
}

/* Returns whether a condition gives the search, which may be NULL, its text. */
bool
key_lookup_is_search(const Expr *clause, const Expr *search)
{
	return search && IsA(clause, OpExpr) && list_member_ptr(((const OpExpr *) clause)->args, search);
}

/* Finds the array that a clause says _id is an element of; NULL for any other clause. */
Expr *
key_lookup_id_array(const WalcuRelation *relation, Expr *clause)
{
	ScalarArrayOpExpr *list = (ScalarArrayOpExpr *) clause;

	if (!IsA(clause, ScalarArrayOpExpr) || !list->useOr ||
		!is_exact_equality(list->opno, list->inputcollid) ||
		!is_column_with_value(relation, linitial(list->args), lsecond(list->args), is_id_column))
		return NULL;
	return lsecond(list->args);
}

/* Returns whether a place holds the _id, so that no two documents have the same value there. */
bool
key_lookup_is_id(const WalcuDocumentPath *place)
{
	return place->list == NULL && strcmp(place->path, "_id") == 0;
}

/* Finds the value that one of the restrictions says a column equals, or NULL. */
static Expr *
find_equal_value(const WalcuRelation *relation, List *restrictions, ColumnTest test)
{
	ListCell *lc;

	foreach(lc, restrictions)
	{
		RestrictInfo *restriction = lfirst(lc);
		Expr *value = match_equal_value(relation, restriction->clause, test);

		/* PostgreSQL evaluates a pseudoconstant once for the query, and a scan must not do so again. */
		if (value && !restriction->pseudoconstant)
			return value;
	}
	return NULL;
}

static Expr *
match_equal_value(const WalcuRelation *relation, Expr *clause, ColumnTest test)
{
	OpExpr *operation = (OpExpr *) clause;

	if (!IsA(clause, OpExpr) || !is_exact_equality(operation->opno, operation->inputcollid))
		return NULL;
	for (int side = 0; side < 2; side++)
	{
		Expr *value = list_nth(operation->args, 1 - side);

		if (is_column_with_value(relation, list_nth(operation->args, side), value, test))
			return value;
	}
	return NULL;
}

/* Returns whether an operator takes texts for equal that are the same bytes, as the service does. */
static bool
is_exact_equality(Oid op, Oid collation)
{
	return op == TextEqualOperator && OidIsValid(collation) && get_collation_isdeterministic(collation);
}

/* Returns whether a column passes the test, and the value is known before the scan begins. */
static bool
is_column_with_value(const WalcuRelation *relation, Expr *column, Expr *value, ColumnTest test)
{
	Var *var = (Var *) strip_implicit_coercions((Node *) column);

	return IsA(var, Var) && var->varno == relation->varno && var->varattno > 0 && var->varlevelsup == 0 &&
		   document_path_is_value(relation, value) &&
		   test(option_column_of(relation->options, var->varattno));
}

static bool
is_id_column(const WalcuColumn *column)
{
	return column->pushdown && column->parameter == NULL && column->element_path == NULL &&
		   strcmp(column->path, "_id") == 0;
}

static bool
is_search_column(const WalcuColumn *column)
{
	return column->parameter != NULL && strcmp(column->parameter, "search") == 0;
}
