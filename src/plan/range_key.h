/*
 * range_key.h
 *	  Ranges of values that conditions of a scan ask for, with bounds of an outer row.
 */
#ifndef WALCU_RANGE_KEY_H
#define WALCU_RANGE_KEY_H

#include "postgres.h"

#include "nodes/primnodes.h"

/* A condition of a scan that a part of its row is above or below a bound, which is not of that row. */
typedef struct WalcuRangeBound
{
	Expr *inner;   /* This part of the row */
	Oid op;        /* is compared by this operator */
	Expr *bound;   /* with this. */
	bool is_lower; /* It is above the bound, else below, */
	bool is_open;  /* and not equal to it. */
	Oid family;    /* The operator is of this family of B-trees. */
	Oid type;      /* It takes such a value on the left, */
	Oid of_bound;  /* and such a bound on the right. */
	Oid collation; /* It compares by this one. */
} WalcuRangeBound;

extern bool range_key_find(const Expr *clause, WalcuRangeBound *bound);
extern bool range_key_make_range(const WalcuRangeBound *lower, const WalcuRangeBound *upper);
extern Oid range_key_comparison(const WalcuRangeBound *bound, Oid left, Oid right);

#endif /* WALCU_RANGE_KEY_H */
