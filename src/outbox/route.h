/*
 * route.h
 *	  The way to a table's service, for one user.
 */
#ifndef WALCU_OUTBOX_ROUTE_H
#define WALCU_OUTBOX_ROUTE_H

#include "postgres.h"

#include "outbox/entry.h"

/* The ways that the entries of a batch go. */
typedef struct WalcuOutboxRoutes
{
	List *routes;             /* These are they (of WalcuOutboxRoute *). */
	List *peers;              /* These are their servers (of WalcuOutboxPeer *). */
	WalcuWriteLog *write_log; /* All writers share it. */
} WalcuOutboxRoutes;

extern WalcuOutboxRoutes *outbox_routes_open(List *entries);
extern void outbox_routes_close(WalcuOutboxRoutes *routes);

#endif /* WALCU_OUTBOX_ROUTE_H */
