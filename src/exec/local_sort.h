/*
 * local_sort.h
 *	  Sort the rows of a scan here, where the service does not.
 */
#ifndef WALCU_LOCAL_SORT_H
#define WALCU_LOCAL_SORT_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "nodes/pg_list.h"

typedef struct WalcuLocalSort WalcuLocalSort;

extern WalcuLocalSort *local_sort_create(TupleDesc columns, List *keys);
extern void local_sort_put(WalcuLocalSort *sort, TupleTableSlot *slot);
extern void local_sort_finish(WalcuLocalSort *sort);
extern bool local_sort_next(WalcuLocalSort *sort, TupleTableSlot *slot);
extern void local_sort_clear(WalcuLocalSort *sort);

#endif /* WALCU_LOCAL_SORT_H */
