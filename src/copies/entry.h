/*
 * entry.h
 *	  The copies that there are: what each is of, and how far it is.
 */
#ifndef WALCU_COPIES_ENTRY_H
#define WALCU_COPIES_ENTRY_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

/* A copy, as walcu_fdw_copy_entries has it. */
typedef struct WalcuCopy
{
	Oid relid;                 /* This is the table, */
	char *name;                /* and its name with the schema's, quoted where that is needed. */
	Oid source;                /* It is a copy of this foreign table, or of a table over several, */
	char *source_name;         /* which has this name; NULL when it is gone. */
	Oid live_view;             /* This may be its live view; InvalidOid for none. */
	List *columns;             /* These columns (char *) are copied. */
	bool all_columns;          /* They are all that the source has. */
	bool has_watermark;        /* Every change before some moment is in the copy, but for the overlap. */
	bool is_filling;           /* Documents are to be read that have not changed. */
	bool has_fill_begun;       /* Some have been, */
	TimestampTz fill_began_at; /* from this moment on, */
	char *fill_position;       /* up to this _id; NULL before the first step. */
} WalcuCopy;

/* Another session may have the copy. */
typedef enum WalcuCopyWait
{
	WALCU_COPY_WAIT, /* It is waited for until that has ended. */
	WALCU_COPY_SKIP  /* It is left alone. */
} WalcuCopyWait;

extern WalcuCopy *entry_lock(Oid relid, WalcuCopyWait wait);
extern bool entry_is_known(Oid relid);
extern List *entry_list_copies(Oid source);
extern void entry_require_source(const WalcuCopy *copy);
extern bool entry_find_since(const WalcuCopy *copy, bool has_newest, TimestampTz newest, TimestampTz *since);
extern void entry_mark_refreshed(const WalcuCopy *copy, bool has_newest, TimestampTz newest);
extern void entry_mark_reconciled(const WalcuCopy *copy);
extern void entry_begin_filling(WalcuCopy *copy, int64 total);
extern void entry_move_filling(const WalcuCopy *copy, const char *position, int64 rows, int64 *filled,
							   int64 *total);
extern void entry_end_filling(WalcuCopy *copy, bool has_newest, TimestampTz newest);
extern void entry_set_columns(const WalcuCopy *copy, bool are_new);
extern void entry_set_live_view(const WalcuCopy *copy, Oid view);
extern void entry_forget(Oid relid);
extern void entry_forget_gone(void);

#endif /* WALCU_COPIES_ENTRY_H */
