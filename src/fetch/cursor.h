/*
 * cursor.h
 *	  The documents of one stream, or of a range of it, read in sequence.
 */
#ifndef WALCU_CURSOR_H
#define WALCU_CURSOR_H

#include "postgres.h"

#include "fetch/job.h"
#include "fetch/page.h"
#include "fetch/query.h"
#include "json/decode.h"

/* What the lanes of a source have in common. */
typedef struct WalcuReading
{
	const WalcuQuery *query;
	WalcuTally *tally;
	WalcuDecoder *keys;   /* reads the keys of an order; NULL without one */
	WalcuShare share;     /* of the statement's memo */
	bool may_be_rejected; /* there is less to ask for, should the service not take the filter */
	int64 delivered;      /* documents taken so far, of all lanes */
	int64 page_size;      /* documents in the largest page so far */
} WalcuReading;

typedef struct WalcuLane
{
	MemoryContext context; /* holds the lane and its pages */
	WalcuReading *reading;
	WalcuStream *stream;
	const char *start;  /* _id that it begins with, or NULL */
	const char *from;   /* the same, or that of a range within it that pages without a position begin with */
	const char *before; /* _id that it ends before, or NULL; source.c may lower it */
	double expected;    /* documents of a range that nothing has come from yet */
	WalcuJob *job;      /* whose results it reads, or NULL */
	WalcuPage *page;    /* documents are taken from this one; NULL while the job is at work */
	WalcuPage *next;    /* asked for ahead of time, or NULL */
	bool ended;         /* there are no more documents */
	int64 earlier;      /* documents of the pages before the current one */
	int64 taken;        /* documents in all */
	int64 repeated;     /* documents to come that were taken before a download broke */
	StringInfo first_id;
	StringInfo id;          /* of the last document taken */
	StringInfo previous_id; /* of the one before */
	List *values;           /* JSON texts of the keys of the last document that was noted */
	MemoryContext value_context;
} WalcuLane;

/* What is left to be asked for in a lane. */
typedef struct WalcuRest
{
	double documents;     /* about; 0 when it is not known, or cannot be divided */
	const char *position; /* _id that it follows */
	const char *end;      /* _id that it ends before, or that of a document made now */
} WalcuRest;

extern WalcuLane *lane_open(WalcuReading *reading, WalcuStream *stream, const char *from, const char *before);
extern WalcuLane *lane_open_job(WalcuReading *reading, WalcuStream *stream);
extern void lane_look(WalcuLane *lane, bool wait);
extern bool lane_has_news(const WalcuLane *lane);
extern bool lane_take(WalcuLane *lane, WalcuDocument *document);
extern WalcuTransfer *lane_transfer(const WalcuLane *lane);
extern bool lane_is_rejected(const WalcuLane *lane);
extern bool lane_is_answered(const WalcuLane *lane);
extern const char *lane_obstacle(const WalcuLane *lane);
extern WalcuRest lane_rest(const WalcuLane *lane);
extern void lane_close(WalcuLane *lane);

#endif /* WALCU_CURSOR_H */
