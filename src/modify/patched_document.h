/*
 * patched_document.h
 *	  What a patch makes of a document as it is.
 */
#ifndef WALCU_PATCHED_DOCUMENT_H
#define WALCU_PATCHED_DOCUMENT_H

#include "postgres.h"

#include "json/decode.h"
#include "modify/writer.h"
#include "service/option.h"

extern char *patched_document_difference(const WalcuOptions *options, const char *leaf_patch,
										 const WalcuDocument *document);
extern char *patched_document_text(const WalcuOptions *options, const char *leaf_patch,
								   const WalcuDocument *document);
extern char *patched_document_whole(const WalcuOptions *options, const char *id, const char *text,
									const char *leaf_patch);
extern bool patched_document_changes(const char *leaf_patch, List *names);
extern void patched_document_on_refusal(WalcuWrite *write, const char *leaf_patch);

#endif /* WALCU_PATCHED_DOCUMENT_H */
