/*
 * rate_limit.h
 *	  When the next request to a server may be sent.
 */
#ifndef WALCU_RATE_LIMIT_H
#define WALCU_RATE_LIMIT_H

#include "postgres.h"

#include "service/option.h"

extern void rate_init(void);
extern double rate_reserve(const WalcuOptions *options, int64 *place);
extern void rate_give_back(Oid serverid, int64 place);

#endif /* WALCU_RATE_LIMIT_H */
