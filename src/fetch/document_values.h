/*
 * document_values.h
 *	  The values of a document, and errors about them that show no credential.
 */
#ifndef WALCU_DOCUMENT_VALUES_H
#define WALCU_DOCUMENT_VALUES_H

#include "postgres.h"

#include "json/decode.h"

extern void document_values(WalcuDecoder *decoder, const WalcuDocument *document, const char *credential,
							Datum *values, bool *nulls);

#endif /* WALCU_DOCUMENT_VALUES_H */
