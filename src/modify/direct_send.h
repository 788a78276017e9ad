/*
 * direct_send.h
 *	  Sending what the scans that change documents themselves have to send.
 */
#ifndef WALCU_DIRECT_SEND_H
#define WALCU_DIRECT_SEND_H

#include "postgres.h"

#include "fetch/find_ids.h"
#include "modify/outbox_record.h"
#include "modify/row.h"
#include "modify/writer.h"
#include "nodes/execnodes.h"

/* What a ForeignScan that changes documents itself carries in fdw_state. */
typedef struct WalcuDirectModify
{
	CmdType operation;         /* It is CMD_UPDATE or CMD_DELETE. */
	bool is_list;              /* The ids are an array. */
	bool sets_tag;             /* The rows count in the command's tag. */
	bool sends_together;       /* Others below the same Append send when it does. */
	List *columns;             /* These columns (from 0) are set. */
	Expr *ids;                 /* This is one id, or an array of them. */
	ExprState *state;          /* It computes the ids. */
	List *values;              /* These compute the values of the columns. */
	Datum *set_values;         /* These are the values, once they are computed. */
	bool *set_nulls;           /* It tells, by column that is set, whether the value is NULL. */
	WalcuRow *row;             /* It says what values mean to the service. */
	const char *credential;    /* This is the header line that the service knows the user by. */
	WalcuWriter *writer;       /* It sends the writes; NULL until the scan begins. */
	WalcuOutboxTarget *outbox; /* The writes are recorded there, or it is NULL. */
	WalcuWriteLog *write_log;  /* It lists what the statement has written. */
	MemoryContext row_context; /* It holds what the returned row needs. */
	bool sent;                 /* The writes are sent, or being sent. */
	List *unsent;              /* These (of char *) are the ids, while some of the writes are not sent. */
	List *unsure;              /* These are others, */
	WalcuIdSearch *search;     /* while this asks which of them documents have; NULL where there are none. */
	int next_unsent;           /* This one of them is sent next. */
	WalcuRowPatch patch;       /* An UPDATE sends this to each document. */
	int documents;             /* So many documents are changed unless they are gone, and not counted yet. */
	List *writes;              /* The documents of these confirmed writes are to be returned. */
	int next;                  /* This write is returned next. */
} WalcuDirectModify;

extern void direct_send_expect(ForeignScanState *node);
extern void direct_send(ForeignScanState *node);

#endif /* WALCU_DIRECT_SEND_H */
