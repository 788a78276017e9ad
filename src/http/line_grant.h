/*
 * line_grant.h
 *	  Whether the service grants a request over a line now: by the rates that are known of it.
 */
#ifndef WALCU_LINE_GRANT_H
#define WALCU_LINE_GRANT_H

#include "postgres.h"

#include "http/line_room.h"

extern bool line_grant_take(WalcuLine *line, WalcuCurlEasy *handle, double now);
extern void line_grant_give_back(const WalcuLine *line, WalcuCurlEasy *handle);
extern void line_grant_end(const WalcuLine *line, WalcuCurlEasy *handle, bool was_served);

#endif /* WALCU_LINE_GRANT_H */
