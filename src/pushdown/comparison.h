/*
 * comparison.h
 *	  An SQL comparison of two expressions, by its place in the order of a type.
 */
#ifndef WALCU_COMPARISON_H
#define WALCU_COMPARISON_H

#include "postgres.h"

#include "nodes/primnodes.h"

extern Expr *comparison_make(Oid type, int strategy, Expr *left, Expr *right, Oid collation);
extern int comparison_strategy(Oid opno, Oid type, bool *is_negated);
extern int comparison_turn(int strategy);
extern int comparison_negate(int strategy);

#endif /* WALCU_COMPARISON_H */
