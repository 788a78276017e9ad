/*
 * decode.h
 *	  The wanted fields of one document, as Datums.
 */
#ifndef WALCU_DECODE_H
#define WALCU_DECODE_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "json/convert.h"
#include "service/option.h"

/* The bytes of one document.  decode.c may write into them. */
typedef struct WalcuDocument
{
	char *data;     /* These are the bytes. */
	int length;     /* This is their number. */
	const char *id; /* This is its _id, for messages and paging. */
} WalcuDocument;

typedef struct WalcuDecoder WalcuDecoder;

extern WalcuDecoder *decode_prepare(const WalcuOptions *options, TupleDesc columns);
extern WalcuDecoder *decode_prepare_elements(const WalcuOptions *options, TupleDesc columns,
											 const char *list);
extern void decode_want(WalcuDecoder *decoder, int column, const char *path);
extern void decode_document(WalcuDecoder *decoder, const WalcuDocument *document, Datum *values, bool *nulls);
extern void decode_note_misfit(WalcuDecoder *decoder, const WalcuDocument *document, const WalcuJson *value,
							   const char *fault);
extern int64 decode_mismatches(const WalcuDecoder *decoder);

#endif /* WALCU_DECODE_H */
