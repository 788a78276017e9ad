/*
 * ask.h
 *	  Requests of a check, and their replies, whatever these are.
 */
#ifndef WALCU_CHECK_ASK_H
#define WALCU_CHECK_ASK_H

#include "postgres.h"

#include "check/run.h"
#include "http/request.h"

/* What came of a request. */
typedef struct WalcuCheckReply
{
	bool asked;           /* It was sent, and not refused by a limit on requests. */
	int status;           /* The service answered this; 0 for nothing. */
	bool ok;              /* The reply is a success and, unless the request says otherwise, JSON. */
	const char *failure;  /* It says in a sentence why it is not; NULL when it is. */
	const char *redirect; /* It redirects there, as a whole URL; or NULL. */
	const char *hint;     /* It says in a sentence what to do about that; or NULL. */
	WalcuReplyHead head;  /* These headers came. */
	json_t *json;         /* It is the body; NULL when that is no JSON. */
	double took;          /* It took so many milliseconds. */
} WalcuCheckReply;

extern WalcuRequest *ask_list(const WalcuCheckRun *run, const char *resource, const char *filter, int limit);
extern WalcuRequest *ask_path(const WalcuCheckRun *run, const char *method, const char *resource,
							  const char *id);
extern void ask_all(WalcuCheckRun *run, WalcuRequest **requests, WalcuCheckReply *replies, int count);
extern WalcuCheckReply ask_one(WalcuCheckRun *run, WalcuRequest *request);
extern WalcuCheckReply ask_later(WalcuCheckRun *run, WalcuRequest *request, double delay);
extern WalcuCheckReply ask_without_credential(WalcuCheckRun *run, WalcuRequest *request);
extern char *ask_try(MemoryContext context, void (*work)(void *arg), void *arg, const char **hint);
extern int ask_left(const WalcuCheckRun *run);
extern char *ask_printable(const WalcuCheckRun *run, const char *text);

#endif /* WALCU_CHECK_ASK_H */
