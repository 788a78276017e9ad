/*
 * foreign_server.h
 *	  Servers of this wrapper that a user may use.
 */
#ifndef WALCU_FOREIGN_SERVER_H
#define WALCU_FOREIGN_SERVER_H

#include "postgres.h"

#include "foreign/foreign.h"
#include "service/option.h"

extern ForeignServer *foreign_server_find(const char *name);
extern bool foreign_server_is_of_walcu(const ForeignServer *server);
extern void foreign_server_require_dealer(const WalcuOptions *options);

#endif /* WALCU_FOREIGN_SERVER_H */
