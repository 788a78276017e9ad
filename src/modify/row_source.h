/*
 * row_source.h
 *	  Where the rows of a statement that writes come from.
 */
#ifndef WALCU_ROW_SOURCE_H
#define WALCU_ROW_SOURCE_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "service/option.h"

extern bool row_source_is_scan(PlanState *state);
extern bool row_source_is_shared(ModifyTableState *node);
extern bool row_source_may_see_writes(ModifyTableState *node, WalcuPaging paging);

#endif /* WALCU_ROW_SOURCE_H */
