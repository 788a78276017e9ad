/*
 * http_error.h
 *	  What the service's status and error bodies mean in SQL.
 */
#ifndef WALCU_HTTP_ERROR_H
#define WALCU_HTTP_ERROR_H

#include "postgres.h"

#include "base/compat.h"
#include "http/transfer.h"

extern void http_error_check(const WalcuTransfer *transfer, const char *credential);
extern void http_error_check_type(const WalcuTransfer *transfer, const char *credential);
extern char *http_error_obstacle(const WalcuTransfer *transfer, const char *credential);
extern char *http_error_words(const WalcuTransfer *transfer, const char *credential);
extern char *http_error_printable(const char *text, const char *credential);
pg_noreturn extern void http_error_raise_malformed(const WalcuTransfer *transfer, const char *reason);

#endif /* WALCU_HTTP_ERROR_H */
