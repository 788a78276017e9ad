/*
 * materialize.h
 *	  All rows of a plan, before anything is done with the first.
 */
#ifndef WALCU_MATERIALIZE_H
#define WALCU_MATERIALIZE_H

#include "postgres.h"

#include "nodes/execnodes.h"

typedef struct WalcuSpool WalcuSpool;

extern WalcuSpool *spool_create(ModifyTableState *node);
extern TupleTableSlot *spool_execute(WalcuSpool *spool, ExecProcNodeMtd execute);

#endif /* WALCU_MATERIALIZE_H */
