/*
 * read_ahead_node.h
 *	  Nodes that read ahead, put into finished plans.
 */
#ifndef WALCU_READ_AHEAD_NODE_H
#define WALCU_READ_AHEAD_NODE_H

#include "postgres.h"

#include "nodes/bitmapset.h"
#include "nodes/plannodes.h"

/* EXPLAIN shows this name, by which the node's methods are found, too. */
#define READ_AHEAD_NAME "Read Ahead"

/* What a CustomScan node carries of the scans that it reads ahead for, as read_ahead_node_plan reads it. */
typedef struct WalcuReadAheadPlan
{
	Bitmapset *params; /* These parameters get other values with each row. */
	List *scans;       /* These scans are told of keys, of int: plan_node_id; once for each key to choose. */
	List *quals;       /* This condition of each scan has its key, of int: its place among the conditions. */
	List *key_params;  /* A scan may take this parameter for an array of keys, of int; -1 for a bound. */
	List *keys;        /* These are the keys, made of a row, of Expr. */
	int first_keys;    /* The first batch has so many of them at most; 0 when a LIMIT does not say it. */
} WalcuReadAheadPlan;

/* What is known while a finished plan is looked through. */
typedef struct WalcuPlanSearch
{
	PlannedStmt *statement; /* The plan is this statement's. */
	Bitmapset *taken;       /* These scans (plan_node_id) are told of keys by a node already. */
	int last_node;          /* No node has a larger number. */
	bool only_missed;       /* This is about scans that are marked as missed. */
	int wanted;             /* So many rows of a node are likely to be wanted; 0 when all of them are. */
} WalcuPlanSearch;

/* A subquery that a node computes. */
typedef struct WalcuNodeSubquery
{
	SubPlan *subquery; /* This is it. */
	bool below;        /* It is computed for the rows of the node below, not for the node's own. */
} WalcuNodeSubquery;

extern List *read_ahead_node_subqueries(Plan *plan);
extern bool read_ahead_node_is_safe(Plan *plan);
extern Plan *read_ahead_node_below(WalcuPlanSearch *search, Plan *child, WalcuReadAheadPlan *plan);
extern Plan *read_ahead_node_above(WalcuPlanSearch *search, Plan *node, List *subqueries,
								   WalcuReadAheadPlan *plan);
extern WalcuReadAheadPlan read_ahead_node_plan(const CustomScan *node);

#endif /* WALCU_READ_AHEAD_NODE_H */
