/*
 * transfer.h
 *	  One request on its way, and what has arrived of its reply.
 */
#ifndef WALCU_TRANSFER_H
#define WALCU_TRANSFER_H

#include "postgres.h"

#include "http/curl_multi.h"
#include "http/reply_head.h"
#include "http/request.h"
#include "service/option.h"

/* The most that a reply's head may have, in bytes. */
#define TRANSFER_MAX_HEAD_SIZE (256 * 1024)

/* When a request is to be sent, and how often that was tried before. */
typedef struct WalcuAttempt
{
	double delay; /* milliseconds from now */
	WalcuPause reason;
	int failed;  /* So many requests like it came to nothing. */
	int mishaps; /* So many of those failed by what is not expected to last. */
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
	WalcuCurlErrorKind kind;
	CURLcode code;    /* for WALCU_CURL_ERROR_CURL */
	bool sent;        /* the service, or a proxy, may have got some of the request */
	int proxy_status; /* what a proxy answered when it was asked for the service; 0 for nothing */
	char message[CURL_ERROR_SIZE];
} WalcuCurlError;

/*
 * A request under way.  Readers look at it between calls of transfer_advance; only
 * transfer.c writes it.
 */
typedef struct WalcuTransfer
{
	const WalcuOptions *options;
	const WalcuRequest *request;
	WalcuAttempt attempt;
	int status; /* HTTP status; 0 until the reply's head is here */
	WalcuReplyHead head;
	double retry_after; /* seconds that the service asks to wait; 0 when it does not */
	double unanswered;  /* milliseconds from its beginning to its end, when no head of a reply came */
	bool done;          /* nothing more will come */
	WalcuCurlError failure;
	char *data; /* the body's bytes not consumed yet */
	size_t length;
	uint64 received; /* bytes of the body so far */
} WalcuTransfer;

/* A reply that came whole, from its first byte. */
typedef struct WalcuReply
{
	int status;
	WalcuHasMore has_more;
	const char *body;
	size_t length;
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
extern void transfer_drive(WalcuTransfer *transfer, double limit);
extern double transfer_due(const WalcuTransfer *transfer);
extern const struct pollfd *transfer_begin_wait(WalcuTransfer *transfer, double limit, int *count);
extern int transfer_errdetail(const WalcuTransfer *transfer);
extern bool transfer_was_sent(const WalcuTransfer *transfer);
extern void transfer_consume(WalcuTransfer *transfer, size_t bytes);
extern void transfer_release(WalcuTransfer *transfer);

#endif /* WALCU_TRANSFER_H */
