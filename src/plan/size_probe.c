/*
 * size_probe.c
 *	  A look at how many documents a resource has, where a plan hangs on it.
 *
 * path.c asks for a table that nobody has counted, once all tables of the query have their
 * sizes.  Whether a join asks for keys or reads everything, and whether a background job pays, hangs on the
 * magnitude alone: one document far out, or two, tell it (`skip`, `limit=1`).  What they told is remembered
 * (learned_size.c), so that it is asked for once.  EXPLAIN asks nothing, and a look that fails is none: it
 * is never an error, as the plan is right whatever it costs.
 */
#include "postgres.h"

#include <math.h>

#include "plan/size_probe.h"

#include "fetch/page.h"
#include "fetch/query.h"
#include "http/connection.h"
#include "http/redact.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "plan/explain_watch.h"
#include "plan/relinfo.h"
#include "pushdown/pushdown.h"
#include "service/credential.h"
#include "service/learned.h"
#include "service/learned_size.h"
#include "utils/acl.h"

/* Nobody looks nearer than here, where reading costs little more than the look. */
#define NEAREST 200

/* Nor farther than here, as the service has to walk there. */
#define FARTHEST 100000

/* Where all other sides are as unknown, the first look is where a background job begins to pay. */
#define JOB_PAYS_FROM 1000

/* The second look is so many times nearer, or farther, than the first. */
#define STEP 6

/* A look leaves a statement so many of its requests. */
#define LEAST_REQUESTS_LEFT 10

static bool writes_rows(const PlannerInfo *root);
static double choose_first_look(PlannerInfo *root, const RelOptInfo *rel, bool *may_go_farther);
static bool ends_early(PlannerInfo *root, const RelOptInfo *rel);
static bool is_assumed(const RelOptInfo *rel);
static bool has_filter(const RelOptInfo *rel);
static bool look_at_size(const RelOptInfo *rel, const WalcuOptions *options, int64 skip);
static bool probe_for_document(WalcuQuery *query, int64 skip, bool *found);

/*
 * Asks for the magnitude of a table's resource, if that is a guess which the plan hangs on.  Returns whether
 * more is known now.
 */
bool
size_probe_ask(PlannerInfo *root, const RelOptInfo *rel)
{
	const WalcuOptions *options = relinfo_options(rel);
	WalcuLearnedSize before = learned_size(options);
	WalcuLearnedSize now;
	bool may_go_farther = false;
	double first = floor(choose_first_look(root, rel, &may_go_farther));

	if (first == 0 || !size_probe_may_ask(root, rel))
		return false;
	if (look_at_size(rel, options, (int64) first))
	{
		now = learned_size(options);
		if (now.least > first && may_go_farther)
			look_at_size(rel, options, (int64) Min(first * STEP, FARTHEST));
		else if (now.least <= first && first / STEP >= NEAREST)
			look_at_size(rel, options, (int64) (first / STEP));
	}
	now = learned_size(options);
	return now.least != before.least || now.most != before.most;
}

/*
 * Chooses how far out to look first; 0 where nothing hangs on it.  A join with rows that are known asks for
 * as many keys as they have, or reads all documents, whatever is less.
 */
static double
choose_first_look(PlannerInfo *root, const RelOptInfo *rel, bool *may_go_farther)
{
	double rows = 0;
	double keys = 0;
	bool has_unknown = false;
	bool has_few = false;
	int i = -1;

	/* of a table of which conditions leave a page, the size of the whole says nothing */
	if (rel->reloptkind != RELOPT_BASEREL || !is_assumed(rel) || relinfo_get(rel)->most_left > 0 ||
		bms_membership(root->all_baserels) != BMS_MULTIPLE ||
		(rel->joininfo == NIL && !rel->has_eclass_joins) || ends_early(root, rel))
		return 0;
	while ((i = bms_next_member(root->all_baserels, i)) >= 0)
	{
		RelOptInfo *other = root->simple_rel_array[i];

		if (other == NULL || other == rel || IS_DUMMY_REL(other))
			continue;
		if (is_assumed(other))
		{
			/* what joins a table with itself reads all of it, however large it is */
			has_unknown |= relinfo_relation(other)->relid != relinfo_relation(rel)->relid;
			keys = Max(keys, other->rows);
			has_few |= relinfo_get(other)->most_left > 0;
		}
		else
			rows = Max(rows, other->rows);
	}
	if (rows > SIZE_PROBE_FEW_ROWS)
		return Min(Max(rows, NEAREST), FARTHEST);
	/*
	 * a filter may leave few documents, of which the size of the whole says little, and another one's few
	 * lead to few everywhere
	 */
	if (!has_unknown || has_few || keys <= SIZE_PROBE_FEW_ROWS || has_filter(rel))
		return 0;
	/* more documents than keys are enough to know */
	*may_go_farther = keys >= JOB_PAYS_FROM;
	return JOB_PAYS_FROM;
}

/* Is it likely that few rows of the join are wanted, in an order that is none of the relation's? */
static bool
ends_early(PlannerInfo *root, const RelOptInfo *rel)
{
	ListCell *lc;

	if (root->limit_tuples < 0 || root->limit_tuples > SIZE_PROBE_FEW_ROWS)
		return false;
	foreach(lc, root->query_pathkeys)
	{
		if (bms_is_member(rel->relid, ((PathKey *) lfirst(lc))->pk_eclass->ec_relids))
			return false;
	}
	return true;
}

/* Is it a table of ours whose size is a guess? */
static bool
is_assumed(const RelOptInfo *rel)
{
	return relinfo_is_ours(rel) && relinfo_get(rel)->size.assumed > 0;
}

/* Does the service get a condition? */
static bool
has_filter(const RelOptInfo *rel)
{
	ListCell *lc;

	foreach(lc, relinfo_get(rel)->conditions)
	{
		if (((WalcuPushdownCondition *) lfirst(lc))->filter)
			return true;
	}
	return false;
}

/* A statement that writes may be refused, and has asked for nothing then. */
static bool
writes_rows(const PlannerInfo *root)
{
	for (; root; root = root->parent_root)
	{
		if (root->parse->resultRelation > 0)
			return true;
	}
	return false;
}

/* Returns whether the size is a guess which the plan hangs on. */
bool
size_probe_would_ask(PlannerInfo *root, const RelOptInfo *rel)
{
	bool may_go_farther;

	return choose_first_look(root, rel, &may_go_farther) > 0;
}

/* Returns whether a request is in order: the plan is to be run, by somebody who may read the table. */
bool
size_probe_may_ask(PlannerInfo *root, const RelOptInfo *rel)
{
	const WalcuOptions *options = relinfo_options(rel);
	Oid userid = OidIsValid(rel->userid) ? rel->userid : GetUserId();
	Oid relid = relinfo_relation(rel)->relid;

	if (writes_rows(root) || explain_watch_is_shown_only() || !options->pushdown ||
		learned_tells(WALCU_LEARNED_UNSIZED, options, options->dealer_id ? options->dealer_id : "") ||
		connection_requests_left(options) < LEAST_REQUESTS_LEFT)
		return false;
	if (pg_class_aclcheck(relid, userid, ACL_SELECT) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(relid, userid, ACL_SELECT, ACLMASK_ANY) != ACLCHECK_OK)
		return false;
	return credential_has_mapping(userid, options->serverid);
}

/*
 * Finds out whether there is a document behind so many, and notes it, unless it is known.  Returns false when
 * the service does not tell.
 */
static bool
look_at_size(const RelOptInfo *rel, const WalcuOptions *options, int64 skip)
{
	WalcuLearnedSize known = learned_size(options);
	WalcuQuery query = {.options = options,
						.credential = relsize_credential(rel, options),
						.strategy = WALCU_BY_PAGES,
						.project = list_make1("_id"),
						.wanted = 1};
	bool found = false;
	bool is_told;

	if (known.least > skip || (known.most != LEARNED_SIZE_OPEN && known.most <= skip))
		return true;
	is_told = size_probe_document(&query, skip, &found);
	if (is_told)
		learned_size_note(options, found ? skip + 1 : 0, found ? LEARNED_SIZE_OPEN : skip);
	else
		learned_note(WALCU_LEARNED_UNSIZED, options, options->dealer_id ? options->dealer_id : "");
	return is_told;
}

/*
 * Finds out whether a query's filters leave a document behind so many.  Returns false when the service does
 * not tell.
 */
bool
size_probe_document(WalcuQuery *query, int64 skip, bool *found)
{
	bool volatile is_told = false;

	REDACT_TRY();
	{
		is_told = probe_for_document(query, skip, found);
	}
	REDACT_END(query->credential);
	return is_told;
}

/* Asks for the document behind so many.  Returns false when there is no answer; it is asked for once. */
static bool
probe_for_document(WalcuQuery *query, int64 skip, bool *found)
{
	const WalcuQueryPart all = {.filters = query->filters};
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "walcu size probe", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	WalcuPage *page = page_start(context, query->options, query->credential,
								 query_page(query, &all, NIL, skip, 0), NULL, NULL);
	bool is_told;

	MemoryContextSwitchTo(before);
	page->may_be_useless = true;
	while (!page->whole && !page->broken && !page->obstacle)
	{
		page_look(page, true);
		if (!page->whole && !page->broken && !page->obstacle)
			transfer_drive(page->transfer, -1);
	}
	is_told = page->whole;
	*found = page->documents > 0;
	page_release(page);
	return is_told;
}
