/*
 * write_reply.h
 *	  The reply to a write, and what it says of whether that was carried out.
 */
#ifndef WALCU_WRITE_REPLY_H
#define WALCU_WRITE_REPLY_H

#include "postgres.h"

#include "base/compat.h"
#include "http/transfer.h"
#include "json/decode.h"
#include "lib/stringinfo.h"

extern bool write_reply_read(const WalcuTransfer *transfer, StringInfo body, bool may_be_empty,
							 MemoryContext context, WalcuDocument *document);
extern bool write_reply_is_none(const WalcuTransfer *transfer, StringInfo body, bool is_looked_for);
extern bool write_reply_shows(StringInfo body);
extern bool write_reply_tells(const WalcuDocument *document);
extern void write_reply_collect(WalcuTransfer *transfer, const WalcuOptions *options, StringInfo body);
extern bool write_reply_says_done(const WalcuTransfer *transfer);
extern bool write_reply_refuses(const WalcuTransfer *transfer);
extern bool write_reply_leaves_doubt(const WalcuTransfer *transfer, const ErrorData *error);
extern bool write_reply_may_be_of_places(const WalcuTransfer *transfer);
pg_noreturn extern void write_reply_raise_other_id(const WalcuOptions *options, const char *sent,
												   const char *received);
extern bool write_reply_is_interrupt(const ErrorData *error);

#endif /* WALCU_WRITE_REPLY_H */
