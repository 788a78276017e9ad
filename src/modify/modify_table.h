/*
 * modify_table.h
 *	  The executor's node that runs a statement which writes.
 */
#ifndef WALCU_MODIFY_TABLE_H
#define WALCU_MODIFY_TABLE_H

#include "postgres.h"

#include "nodes/execnodes.h"

extern void modify_table_begin(ModifyTableState *node, ResultRelInfo *target, List *private, int subplan,
							   int eflags);
extern void modify_table_end(EState *estate, ResultRelInfo *target);

#endif /* WALCU_MODIFY_TABLE_H */
