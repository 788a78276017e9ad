/*
 * copy_work.h
 *	  One piece of work on a copy, and what it has done.
 */
#ifndef WALCU_COPY_WORK_H
#define WALCU_COPY_WORK_H

#include "postgres.h"

#include "copies/copy_columns.h"
#include "copies/entry.h"

typedef struct WalcuCopyWork
{
	WalcuCopy *copy;         /* This copy is worked on; its entry is locked. */
	WalcuCopySource *source; /* It has the documents of this table. */
	const char *id;          /* This document alone is looked at; NULL for all. */
	double most_deleted;     /* So large a part of the rows may be deleted. */
	int step;                /* So many documents are read at once; 0 for all. */
	bool is_needless;        /* There was nothing to do. */
	bool is_unfinished;      /* There are more documents to be read, */
	int64 filled;            /* and so many were, */
	int64 total;             /* of about so many. */
	int64 written;           /* So many rows were inserted or updated, */
	int64 deleted;           /* and so many deleted, */
	int64 requests;          /* with so many requests. */
} WalcuCopyWork;

/* Whoever does it acts as the owner of the copy. */
typedef void (*WalcuCopyWorker)(WalcuCopyWork *work);

#endif /* WALCU_COPY_WORK_H */
