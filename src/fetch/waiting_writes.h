/*
 * waiting_writes.h
 *	  What the transaction has written, and the service will get at the commit.
 */
#ifndef WALCU_WAITING_WRITES_H
#define WALCU_WAITING_WRITES_H

#include "postgres.h"

#include "fetch/tally.h"
#include "json/decode.h"
#include "service/option.h"

/* What waits for a document. */
typedef enum WalcuWaiting
{
	WALCU_WAITING_NONE,    /* Nothing does, or nothing that is shown. */
	WALCU_WAITING_PATCH,   /* A part of it changes: the service knows the rest. */
	WALCU_WAITING_WHOLE,   /* All of it is here. */
	WALCU_WAITING_DELETION /* It will be gone. */
} WalcuWaiting;

/*
 * Whoever keeps the writes tells of them.  A command is shown what earlier ones have written: those with a
 * lower number.
 */
typedef struct WalcuWaitingSource
{
	/* Tells whether anything waits. */
	bool (*exist)(void);

	/* Returns the ids (of char *) of a resource's documents for which something that is shown waits. */
	List *(*ids)(const WalcuOptions *options, CommandId command);

	/*
	 * Returns what waits for a document, and puts in what it will be.  document has what the service knows,
	 * or data is NULL: then a patch is told of, and not made.
	 */
	WalcuWaiting (*show)(const WalcuOptions *options, const char *id, CommandId command,
						 WalcuDocument *document);

	/* Tells whether what waits for a document changes one of its members with these names (of char *). */
	bool (*changes)(const WalcuOptions *options, const char *id, CommandId command, List *names);

	/*
	 * Returns how many documents there will be that are here as a whole.  Adds the ids (of char *) of those
	 * of them, and of those that will be gone, that the service may have.
	 */
	int64 (*count)(const WalcuOptions *options, CommandId command, List **held);
} WalcuWaitingSource;

extern void waiting_writes_set_source(const WalcuWaitingSource *source);
extern bool waiting_writes_exist(void);
extern List *waiting_writes_ids(const WalcuOptions *options, CommandId command);
extern WalcuWaiting waiting_writes_show(const WalcuOptions *options, const char *id, CommandId command,
										WalcuDocument *document);
extern bool waiting_writes_change(const WalcuOptions *options, const char *id, CommandId command,
								  List *names);
extern int64 waiting_writes_count(const WalcuOptions *options, const char *credential, CommandId command,
								  WalcuTally *tally);

#endif /* WALCU_WAITING_WRITES_H */
