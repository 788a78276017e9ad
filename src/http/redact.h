/*
 * redact.h
 *	  Taking credentials out of what is said.
 */
#ifndef WALCU_REDACT_H
#define WALCU_REDACT_H

#include "postgres.h"

#include "base/compat.h"

/*
 * Around what looks at a reply: errors leave without the credential.
 *
 *	   REDACT_TRY();
 *	   {
 *		   ...
 *	   }
 *	   REDACT_END(credential);
 */
#define REDACT_TRY()                                                                                         \
	do                                                                                                       \
	{                                                                                                        \
		MemoryContext redact_context = CurrentMemoryContext;                                                 \
	PG_TRY()

#define REDACT_END(credential)                                                                               \
	PG_CATCH();                                                                                              \
	{                                                                                                        \
		redact_rethrow(redact_context, credential);                                                          \
	}                                                                                                        \
	PG_END_TRY();                                                                                            \
	}                                                                                                        \
	while (0)

extern void redact_text(char *text, bool whole, const char *credential);
extern void redact_name(char *name, const char *credential);
extern void redact_error(ErrorData *error, const char *credential);
pg_noreturn extern void redact_rethrow(MemoryContext context, const char *credential);

#endif /* WALCU_REDACT_H */
