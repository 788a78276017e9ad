/*
 * gather.h
 *	  What a path leads to in each object of an array.
 */
#ifndef WALCU_GATHER_H
#define WALCU_GATHER_H

#include "postgres.h"

#include "json/convert.h"
#include "nodes/pg_list.h"

extern List *gather_elements(char *object, int length, const char *path, bool transcodes, WalcuJson *misfit);
extern List *gather_values(const WalcuJson *array, const char *path, bool transcodes);

#endif /* WALCU_GATHER_H */
