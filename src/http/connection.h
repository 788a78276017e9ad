/*
 * connection.h
 *	  The backend's line to a server, kept across queries, and who may use it when.
 */
#ifndef WALCU_CONNECTION_H
#define WALCU_CONNECTION_H

#include "postgres.h"

#include "http/curl_multi.h"
#include "service/option.h"

typedef struct WalcuConnection WalcuConnection;

extern WalcuConnection *connection_get(const WalcuOptions *options);
extern void connection_count_request(WalcuConnection *connection, const WalcuOptions *options);
extern int connection_requests_left(const WalcuOptions *options);
extern void connection_queue(WalcuConnection *connection, WalcuCurlEasy *handle);
extern void connection_join(WalcuConnection *connection, WalcuCurlEasy *handle);
extern void connection_hold(WalcuConnection *connection, double milliseconds);
extern void connection_remove(WalcuConnection *connection, WalcuCurlEasy *handle);
extern void connection_drive(WalcuConnection *connection, double limit);
extern void connection_begin_wait(WalcuConnection *connection, double limit);
extern double connection_waited(const WalcuConnection *connection);
extern double connection_due(WalcuConnection *connection);
extern List *connection_list(void);
extern Oid connection_server(const WalcuConnection *connection);
extern bool connection_is_outdated(const WalcuConnection *connection);
extern bool connection_is_idle(WalcuConnection *connection);
extern bool connection_close(WalcuConnection *connection);
extern const struct pollfd *connection_sockets(const WalcuConnection *connection, int *count);

#endif /* WALCU_CONNECTION_H */
