/*
 * join_path.h
 *	  The batched key join: a foreign table asked for what equals keys of the other side.
 */
#ifndef WALCU_JOIN_PATH_H
#define WALCU_JOIN_PATH_H

#include "postgres.h"

#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"
#include "service/option.h"

/*
 * Keys of the first batch, where few rows may be wanted; each further one has twice as many as the one
 * before.
 */
#define JOIN_FIRST_BATCH 50

/* What a CustomScan node carries for its join, beside expressions. */
typedef struct WalcuJoinPlan
{
	JoinType type;         /* inner, left, semi or anti */
	bool single_match;     /* an outer row has one match at most, or needs no other */
	bool by_id;            /* the inner key is _id: no two documents have the same */
	bool by_job;           /* background jobs may find the documents of many keys */
	int first_batch;       /* keys of the first batch */
	int keys_a_url;        /* expected to fit, at least 1 */
	bool of_array;         /* the outer key is an array, whose elements are keys */
	Oid op;                /* outer key = inner key */
	Oid collation;         /* of the comparison */
	double keys;           /* expected, distinct */
	double keys_a_request; /* expected */
	double per_key;        /* documents, expected until it is seen */
	double requests;       /* expected */
} WalcuJoinPlan;

/* The setting walcu_fdw.enable_batched_join. */
extern bool join_path_enabled;

extern void join_path_init(void);
extern bool join_path_prefers_jobs(const WalcuOptions *options, const WalcuJoinPlan *plan, double keys,
								   double pages);

#endif /* WALCU_JOIN_PATH_H */
