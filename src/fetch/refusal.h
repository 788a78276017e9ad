/*
 * refusal.h
 *	  What is asked for instead of a filter that the service refused.
 */
#ifndef WALCU_REFUSAL_H
#define WALCU_REFUSAL_H

#include "postgres.h"

#include "fetch/query.h"
#include "http/transfer.h"

/* A warning of its own: the service refused a filter. */
#define WALCU_WARNING_REFUSED_FILTER MAKE_SQLSTATE('0', '1', 'W', 'F', '1')

extern bool refusal_ids_are_objectids(const WalcuOptions *options, const char *credential);
extern List *refusal_parts(const WalcuQuery *query, WalcuTally *tally);
extern void refusal_note_taken(WalcuQuery *query);
extern bool refusal_take_back(WalcuQuery *query, const WalcuTransfer *refused, WalcuTally *tally);

#endif /* WALCU_REFUSAL_H */
