/*
 * refused_writes.h
 *	  Statements that change rows in ways that foreign tables do not have.
 */
#ifndef WALCU_REFUSED_WRITES_H
#define WALCU_REFUSED_WRITES_H

#include "postgres.h"

#include "nodes/pathnodes.h"

extern void refused_writes_check(PlannerInfo *root, const RelOptInfo *rel, Oid relid);

#endif /* WALCU_REFUSED_WRITES_H */
