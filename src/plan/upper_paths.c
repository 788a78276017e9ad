/*
 * upper_paths.c
 *	  What a query does with the rows of a foreign table that the service can do.
 *
 * The planner asks after each stage of a query (FdwRoutine.GetForeignUpperPaths).  This file only says which
 * file knows of a stage: count_path.c of aggregates, and offset.c of the last one, with its LIMIT and OFFSET.
 */
#include "postgres.h"

#include "plan/upper_paths.h"

#include "plan/count_path.h"
#include "plan/offset.h"

/* FdwRoutine.GetForeignUpperPaths */
void
upper_paths_add(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input, RelOptInfo *output,
				void *extra)
{
	switch (stage)
	{
		case UPPERREL_GROUP_AGG:
			count_path_add(root, input, output);
			break;
		case UPPERREL_FINAL:
			offset_add_paths(root, input, output, extra);
			break;
		default:
			break;
	}
}
