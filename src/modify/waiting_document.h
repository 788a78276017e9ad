/*
 * waiting_document.h
 *	  What a document will be after the writes that wait for the commit.
 */
#ifndef WALCU_WAITING_DOCUMENT_H
#define WALCU_WAITING_DOCUMENT_H

#include "postgres.h"

#include "fetch/waiting_writes.h"
#include "modify/queue_entry.h"

extern const WalcuWaitingDocument *waiting_document_of(WalcuQueueDocument *document, CommandId command,
													   MemoryContext context);
extern WalcuWaiting waiting_document_show(const WalcuWaitingDocument *waiting, WalcuDocument *document);

#endif /* WALCU_WAITING_DOCUMENT_H */
