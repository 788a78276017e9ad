/*
 * slow_start.h
 *	  How many requests may be under way to a server of which little is known.
 */
#ifndef WALCU_SLOW_START_H
#define WALCU_SLOW_START_H

#include "postgres.h"

extern void slow_start_init(void);
extern bool slow_start_take(Oid serverid);
extern void slow_start_give_back(Oid serverid, bool was_served);

#endif /* WALCU_SLOW_START_H */
