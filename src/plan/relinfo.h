/*
 * relinfo.h
 *	  What is known of a foreign table while a query is planned.
 */
#ifndef WALCU_RELINFO_H
#define WALCU_RELINFO_H

#include "postgres.h"

#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"
#include "plan/relsize.h"
#include "pushdown/document_path.h"

/* The planner keeps this in RelOptInfo.fdw_private, from its first question about a table on. */
typedef struct WalcuRelInfo
{
	WalcuRelation relation; /* This is the table, with the settings in force. */
	bool by_id;             /* The table's own conditions ask for one document by its _id. */
	WalcuRelSize size;      /* This is how many documents the service is expected to send. */
	List *conditions;       /* The table's own conditions, each translated once, of WalcuPushdownCondition. */
	AttrNumber id_column;   /* This column is the _id, and no two rows have the same one; or 0. */
	bool was_looked_at;     /* The service was asked whether the conditions leave few documents. */
	double most_left;       /* They leave no more than these; 0 where nothing is known. */
} WalcuRelInfo;

extern void relinfo_set_size(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern void relinfo_estimate_again(PlannerInfo *root, RelOptInfo *rel);
extern void relinfo_note_filter(RelOptInfo *rel, double most);
extern bool relinfo_is_ours(const RelOptInfo *rel);
extern bool relinfo_is_our_table(Oid relid);
extern bool relinfo_is_our_scan(const ForeignScan *scan);
extern const WalcuRelInfo *relinfo_get(const RelOptInfo *rel);
extern const WalcuRelation *relinfo_relation(const RelOptInfo *rel);
extern const WalcuOptions *relinfo_options(const RelOptInfo *rel);

#endif /* WALCU_RELINFO_H */
