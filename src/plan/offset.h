/*
 * offset.h
 *	  An OFFSET that the service passes over.
 */
#ifndef WALCU_OFFSET_H
#define WALCU_OFFSET_H

#include "postgres.h"

#include "nodes/pathnodes.h"

extern void offset_upper_paths(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input,
							   RelOptInfo *output, void *extra);

#endif /* WALCU_OFFSET_H */
