/*
 * reply_reader.h
 *	  The documents of one reply that has them all: a document by its _id, or a job's results.
 */
#ifndef WALCU_REPLY_READER_H
#define WALCU_REPLY_READER_H

#include "postgres.h"

#include "fetch/cursor.h"

extern WalcuCursor *reply_reader_open_document(WalcuCursorGroup *group, WalcuQueryPart *part);
extern WalcuCursor *reply_reader_open_job(WalcuCursorGroup *group, WalcuQueryPart *part);

#endif /* WALCU_REPLY_READER_H */
