/*
 * transport.h
 *	  One request on its way, and what has arrived of its reply.
 */
#ifndef WALCU_TRANSPORT_H
#define WALCU_TRANSPORT_H

#include "postgres.h"

#include "option.h"
#include "request.h"

/* The reply header MAPP-has-more. */
typedef enum WalcuHasMore
{
	WALCU_MORE_UNKNOWN, /* the reply does not say */
	WALCU_MORE_NO,
	WALCU_MORE_YES
} WalcuHasMore;

/*
 * A request under way.  Readers look at it between calls of transport_advance; only
 * transport.c writes it.
 */
typedef struct WalcuTransfer
{
	const WalcuOptions *options;
	const WalcuRequest *request;
	int status; /* HTTP status; 0 until the reply's head is here */
	WalcuHasMore has_more;
	char content_type[128];
	char location[256];
	bool done;  /* the whole reply is here */
	char *data; /* the body's bytes not consumed yet */
	size_t length;
	uint64 received; /* bytes of the body so far */
} WalcuTransfer;

extern WalcuTransfer *transport_start(MemoryContext parent, const WalcuOptions *options,
									  const char *credential, const WalcuRequest *request);
extern void transport_advance(WalcuTransfer *transfer, bool wait);
extern void transport_consume(WalcuTransfer *transfer, size_t bytes);
extern void transport_release(WalcuTransfer *transfer);

#endif /* WALCU_TRANSPORT_H */
