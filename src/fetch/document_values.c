/*
 * document_values.c
 *	  The values of a document, and errors about them that show no credential.
 *
 * decode.c knows of none.  All that reads documents of the service calls this.
 */
#include "postgres.h"

#include "fetch/document_values.h"

#include "http/redact.h"

/* As decode_document, for a document that came for a credential. */
void
document_values(WalcuDecoder *decoder, const WalcuDocument *document, const char *credential, Datum *values,
				bool *nulls)
{
	REDACT_TRY();
	{
		decode_document(decoder, document, values, nulls);
	}
	REDACT_END(credential);
}
