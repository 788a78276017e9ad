/*
 * write_reply.h
 *	  The reply to a write.
 */
#ifndef WALCU_WRITE_REPLY_H
#define WALCU_WRITE_REPLY_H

#include "postgres.h"

#include "http/transfer.h"
#include "json/decode.h"
#include "lib/stringinfo.h"

extern bool write_reply_read(const WalcuTransfer *transfer, StringInfo body, bool may_be_empty,
							 MemoryContext context, WalcuDocument *document);

#endif /* WALCU_WRITE_REPLY_H */
