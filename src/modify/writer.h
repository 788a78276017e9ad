/*
 * writer.h
 *	  Sending writes, several at a time.
 */
#ifndef WALCU_WRITER_H
#define WALCU_WRITER_H

#include "postgres.h"

#include "http/request.h"
#include "http/transfer.h"
#include "json/decode.h"
#include "modify/write_log.h"
#include "service/option.h"

/* What became of a write. */
typedef enum WalcuOutcome
{
	WALCU_WRITE_UNDER_WAY,
	WALCU_WRITE_DONE,
	WALCU_WRITE_MISSING,  /* there is no such document */
	WALCU_WRITE_CONFLICT, /* there is one already */
	WALCU_WRITE_FAILED
} WalcuOutcome;

typedef struct WalcuWriter WalcuWriter;

/* One document that is written, or read to be written. */
typedef struct WalcuWrite
{
	WalcuWriter *writer;
	MemoryContext context; /* holds the write, its request and its reply */
	WalcuRequest *request;
	const char *id;        /* NULL when the service makes it */
	bool is_new;           /* the document is made, and its id is not in the path */
	bool made_here;        /* nobody else can have made this id */
	bool conflict_is_none; /* a document that is there already is no error */
	bool needs_reply;
	bool detached; /* nobody waits for it: it is released when it is settled */
	bool reads;    /* it changes nothing */
	WalcuOutcome outcome;
	WalcuDocument document; /* the reply, when it is needed */
	/* of writer.c alone: */
	WalcuTransfer *transfer;
	StringInfo body;       /* of the reply */
	WalcuRequest *look_up; /* under way, to see whether the request was carried out */
	bool is_unstarted;     /* look_up is to be sent when the write is advanced */
	ErrorData *doubt;      /* why that is not known */
	bool answered;         /* the service has said that it was carried out */
	int attempts;
} WalcuWrite;

extern WalcuWriter *writer_open(MemoryContext parent, const WalcuOptions *options, const char *credential,
								WalcuWriteLog *write_log);
extern void writer_check_id(const WalcuOptions *options, const char *id);
extern WalcuWrite *writer_create(WalcuWriter *writer, const char *method, const char *id);
extern void writer_set_body(WalcuWrite *write, const char *text);
extern void writer_send(WalcuWrite *write);
extern void writer_wait(WalcuWrite *write);
extern void writer_finish(WalcuWriter *writer);
extern void writer_settle(WalcuWriter *writer, bool wait);
extern int64 writer_take_unwritten(WalcuWriter *writer);
extern int64 writer_count_requests(const WalcuWriter *writer);
extern void writer_release(WalcuWrite *write);

#endif /* WALCU_WRITER_H */
