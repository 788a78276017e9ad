/*
 * branches.h
 *	  A condition on CASE, COALESCE or NULLIF, spelled out branch by branch.
 */
#ifndef WALCU_BRANCHES_H
#define WALCU_BRANCHES_H

#include "postgres.h"

#include "pushdown/document_path.h"

extern Expr *branches_spelled_out(const WalcuRelation *relation, Expr *condition, bool outcome);

#endif /* WALCU_BRANCHES_H */
