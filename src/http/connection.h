/*
 * connection.h
 *	  The backend's connection to a server, kept across queries.
 */
#ifndef WALCU_CONNECTION_H
#define WALCU_CONNECTION_H

#include "postgres.h"

#include "http/line.h"
#include "service/option.h"

typedef struct WalcuConnection WalcuConnection;

extern WalcuConnection *connection_get(const WalcuOptions *options);
extern WalcuLine *connection_line(WalcuConnection *connection);
extern void connection_count_request(WalcuConnection *connection, const WalcuOptions *options);
extern int connection_requests_left(const WalcuOptions *options);
extern void connection_remove(WalcuConnection *connection, WalcuCurlEasy *handle);
extern List *connection_list(void);
extern Oid connection_server(const WalcuConnection *connection);
extern bool connection_is_outdated(const WalcuConnection *connection);
extern bool connection_is_idle(WalcuConnection *connection);
extern bool connection_close(WalcuConnection *connection);

#endif /* WALCU_CONNECTION_H */
