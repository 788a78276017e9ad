/*
 * read_anyway.h
 *	  Does another scan of the query read all documents of a table?
 */
#ifndef WALCU_READ_ANYWAY_H
#define WALCU_READ_ANYWAY_H

#include "postgres.h"

#include "nodes/pathnodes.h"

extern bool read_anyway(PlannerInfo *root, const RelOptInfo *rel, double documents, bool is_paid);

#endif /* WALCU_READ_ANYWAY_H */
