/*
 * transfer.h
 *	  One request on its way, and what has arrived of its reply.
 */
#ifndef WALCU_TRANSFER_H
#define WALCU_TRANSFER_H

#include "postgres.h"

#include "http/curl_easy.h"
#include "http/curl_multi.h"
#include "http/reply_head.h"
#include "http/request.h"
#include "service/option.h"

/* The most that a reply's head may have, in bytes. */
#define TRANSFER_MAX_HEAD_SIZE (256 * 1024)

/* When a request is to be sent, and how often that was tried before. */
typedef struct WalcuAttempt
{
	double delay;      /* The request is sent so many milliseconds from now. */
	WalcuPause reason; /* It says why it waits. */
	int failed;        /* So many requests like it came to nothing. */
	int mishaps;       /* So many of those failed by what is not expected to last. */
	int refused;       /* So many of those were one too many for the service (429), */
	double held;       /* and it was waited for so many milliseconds after them. */
	double
		lost; /* So many milliseconds went by without the head of a reply, waits between requests included. */
} WalcuAttempt;

/* Why a reply did not come, or not whole. */
typedef enum WalcuCurlErrorKind
{
	WALCU_CURL_ERROR_NONE,
	WALCU_CURL_ERROR_CURL,
	WALCU_CURL_ERROR_TIMEOUT,
	WALCU_CURL_ERROR_MEMORY,
	WALCU_CURL_ERROR_HEAD_SIZE,
	WALCU_CURL_ERROR_LINE_SIZE, /* of a line in the head */
	WALCU_CURL_ERROR_REPLY_SIZE,
	WALCU_CURL_ERROR_EXPANSION /* a compressed body becomes too much at once */
} WalcuCurlErrorKind;

typedef struct WalcuCurlError
{
	WalcuCurlErrorKind kind; /* It says what kind of failure it is. */
	CURLcode code;           /* It is curl's own code, for WALCU_CURL_ERROR_CURL. */
	bool sent;               /* The service, or a proxy, may have got some of the request. */
	int proxy_status;        /* A proxy answered this when it was asked for the service; 0 for nothing. */
	char message[CURL_ERROR_SIZE]; /* It is curl's own message, or empty. */
} WalcuCurlError;

/*
 * A request under way.  Readers look at it between calls of transfer_advance; only
 * transfer.c writes it.
 */
typedef struct WalcuTransfer
{
	const WalcuOptions *options; /* These settings are in force. */
	const WalcuRequest *request; /* This is asked for. */
	WalcuAttempt attempt;        /* It says how often that was tried. */
	int status;                  /* This is the HTTP status; 0 until the reply's head is here. */
	WalcuReplyHead head;         /* These are the headers that matter. */
	double retry_after;          /* The service asks to wait so many seconds; 0 when it does not. */
	double took;                 /* It took so many milliseconds to its end; 0 until then. */
	char tls[WALCU_TLS_SIZE];    /* TLS of this version was agreed upon, where the request is to tell. */
	bool done;                   /* Nothing more will come. */
	WalcuCurlError failure;      /* It says why the reply did not come, or not whole. */
	char *data;                  /* These are the body's bytes that were not consumed yet. */
	size_t length;               /* There are so many of them. */
	uint64 received;             /* The body has had so many bytes so far. */
} WalcuTransfer;

/* A reply that came whole, from its first byte. */
typedef struct WalcuReply
{
	int status;            /* This is the HTTP status. */
	WalcuHasMore has_more; /* The header MAPP-has-more said this. */
	const char *body;      /* These are all its bytes. */
	size_t length;         /* There are so many. */
} WalcuReply;

extern WalcuTransfer *transfer_start(MemoryContext parent, const WalcuOptions *options,
									 const char *credential, const WalcuRequest *request,
									 const WalcuAttempt *attempt);
extern WalcuTransfer *transfer_replay(MemoryContext parent, const WalcuOptions *options,
									  const WalcuRequest *request, const WalcuReply *reply);
extern void transfer_keep(WalcuTransfer *transfer, size_t bytes);
extern bool transfer_reply(const WalcuTransfer *transfer, WalcuReply *reply);
extern void transfer_advance(WalcuTransfer *transfer, bool wait);
extern void transfer_look(WalcuTransfer *transfer, bool wait);
extern bool transfer_is_stirred(const WalcuTransfer *transfer);
extern void transfer_drive(WalcuTransfer *transfer, double limit);
extern void transfer_await(WalcuTransfer *transfer);
extern int transfer_errdetail(const WalcuTransfer *transfer);
extern char *transfer_redirect_url(const WalcuTransfer *transfer);
extern bool transfer_is_empty(const WalcuTransfer *transfer);
extern bool transfer_was_sent(const WalcuTransfer *transfer);
extern void transfer_consume(WalcuTransfer *transfer, size_t bytes);
extern void transfer_release(WalcuTransfer *transfer);

#endif /* WALCU_TRANSFER_H */
