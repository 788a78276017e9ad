/*
 * refused_conflicts.h
 *	  ON CONFLICT with a target, which takes an index that foreign tables do not have.
 */
#ifndef WALCU_REFUSED_CONFLICTS_H
#define WALCU_REFUSED_CONFLICTS_H

#include "postgres.h"

#include "nodes/parsenodes.h"

extern void refused_conflicts_check(const Query *query);

#endif /* WALCU_REFUSED_CONFLICTS_H */
