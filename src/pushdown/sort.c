/*
 * sort.c
 *	  SQL orders as the service's sort.
 *
 * The planner asks which keys of an order the service can sort by, a scan asks for the text
 * of the sort and for the filter of what follows a document in it.  MongoDB sorts by
 * type first, null and missing before all; SQL's NULLs may be last, and are what does not fit the
 * column, too.  For such a first key, the documents with and without a value are asked for one
 * after the other; further keys are pushed only where the service agrees by itself.
 */
#include "postgres.h"

#include "pushdown/sort.h"

#include "base/compat.h"
#include "base/utf8.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_collation.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "pushdown/deparse_equal.h"
#include "pushdown/deparse_null.h"
#include "pushdown/folded_text.h"
#include "pushdown/projection.h"
#include "service/learned_sort.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

static WalcuSortKey *match_pathkey(PlannerInfo *root, RelOptInfo *rel, const WalcuRelation *relation,
								   PathKey *pathkey);
static WalcuSortKey *match_key_column(const WalcuRelation *relation, Var *var);
static bool is_sorted_alike(const WalcuOptions *options, const WalcuDocumentPath *operand, Oid collation);
static bool is_id_key(const WalcuSortKey *key);
static WalcuFilter *make_equal_filter(const WalcuSortKey *key, const char *value);
static WalcuFilter *make_following_filter(const WalcuSortKey *key, const char *value);

/* The keys that the service can sort by, of WalcuSortKey, as far as it can. */
List *
sort_of_pathkeys(PlannerInfo *root, RelOptInfo *rel, const WalcuRelation *relation, List *pathkeys)
{
	List *keys = NIL;
	ListCell *lc;

	if (!relation->options->pushdown || learned_sort(relation->options) == WALCU_SORT_IGNORED)
		return NIL;
	foreach(lc, pathkeys)
	{
		WalcuSortKey *key = match_pathkey(root, rel, relation, lfirst(lc));

		if (key == NULL || (keys != NIL && !sort_agrees_on_nulls(relation->options, key)))
			break;
		keys = lappend(keys, key);
		/* a day has many instants, whose order is another one */
		if (key->operand->steps != NIL)
			break;
	}
	return keys;
}

/* For the plan: three integers a key. */
List *
sort_serialize(List *keys)
{
	List *numbers = NIL;
	ListCell *lc;

	foreach(lc, keys)
	{
		WalcuSortKey *key = lfirst(lc);

		numbers = lappend_int(numbers, key->column);
		numbers = lappend_int(numbers, key->descending);
		numbers = lappend_int(numbers, key->nulls_first);
	}
	return numbers;
}

List *
sort_deserialize(const WalcuRelation *relation, List *numbers)
{
	List *keys = NIL;

	for (int i = 0; i < list_length(numbers); i += 3)
	{
		AttrNumber column = list_nth_int(numbers, i);
		Oid type;
		int32 typmod;
		Oid collation;
		Var *var;
		WalcuSortKey *key;

		get_atttypetypmodcoll(relation->relid, column, &type, &typmod, &collation);
		var = makeVar(relation->varno, column, type, typmod, collation, 0);
		key = match_key_column(relation, var);
		if (key == NULL)
			elog(ERROR, "column %d cannot be sorted by", column);
		key->descending = list_nth_int(numbers, i + 1) != 0;
		key->nulls_first = list_nth_int(numbers, i + 2) != 0;
		keys = lappend(keys, key);
	}
	return keys;
}

/* Returns how PostgreSQL sorts a table's rows, of these columns, as the service sorts documents by a key. */
WalcuSortOrder
sort_order_of_key(TupleDesc columns, const WalcuSortKey *key)
{
	Form_pg_attribute attribute = TupleDescAttr(columns, key->column - 1);
	TypeCacheEntry *type =
		lookup_type_cache(getBaseType(attribute->atttypid), TYPECACHE_LT_OPR | TYPECACHE_GT_OPR);

	return (WalcuSortOrder){
		.operator_id = key->descending ? type->gt_opr : type->lt_opr,
		/* the only one in which the service sorts text, whatever the column's own is */
		.collation = OidIsValid(attribute->attcollation) ? C_COLLATION_OID : InvalidOid,
	};
}

/* The value of `sort`, or that of the very reverse order; _id decides between equals. */
char *
sort_text(const WalcuOptions *options, List *keys, bool reverse)
{
	List *fields = NIL;
	List *descending = NIL;
	bool has_id = false;
	ListCell *lc;

	foreach(lc, keys)
	{
		WalcuSortKey *key = lfirst(lc);

		fields = lappend(fields, key->operand->path);
		descending = lappend_int(descending, key->descending != reverse);
		has_id |= is_id_key(key);
		/* nothing is equal beyond */
		if (has_id)
			break;
	}
	if (!has_id)
	{
		fields = lappend(fields, "_id");
		descending = lappend_int(descending, reverse);
	}
	return projection_sort_list(options->sort_format, fields, descending);
}

/* Tells whether the sort by these keys is by _id alone, which is written alike in most formats. */
bool
sort_is_by_id(List *keys)
{
	return keys == NIL || is_id_key(linitial(keys));
}

/*
 * What comes after a document, whose values of the keys are given as JSON texts, and its id in UTF-8.  The
 * order of the service holds: null, or missing, is less than everything.
 */
WalcuFilter *
sort_after(List *keys, List *values, const char *id)
{
	List *ways = NIL;
	List *equal = NIL;
	bool has_id = false;

	for (int i = 0; i < list_length(keys) && !has_id; i++)
	{
		WalcuSortKey *key = list_nth(keys, i);
		const char *value = list_nth(values, i);

		has_id = is_id_key(key);
		ways = lappend(ways, filter_and(lappend(list_copy(equal), make_following_filter(key, value))));
		equal = lappend(equal, make_equal_filter(key, value));
	}
	if (!has_id)
		ways = lappend(ways, filter_and(lappend(equal, filter_test("_id", "$gt", filter_utf8_string(id)))));
	return filter_or(ways);
}

static WalcuSortKey *
match_pathkey(PlannerInfo *root, RelOptInfo *rel, const WalcuRelation *relation, PathKey *pathkey)
{
	EquivalenceClass *class = pathkey->pk_eclass;
	CompatMemberIterator members;
	EquivalenceMember *member;

	if (class->ec_has_volatile)
		return NULL;
	compat_begin_members(&members, class, rel->relids);
	while ((member = compat_next_member(&members)) != NULL)
	{
		Expr *expression = document_path_strip_relabels(member->em_expr);
		WalcuSortKey *key;

		if (!IsA(expression, Var) || ((Var *) expression)->varno != rel->relid)
			continue;
		key = match_key_column(relation, (Var *) expression);
		if (key == NULL || !projection_can_name(key->operand->path) ||
			!is_sorted_alike(relation->options, key->operand, class->ec_collation) ||
			lookup_type_cache(member->em_datatype, TYPECACHE_BTREE_OPFAMILY)->btree_opf !=
				pathkey->pk_opfamily)
			continue;
		key->descending = compat_pathkey_is_descending(pathkey);
		key->nulls_first = pathkey->pk_nulls_first;
		if (sort_agrees_on_nulls(relation->options, key) ||
			deparse_null_obstacle(relation->options, key->operand) == NULL)
			return key;
	}
	return NULL;
}

static WalcuSortKey *
match_key_column(const WalcuRelation *relation, Var *var)
{
	WalcuDocumentPath *operand = document_path_of_expression(relation, (Expr *) var);
	WalcuSortKey *key;
	HeapTuple tuple;

	/* documents are sorted, not the elements of a list in them */
	if (operand == NULL || operand->reason || operand->list)
		return NULL;
	key = palloc0(sizeof(WalcuSortKey));
	key->column = var->varattno;
	key->operand = operand;
	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relation->relid), Int16GetDatum(var->varattno));
	key->nullable = HeapTupleIsValid(tuple) && !((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;
	ReleaseSysCache(tuple);
	return key;
}

/* Does the service sort values that fit the column as SQL does? */
static bool
is_sorted_alike(const WalcuOptions *options, const WalcuDocumentPath *operand, Oid collation)
{
	/* the pages of an order are asked for by conditions on its keys */
	if (operand->remote.stray)
		return false;
	/* a collation sorts otherwise, and the conditions of pages would be changed */
	if (folded_text_is_at(operand))
		return false;
	/* values of different types are sorted by type: there must be one, or others be errors */
	if (!deparse_equal_is_alike(operand))
		return false;
	switch (operand->domain)
	{
		case WALCU_DOMAIN_TEXT:
			/* bytes of UTF-8 are in the order of code points, and those of LATIN1 are, too */
			return compat_collation_is_c(collation) && utf8_orders_alike(NULL) && operand->limit == 0;
		case WALCU_DOMAIN_NUMBER:
			/* equal ones among float4 differ at the service */
			return !operand->single;
		case WALCU_DOMAIN_BOOLEAN:
		case WALCU_DOMAIN_INSTANT:
			return true;
		default:
			return false;
	}
}

static bool
is_id_key(const WalcuSortKey *key)
{
	return strcmp(key->operand->path, "_id") == 0;
}

/* The service puts null first ascending; and a value of another type is an error, or nowhere. */
bool
sort_agrees_on_nulls(const WalcuOptions *options, const WalcuSortKey *key)
{
	/* the service has no document without one, which may be none in the database's encoding */
	if (is_id_key(key))
		return options->on_type_mismatch == WALCU_MISMATCH_ERROR || utf8_lacks_nothing();
	if (options->on_type_mismatch == WALCU_MISMATCH_NULL)
		return false;
	return !key->nullable || (key->nulls_first != key->descending && strchr(key->operand->path, '.') == NULL);
}

static WalcuFilter *
make_equal_filter(const WalcuSortKey *key, const char *value)
{
	return filter_test(key->operand->path, "$eq", value ? value : "null");
}

/* What the key says of documents behind one that has this value, or null. */
static WalcuFilter *
make_following_filter(const WalcuSortKey *key, const char *value)
{
	const char *path = key->operand->path;
	WalcuFilter *null = key->nullable ? filter_test(path, "$eq", "null") : &filter_nothing;

	if (value == NULL)
		return key->descending ? &filter_nothing : filter_test(path, "$ne", "null");
	/* the service's schema knows no order of booleans */
	if (key->operand->domain == WALCU_DOMAIN_BOOLEAN)
	{
		bool is_last = (strcmp(value, "true") == 0) != key->descending;
		WalcuFilter *next =
			is_last ? &filter_nothing : filter_test(path, "$eq", key->descending ? "false" : "true");

		return key->descending ? filter_or(list_make2(next, null)) : next;
	}
	if (key->descending)
		return filter_or(list_make2(filter_test(path, "$lt", value), null));
	return filter_test(path, "$gt", value);
}
