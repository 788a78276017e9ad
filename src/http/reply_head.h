/*
 * reply_head.h
 *	  What the head of a reply says.
 */
#ifndef WALCU_REPLY_HEAD_H
#define WALCU_REPLY_HEAD_H

#include "postgres.h"

/* The reply header MAPP-has-more. */
typedef enum WalcuHasMore
{
	WALCU_MORE_UNKNOWN, /* the reply does not say */
	WALCU_MORE_NO,
	WALCU_MORE_YES
} WalcuHasMore;

/* What is known of a reply's head, as far as it is here. */
typedef struct WalcuReplyHead
{
	WalcuHasMore has_more;  /* The header MAPP-has-more says this. */
	bool is_encoded;        /* The body is compressed. */
	bool is_delimited;      /* The body's end can be told from the connection's. */
	char content_type[128]; /* It is empty when there is none. */
	char location[256];     /* A redirect leads there. */
	char date[64];          /* The service says that it answered then. */
	char retry_after[64];   /* It is a number of seconds, or a date. */
	char rate[256];         /* These are the lines RateLimit-... and X-RateLimit-..., each with its end. */
	char version[4];        /* It was sent as HTTP of this version, such as 1.1. */
} WalcuReplyHead;

extern void reply_head_take_line(WalcuReplyHead *head, const char *line, size_t length);
extern bool reply_head_is_end(const char *line, size_t length);
extern bool reply_head_is_json(const WalcuReplyHead *head);
extern bool reply_head_tells_end(const WalcuReplyHead *head);
extern double reply_head_retry_after(const WalcuReplyHead *head);

#endif /* WALCU_REPLY_HEAD_H */
