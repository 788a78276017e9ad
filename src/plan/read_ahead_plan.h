/*
 * read_ahead_plan.h
 *	  Where a plan asks a foreign scan for one key after another, and which node could tell it of more.
 */
#ifndef WALCU_READ_AHEAD_PLAN_H
#define WALCU_READ_AHEAD_PLAN_H

#include "postgres.h"

#include "nodes/primnodes.h"

extern void read_ahead_plan_init(void);
extern Expr *read_ahead_side(const OpExpr *equality, bool outer);
extern Oid read_ahead_operator(const OpExpr *equality);
extern Expr *read_ahead_condition(const OpExpr *equality, int param);

#endif /* WALCU_READ_AHEAD_PLAN_H */
