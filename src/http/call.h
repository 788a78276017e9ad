/*
 * call.h
 *	  One call of the API that is waited for: request out, whole body in.
 */
#ifndef WALCU_CALL_H
#define WALCU_CALL_H

#include "postgres.h"

#include "http/request.h"
#include "lib/stringinfo.h"
#include "service/option.h"

extern StringInfo call_perform(const WalcuOptions *options, const char *credential,
							   const WalcuRequest *request, size_t limit);

#endif /* WALCU_CALL_H */
