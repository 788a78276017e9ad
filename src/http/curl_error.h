/*
 * curl_error.h
 *	  A reply that did not come, or not whole: what that means in SQL.
 */
#ifndef WALCU_CURL_ERROR_H
#define WALCU_CURL_ERROR_H

#include "postgres.h"

#include "base/compat.h"
#include "http/transfer.h"

extern bool failure_is_transient(const WalcuFailure *failure);
pg_noreturn extern void failure_raise(const WalcuTransfer *transfer);

#endif /* WALCU_CURL_ERROR_H */
