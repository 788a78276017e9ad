/*
 * modified_table.h
 *	  A table of a statement that writes.
 */
#ifndef WALCU_MODIFIED_TABLE_H
#define WALCU_MODIFIED_TABLE_H

#include "postgres.h"

#include "modify/commit_queue.h"
#include "modify/held_rows.h"
#include "modify/outbox_record.h"
#include "modify/row.h"
#include "modify/writer.h"
#include "nodes/execnodes.h"
#include "utils/hsearch.h"

/* What modify_table.c keeps of the executor's node. */
typedef struct WalcuModifyTable WalcuModifyTable;

/* A row that is being written, which somebody waits for. */
typedef struct WalcuBegunRow
{
	WalcuWrite *write; /* It tells what became of the row; NULL where there is nothing to wait for. */
	bool is_missing;   /* The document is gone, or was written before. */
} WalcuBegunRow;

/* What happens with the rows of one table of a statement.  ri_FdwState of its ResultRelInfo points to it. */
typedef struct WalcuModify
{
	CmdType operation;            /* It is that of the statement, or CMD_INSERT for rows routed here. */
	WalcuRow *row;                /* It says what a row means to the service. */
	WalcuWriter *writer;          /* It sends the writes. */
	WalcuWriteLog *write_log;     /* It lists what the statement has written. */
	WalcuCommitQueueTable *queue; /* Writes wait in it for the commit, or it is NULL. */
	WalcuOutboxTarget *outbox;    /* Writes are recorded there, or it is NULL. */
	CommandId command;            /* This is the number of the statement's command. */
	MemoryContext row_context;    /* It holds what the current row needs. */
	bool needs_reply;             /* The documents that the service answers with are wanted. */
	bool waits;                   /* Each row has to be confirmed before the next is sent. */
	WalcuHeldRows *held;          /* Rows are held in it; NULL where each is sent at once. */
	Oid routed_from;              /* Rows are routed from this table to this one; InvalidOid for none. */
	bool is_copied;               /* The rows are those of COPY. */
	bool skips_conflicts;         /* The statement has ON CONFLICT DO NOTHING. */
	bool judges_first;            /* All rows are read and judged before the first is sent. */
	TupleTableSlot *judged_slot;  /* What an UPDATE makes of a row is judged in this slot. */
	List *partition_columns;      /* These columns (from 0) could put a row out of the partition. */
	AttrNumber id_junk;           /* The subplan's column of this number is the _id, for DELETE. */
	AttrNumber whole_row_junk;    /* The subplan's column of this number is the old row. */
	List *begun;                  /* These rows (of WalcuBegunRow *) are begun, and not returned yet. */
	bool begins_ahead;            /* Rows are begun before the executor comes to them. */
	TupleTableSlot *begun_slot;   /* A row that is begun then is made in this slot. */
	HTAB *seen;                   /* These documents are written; NULL where none comes twice. */
	WalcuModifyTable *wrapper;    /* The first table of a statement has it; NULL for the others. */
} WalcuModify;

#endif /* WALCU_MODIFIED_TABLE_H */
