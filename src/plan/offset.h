/*
 * offset.h
 *	  An OFFSET that the service passes over.
 */
#ifndef WALCU_OFFSET_H
#define WALCU_OFFSET_H

#include "postgres.h"

#include "nodes/pathnodes.h"

extern void offset_add_paths(PlannerInfo *root, RelOptInfo *input, RelOptInfo *output,
							 const FinalPathExtraData *extra);

#endif /* WALCU_OFFSET_H */
