/*
 * materialize.h
 *	  All rows of a plan, before anything is done with the first.
 */
#ifndef WALCU_MATERIALIZE_H
#define WALCU_MATERIALIZE_H

#include "postgres.h"

#include "nodes/execnodes.h"

typedef struct WalcuMaterialize WalcuMaterialize;

extern WalcuMaterialize *materialize_create(ModifyTableState *node);
extern TupleTableSlot *materialize_execute(WalcuMaterialize *materialize, ExecProcNodeMtd execute);

#endif /* WALCU_MATERIALIZE_H */
