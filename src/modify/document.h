/*
 * document.h
 *	  A JSON document made of columns.
 */
#ifndef WALCU_DOCUMENT_H
#define WALCU_DOCUMENT_H

#include "postgres.h"

#include "service/option.h"
#include "utils/jsonb.h"

typedef struct WalcuDocumentDraft WalcuDocumentDraft;

extern WalcuDocumentDraft *document_create(const WalcuOptions *options);
extern void document_set(WalcuDocumentDraft *body, const char *path, const char *column, const char *text);
extern char *document_text(const WalcuDocumentDraft *body, Jsonb *document);

#endif /* WALCU_DOCUMENT_H */
