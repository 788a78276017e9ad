/*
 * foreign_server.h
 *	  Servers of this wrapper that a user may use.
 */
#ifndef WALCU_FOREIGN_SERVER_H
#define WALCU_FOREIGN_SERVER_H

#include "postgres.h"

#include "foreign/foreign.h"

extern ForeignServer *foreign_server_find(const char *name);
extern bool foreign_server_is_of_walcu(const ForeignServer *server);

#endif /* WALCU_FOREIGN_SERVER_H */
