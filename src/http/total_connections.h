/*
 * total_connections.h
 *	  How many connections all sessions together have open to a server.
 */
#ifndef WALCU_TOTAL_CONNECTIONS_H
#define WALCU_TOTAL_CONNECTIONS_H

#include "postgres.h"

extern void total_connections_init(void);
extern bool total_connections_acquire(Oid serverid, int count, int most);
extern void total_connections_release(Oid serverid, int count);
extern bool total_connections_are_scarce(Oid serverid, int most);

#endif /* WALCU_TOTAL_CONNECTIONS_H */
