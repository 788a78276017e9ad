/*
 * async.h
 *	  Scans that Append runs beside each other.
 */
#ifndef WALCU_ASYNC_H
#define WALCU_ASYNC_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

extern bool async_is_capable(ForeignPath *path);
extern void async_request(AsyncRequest *request);
extern void async_configure_wait(AsyncRequest *request);
extern void async_notify(AsyncRequest *request);

#endif /* WALCU_ASYNC_H */
