/*
 * offset.c
 *	  An OFFSET that the service passes over.
 *
 * A limit sizes the requests (plan.c, scan.c) and never cuts: PostgreSQL's own Limit node stays
 * above the scan.  An offset is left to the service (`skip`) only where it passes over exactly the rows that
 * PostgreSQL would have: the scan has no condition, and one order.  The documents passed over
 * are never seen here, so that nothing could be put right afterwards.
 */
#include "postgres.h"

#include "plan/offset.h"

#include "base/compat.h"
#include "exec/count_scan.h"
#include "foreign/fdwapi.h"
#include "optimizer/cost.h"
#include "plan/plan.h"
#include "pushdown/sort.h"

static Path *make_skipping_path(PlannerInfo *root, Path *path, const FinalPathExtraData *extra);
static ForeignPath *scan_of_path(Path *path);
static bool can_skip(PlannerInfo *root, const ForeignPath *path);
static void pass_over(Path *path, int64 count);

/*
 * FdwRoutine.GetForeignUpperPaths: the limit over a scan that the service begins later.  Aggregates are for
 * count_scan.c.
 */
void
offset_upper_paths(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input, RelOptInfo *output,
				   void *extra)
{
	const Query *query = root->parse;
	ListCell *lc;

	if (stage == UPPERREL_GROUP_AGG)
		count_scan_upper_paths(root, input, output);
	if (stage != UPPERREL_FINAL || query->commandType != CMD_SELECT || query->rowMarks != NIL ||
		query->limitOffset == NULL || query->limitCount == NULL)
		return;
	foreach(lc, input->pathlist)
	{
		Path *path = make_skipping_path(root, lfirst(lc), extra);

		if (path)
			add_path(output, (Path *) create_limit_path(root, output, path, NULL, query->limitCount,
														query->limitOption, 0,
														((FinalPathExtraData *) extra)->count_est));
	}
}

/* A copy of a scan's path, or of a projection of one, that skips; NULL where that is not exact. */
static Path *
make_skipping_path(PlannerInfo *root, Path *path, const FinalPathExtraData *extra)
{
	ForeignPath *scan = scan_of_path(path);
	ForeignPath *skipping;
	ProjectionPath *projection;

	if (scan == NULL || !can_skip(root, scan))
		return NULL;
	skipping = plan_skipping_path(scan);
	pass_over(&skipping->path, extra->offset_est);
	if (!IsA(path, ProjectionPath))
		return &skipping->path;
	projection = palloc(sizeof(ProjectionPath));
	*projection = *(ProjectionPath *) path;
	projection->subpath = &skipping->path;
	pass_over(&projection->path, extra->offset_est);
	return &projection->path;
}

/* The path of one of our scans; NULL for another. */
static ForeignPath *
scan_of_path(Path *path)
{
	if (IsA(path, ProjectionPath))
		path = ((ProjectionPath *) path)->subpath;
	if (!IsA(path, ForeignPath) || path->parent->reloptkind != RELOPT_BASEREL ||
		path->parent->fdwroutine == NULL ||
		path->parent->fdwroutine->GetForeignUpperPaths != offset_upper_paths)
		return NULL;
	return (ForeignPath *) path;
}

static bool
can_skip(PlannerInfo *root, const ForeignPath *path)
{
	RelOptInfo *rel = path->path.parent;
	const WalcuRelation *relation = plan_relation(rel);
	List *keys = sort_of_pathkeys(root, rel, relation, path->path.pathkeys);

	return plan_has_limit(root, rel, &path->path) && rel->baserestrictinfo == NIL &&
		   relation->options->pushdown &&
		   (keys == NIL || sort_agrees_on_nulls(relation->options, linitial(keys)));
}

static void
pass_over(Path *path, int64 count)
{
	double rows = Max(path->rows - Max(count, 0), 1);

	path->total_cost =
		path->startup_cost + (path->total_cost - path->startup_cost) * rows / Max(path->rows, 1);
	path->rows = rows;
}
