/*
 * curl_error.h
 *	  A reply that did not come, or not whole: what that means in SQL.
 */
#ifndef WALCU_CURL_ERROR_H
#define WALCU_CURL_ERROR_H

#include "postgres.h"

#include "base/compat.h"
#include "http/transfer.h"

/* The hint of a failure that leaves open whether a request that writes was carried out. */
#define CURL_ERROR_UNKNOWN_HINT                                                                              \
	"It is not known whether the service carried it out; check before you repeat it."

extern bool walcu_curl_error_is_transient(const WalcuCurlError *failure);
extern bool walcu_curl_error_is_outage(const WalcuCurlError *failure);
extern const char *walcu_curl_error_text(const WalcuTransfer *transfer);
extern char *walcu_curl_error_hint(const WalcuTransfer *transfer);
pg_noreturn extern void walcu_curl_error_raise(const WalcuTransfer *transfer);

#endif /* WALCU_CURL_ERROR_H */
