/*
 * pushdown.h
 *	  SQL conditions as the service's filter.
 */
#ifndef WALCU_PUSHDOWN_H
#define WALCU_PUSHDOWN_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "pushdown/filter.h"
#include "pushdown/predicate.h"

typedef enum WalcuPushdownKind
{
	WALCU_PUSHDOWN_AND,
	WALCU_PUSHDOWN_OR,
	WALCU_PUSHDOWN_PREDICATE,
	WALCU_PUSHDOWN_VALUE
} WalcuPushdownKind;

/* What of an SQL condition the service can check. */
typedef struct WalcuPushdown
{
	WalcuPushdownKind kind;    /* It says whether it joins others, or is one predicate or value. */
	List *parts;               /* It joins these (WalcuPushdown). */
	WalcuPredicate *condition; /* It is this one, for WALCU_PUSHDOWN_PREDICATE. */
	Expr *value;               /* It is this, which depends on no row, for WALCU_PUSHDOWN_VALUE. */
	ExprState *state;          /* It computes the value, once a scan has begun. */
	bool outcome;              /* The value is to be this. */
} WalcuPushdown;

/* One of the conditions that a query has joined by AND. */
typedef struct WalcuPushdownCondition
{
	Expr *expression;      /* This is the SQL condition. */
	WalcuPushdown *filter; /* The service can check this of it; NULL when it can check nothing. */
	const char *reason;    /* It says why a part of it stays here alone; NULL when none does. */
} WalcuPushdownCondition;

/* Which clauses are wanted. */
typedef enum WalcuPushdownUse
{
	WALCU_PUSHDOWN_SENT, /* with the values that they have now */
	WALCU_PUSHDOWN_SHOWN /* where a value that only an execution knows is a question mark */
} WalcuPushdownUse;

extern List *pushdown_conditions(const WalcuRelation *relation, List *expressions);
extern void pushdown_prepare(List *filtered, PlanState *parent);
extern List *pushdown_clauses(const WalcuOptions *options, List *filtered, ExprContext *context,
							  WalcuPushdownUse use);
extern bool pushdown_foretell(PlannerInfo *root, WalcuPushdown *filter);
extern bool pushdown_needs_execution(Expr *value);
extern bool pushdown_rejects_null(List *filtered, AttrNumber column);
extern bool pushdown_is_possible(const WalcuRelation *relation, Expr *clause);
extern bool pushdown_is_complete(List *filtered);

#endif /* WALCU_PUSHDOWN_H */
