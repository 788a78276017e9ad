/*
 * trace.h
 *	  How a request is found again: in the server's log, and in the logs of the service.
 */
#ifndef WALCU_TRACE_H
#define WALCU_TRACE_H

#include "postgres.h"

#include "http/curl_multi.h"
#include "http/request.h"

extern void trace_init(void);
extern const char *trace_parent_line(void);
extern const char *trace_request_id_line(void);
extern void trace_log_if_slow(const WalcuCurlEasy *handle, const WalcuRequest *request, int status,
							  uint64 bytes);

#endif /* WALCU_TRACE_H */
