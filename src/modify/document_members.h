/*
 * document_members.h
 *	  The members of a document that have certain names, as jsonb.
 */
#ifndef WALCU_DOCUMENT_MEMBERS_H
#define WALCU_DOCUMENT_MEMBERS_H

#include "postgres.h"

#include "json/decode.h"
#include "service/option.h"
#include "utils/jsonb.h"

extern Jsonb *document_members_read(const WalcuOptions *options, const WalcuDocument *document, List *places);
extern char *document_members_replace(const WalcuDocument *document, List *names, const char *members);
extern JsonbValue *document_members_find(Jsonb *document, List *keys, int count);
extern bool document_members_is_object(const JsonbValue *value);

#endif /* WALCU_DOCUMENT_MEMBERS_H */
