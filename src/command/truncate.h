/*
 * truncate.h
 *	  TRUNCATE.
 */
#ifndef WALCU_TRUNCATE_H
#define WALCU_TRUNCATE_H

#include "postgres.h"

#include "nodes/parsenodes.h"

extern void truncate_tables(List *relations, DropBehavior behavior, bool restart_sequences);

#endif /* WALCU_TRUNCATE_H */
