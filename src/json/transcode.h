/*
 * transcode.h
 *	  A JSON value of the service in the database's encoding.
 */
#ifndef WALCU_TRANSCODE_H
#define WALCU_TRANSCODE_H

#include "postgres.h"

#include "json/convert.h"

extern void transcode_unescape(WalcuJson *value);
extern bool transcode_key(char *key, int size, bool transcodes, const char **name, int *length);
extern bool transcode_to_server(WalcuJson *value);
extern void transcode_to_server_escaped(WalcuJson *value);

#endif /* WALCU_TRANSCODE_H */
