/*
 * scan_places.h
 *	  Where a scan stands among the scans that one Append or Merge Append reads.
 */
#ifndef WALCU_SCAN_PLACES_H
#define WALCU_SCAN_PLACES_H

#include "postgres.h"

#include "nodes/execnodes.h"

/* The scans of one Append or Merge Append. */
typedef struct WalcuScanGroup
{
	PlanState *node;      /* It is this one. */
	PlanState **children; /* It has these children, */
	int child_count;      /* so many of them. */
	bool is_merge;        /* It needs a row of each before it has its first one. */
	bool wants_all;       /* All rows of all of them are likely to be wanted. */
	List *places;     /* Scans have these places below it (WalcuScanPlace), in the order of its children. */
	int scan_count;   /* So many of its children are scans. */
	uint64 execution; /* It is executed for this time, as far as is known; */
	double limit;     /* its query wants so many rows (0: that is not known, below 0: not asked yet); */
	int first;        /* so many of its scans are to begin for them; */
	int begun;        /* so many have begun that Append runs beside each other, */
	int ended;        /* and so many of those have ended; */
	double given;     /* and so many rows have come of its scans. */
} WalcuScanGroup;

/* Where a scan stands in a group. */
typedef struct WalcuScanPlace
{
	WalcuScanGroup *group;  /* It is one of these. */
	ForeignScanState *scan; /* This is the scan. */
	int child;              /* It is this child, or below it. */
	bool is_child;          /* It is the child itself. */
	int position;           /* It is in this position of the group's places. */
	uint64 execution;       /* It has begun when the group was executed for this time. */
	bool is_counted;        /* The group has counted that it began, and not that it ended. */
} WalcuScanPlace;

extern WalcuScanPlace *scan_places_find_limited(List *places);
extern double scan_places_share(List *places, double wanted, int page);
extern bool scan_places_are_merged(const List *places);
extern void scan_places_note_begin(List *places, bool is_async);
extern void scan_places_note_row(List *places);
extern void scan_places_note_end(List *places);
extern void scan_places_note_restart(List *places);

#endif /* WALCU_SCAN_PLACES_H */
