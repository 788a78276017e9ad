/*
 * planning_memory.h
 *	  The memory that planning needs, freed when the plan is made.
 */
#ifndef WALCU_PLANNING_MEMORY_H
#define WALCU_PLANNING_MEMORY_H

#include "postgres.h"

extern void planning_memory_init(void);

#endif /* WALCU_PLANNING_MEMORY_H */
