/*
 * used_columns.h
 *	  Which columns of a foreign table a plan uses.
 */
#ifndef WALCU_USED_COLUMNS_H
#define WALCU_USED_COLUMNS_H

#include "postgres.h"

#include "nodes/pathnodes.h"

extern List *used_columns(PlannerInfo *root, RelOptInfo *rel, Oid relid);

#endif /* WALCU_USED_COLUMNS_H */
