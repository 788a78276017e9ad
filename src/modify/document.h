/*
 * document.h
 *	  A JSON document made of columns.
 */
#ifndef WALCU_DOCUMENT_H
#define WALCU_DOCUMENT_H

#include "postgres.h"

#include "service/option.h"
#include "utils/jsonb.h"

typedef struct WalcuBody WalcuBody;

extern WalcuBody *body_create(const WalcuOptions *options);
extern void body_set(WalcuBody *body, const char *path, const char *column, const char *text);
extern char *body_text(const WalcuBody *body, Jsonb *document);

#endif /* WALCU_DOCUMENT_H */
