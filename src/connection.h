/*
 * connection.h
 *	  The backend's line to a server: one curl multi handle, kept across queries.
 */
#ifndef WALCU_CONNECTION_H
#define WALCU_CONNECTION_H

#include "postgres.h"

#include <curl/curl.h>

#include "option.h"

typedef struct WalcuConnection WalcuConnection;

/* A curl easy handle under way; curl's private pointer leads back to it. */
typedef struct WalcuHandle
{
	CURL *easy;
	bool added; /* to a connection's multi handle */
	bool done;
	CURLcode result; /* valid once done */
} WalcuHandle;

extern WalcuConnection *connection_get(const WalcuOptions *options);
extern void connection_count_request(WalcuConnection *connection, const WalcuOptions *options);
extern bool connection_add(WalcuConnection *connection, WalcuHandle *handle);
extern void connection_remove(WalcuConnection *connection, WalcuHandle *handle);
extern void connection_drive(WalcuConnection *connection, long max_wait);

#endif /* WALCU_CONNECTION_H */
