/*
 * retry.h
 *	  What is tried again, and when.
 */
#ifndef WALCU_RETRY_H
#define WALCU_RETRY_H

#include "postgres.h"

#include "http/transfer.h"

extern bool retry_is_possible(const WalcuTransfer *transfer, bool malformed);
extern bool retry_is_refused(const WalcuTransfer *transfer);
extern WalcuAttempt retry_attempt(const WalcuTransfer *transfer);

#endif /* WALCU_RETRY_H */
