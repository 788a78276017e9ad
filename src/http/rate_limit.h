/*
 * rate_limit.h
 *	  When the next request to a server may be sent.
 */
#ifndef WALCU_RATE_LIMIT_H
#define WALCU_RATE_LIMIT_H

#include "postgres.h"

#include "service/option.h"

extern void rate_limit_init(void);
extern double rate_limit_reserve(const WalcuOptions *options, int64 *place);
extern void rate_limit_give_back(Oid serverid, int64 place);

#endif /* WALCU_RATE_LIMIT_H */
