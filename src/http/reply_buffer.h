/*
 * reply_buffer.h
 *	  The bytes of a reply's body that have arrived, read and unread.
 */
#ifndef WALCU_REPLY_BUFFER_H
#define WALCU_REPLY_BUFFER_H

#include "postgres.h"

/* Zeroed, it is ready. */
typedef struct WalcuReplyBuffer
{
	char *start; /* The bytes begin here; malloc has made the room, as it grows inside callbacks of curl. */
	size_t capacity; /* There is room for so many bytes. */
	size_t consumed; /* So many bytes at the start have been read. */
	size_t keep;     /* So many bytes at the start stay when they have been read. */
	int marked;      /* So many bytes of a mark before the body have come. */
} WalcuReplyBuffer;

extern bool reply_buffer_append(WalcuReplyBuffer *buffer, size_t unread, const char *data, size_t length);
extern size_t reply_buffer_pass_mark(WalcuReplyBuffer *buffer, const char *data, size_t length);
extern void reply_buffer_free(WalcuReplyBuffer *buffer);

#endif /* WALCU_REPLY_BUFFER_H */
