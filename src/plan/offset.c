/*
 * offset.c
 *	  An OFFSET that the service passes over.
 *
 * upper_paths.c asks.  A limit sizes the requests (plan.c, scan.c) and never cuts: PostgreSQL's own Limit
 * node stays above the scan.  An offset is left to the service (`skip`) only where it passes over exactly the
 * rows that PostgreSQL would have: the scan has no condition, one order, and a row for each document.  The
 * documents passed over are never seen here, so that nothing could be put right afterwards.
 */
#include "postgres.h"

#include "plan/offset.h"

#include "base/compat.h"
#include "optimizer/cost.h"
#include "plan/limit.h"
#include "plan/path.h"
#include "plan/relinfo.h"
#include "pushdown/sort.h"

static Path *make_skipping_path(PlannerInfo *root, Path *path, const FinalPathExtraData *extra);
static ForeignPath *get_scan_path(Path *path);
static bool is_skipped_exactly(PlannerInfo *root, const ForeignPath *path);
static void reduce_rows(Path *path, int64 count);

/* Adds the limit over a scan that the service begins later. */
void
offset_add_paths(PlannerInfo *root, RelOptInfo *input, RelOptInfo *output, const FinalPathExtraData *extra)
{
	const Query *query = root->parse;
	ListCell *lc;

	if (query->commandType != CMD_SELECT || query->rowMarks != NIL || query->limitOffset == NULL ||
		query->limitCount == NULL)
		return;
	foreach(lc, input->pathlist)
	{
		Path *path = make_skipping_path(root, lfirst(lc), extra);

		if (path)
			add_path(output, (Path *) create_limit_path(root, output, path, NULL, query->limitCount,
														query->limitOption, 0, extra->count_est));
	}
}

/* Copies a scan's path, or a projection of one, so that it skips; NULL where that is not exact. */
static Path *
make_skipping_path(PlannerInfo *root, Path *path, const FinalPathExtraData *extra)
{
	ForeignPath *scan = get_scan_path(path);
	ForeignPath *skipping;
	ProjectionPath *projection;

	if (scan == NULL || !is_skipped_exactly(root, scan))
		return NULL;
	skipping = path_with_skip(scan);
	reduce_rows(&skipping->path, extra->offset_est);
	if (!IsA(path, ProjectionPath))
		return &skipping->path;
	projection = palloc(sizeof(ProjectionPath));
	*projection = *(ProjectionPath *) path;
	projection->subpath = &skipping->path;
	reduce_rows(&projection->path, extra->offset_est);
	return &projection->path;
}

/* Finds the path of one of our scans; NULL for another. */
static ForeignPath *
get_scan_path(Path *path)
{
	if (IsA(path, ProjectionPath))
		path = ((ProjectionPath *) path)->subpath;
	if (!IsA(path, ForeignPath) || !relinfo_is_ours(path->parent))
		return NULL;
	return (ForeignPath *) path;
}

/* Returns whether the service passes over the rows that PostgreSQL would have passed over. */
static bool
is_skipped_exactly(PlannerInfo *root, const ForeignPath *path)
{
	RelOptInfo *rel = path->path.parent;
	const WalcuRelation *relation = relinfo_relation(rel);
	List *keys = sort_of_pathkeys(root, rel, relation, path->path.pathkeys);

	return limit_ends_path(root, &path->path) && path_details(path).strategy == WALCU_BY_PAGES &&
		   rel->baserestrictinfo == NIL && relation->options->pushdown && relation->options->array == NULL &&
		   (keys == NIL || sort_agrees_on_nulls(relation->options, linitial(keys)));
}

/* Takes the rows that are passed over from what a path brings and costs. */
static void
reduce_rows(Path *path, int64 count)
{
	double rows = Max(path->rows - Max(count, 0), 1);

	path->total_cost =
		path->startup_cost + (path->total_cost - path->startup_cost) * rows / Max(path->rows, 1);
	path->rows = rows;
}
