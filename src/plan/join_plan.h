/*
 * join_plan.h
 *	  The plan of a batched key join.
 */
#ifndef WALCU_JOIN_PLAN_H
#define WALCU_JOIN_PLAN_H

#include "postgres.h"

#include "nodes/extensible.h"
#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"

/* EXPLAIN shows this name, by which the node's methods are found, too. */
#define JOIN_PLAN_NAME "Batched Key Join"

/* What a CustomScan node carries for its join, as join_plan_of_scan reads it. */
typedef struct WalcuJoinPlan
{
	JoinType type;         /* The join is an inner, left, semi or anti join. */
	bool single_match;     /* An outer row has one match at most, or needs no other. */
	bool by_id;            /* The inner key is _id, so that no two documents have the same. */
	bool by_job;           /* Background jobs may find the documents of many keys. */
	bool of_array;         /* The outer key is an array, whose elements are keys; */
	bool in_array;         /* or the inner one is. */
	int first_batch;       /* The first batch has so many keys. */
	int keys_a_url;        /* So many keys are expected to fit into a URL, at least 1. */
	Oid op;                /* This operator compares an outer key with an inner one. */
	Oid collation;         /* It compares by this collation. */
	double keys;           /* So many distinct keys are expected. */
	double keys_a_request; /* So many keys are expected to go into a request. */
	double per_key;        /* So many documents a key are expected, until they are seen. */
	double requests;       /* The join is expected to send so many. */
	Expr *outer_key;       /* This is made of an outer row. */
	Expr *inner_key;       /* This is made of an inner row. */
	List *key_quals;       /* Only rows of the outer side that meet these can match; only a plan has them, */
	List *quals;           /* and these, which must hold for two rows to match. */
} WalcuJoinPlan;

extern List *join_plan_path_private(const WalcuJoinPlan *plan, List *restrictions, List *output);
extern Plan *join_plan_create(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
							  List *clauses, List *plans);
extern bool join_plan_is_join(const Plan *plan);
extern bool join_plan_is_key_qual(PlannerInfo *root, Expr *clause, Relids outer);
extern Node *join_plan_same(const Node *node, List *expressions);
extern WalcuJoinPlan join_plan_of_scan(const CustomScan *scan);
extern Expr *join_plan_condition(const WalcuJoinPlan *plan);

#endif /* WALCU_JOIN_PLAN_H */
