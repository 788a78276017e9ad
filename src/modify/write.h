/*
 * write.h
 *	  One document that is written.
 */
#ifndef WALCU_WRITE_H
#define WALCU_WRITE_H

#include "postgres.h"

#include "http/request.h"
#include "http/transfer.h"
#include "json/decode.h"

/* A write has one of these outcomes. */
typedef enum WalcuOutcome
{
	WALCU_WRITE_UNDER_WAY,
	WALCU_WRITE_DONE,
	WALCU_WRITE_MISSING,  /* There is no such document. */
	WALCU_WRITE_CONFLICT, /* There is such a document already. */
	WALCU_WRITE_FAILED
} WalcuOutcome;

typedef struct WalcuWriter WalcuWriter;

/*
 * Makes the body of a write of its document as it is; NULL when there is nothing to do.  What it returns is
 * in the current memory context.
 */
typedef char *(*WalcuRemake)(void *arg, const WalcuDocument *document);

/* One document that is written, or read to be written. */
typedef struct WalcuWrite
{
	WalcuWriter *writer;         /* This writer sends it. */
	const WalcuOptions *options; /* These are the options of the table. */
	MemoryContext context;       /* The write, its request and its reply are in this context. */
	WalcuRequest *request;       /* This is the request. */
	const char *id;              /* It is NULL when the service makes it. */
	bool is_new;                 /* The document is new, and its id is not in the path. */
	bool made_here;              /* Nobody else can have made this id. */
	bool conflict_is_none;       /* A document that is there already is not an error. */
	bool needs_reply;            /* The document that the service answers with is wanted. */
	bool detached;               /* Nobody waits for it: it is released when it is settled. */
	bool stands_alone;           /* Its error is kept in it: others of the statement go on. */
	bool may_be_there;           /* It may have been carried out before: it is looked for first. */
	bool reads;                  /* It changes nothing. */
	WalcuRemake remake;          /* This makes the body if there is none, or it is refused; NULL for none. */
	void *remake_arg;            /* This is passed to remake. */
	const char *error_context;   /* Its errors happened there; NULL for where they are found out. */
	const char *sets;            /* This is to come back, see ignored_write.c; NULL where nobody asks. */
	bool *is_sent;               /* It is set to false if the write is left before it was sent; or NULL. */
	WalcuOutcome outcome;        /* This is what became of it. */
	ErrorData *failure;          /* If it stands alone, this is its error, or what is not kept; or NULL. */
	int status;                  /* With an error: the service has answered this; 0 for nothing. */
	double retry_after;          /* With an error: the service asks to wait so many seconds. */
	bool is_unanswered;          /* With an error: a request was begun, and no reply came. */
	bool is_unknown;             /* With an error: it may have been carried out. */
	WalcuDocument document;      /* This is the reply, when it is needed. */
	/* The members from here on are for writer.c alone. */
	WalcuTransfer *transfer; /* This is the transfer of the last request. */
	StringInfo body;         /* This is the body of the reply. */
	WalcuRequest *look_up;   /* This request is under way, to see the document. */
	bool is_shown;           /* Or to show the document, as the reply to what has changed it does not. */
	bool is_doubtful;        /* While the body is remade: the request may have been carried out. */
	bool is_unstarted;       /* The request look_up is sent when the write is advanced. */
	ErrorData *doubt;        /* This error is why that is not known. */
	bool answered;           /* The service has said that it was carried out. */
	int attempts;            /* The request was sent so many times. */
} WalcuWrite;

extern void write_check_id(const WalcuOptions *options, const char *id);
extern void write_check_new_id(const WalcuOptions *options, const char *id);
extern void write_set_body(WalcuWrite *write, const char *text);
extern void write_set_remake(WalcuWrite *write, WalcuRemake remake, void *arg);
extern void write_expect(WalcuWrite *write, const char *sets);
extern bool write_read_document(WalcuWrite *write, const char *credential);
extern bool write_says_none(const WalcuWrite *write);
extern bool write_must_be_shown(WalcuWrite *write, const char *credential);
extern void write_check_kept_id(WalcuWrite *write);

#endif /* WALCU_WRITE_H */
