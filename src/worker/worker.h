/*
 * worker.h
 *	  The background worker of one database.
 */
#ifndef WALCU_WORKER_H
#define WALCU_WORKER_H

#include "postgres.h"

#include "postmaster/bgworker.h"

/* This is what pg_stat_activity says of a worker (backend_type). */
#define WORKER_TYPE "walcu_fdw worker"

/* It sleeps no longer than so many seconds, unless nothing can be due before. */
extern int worker_naptime;

/* A piece of work may take so many milliseconds; 0 for any number. */
extern int worker_timeout;

extern bool worker_is_running(Oid database);
extern void worker_describe(BackgroundWorker *worker, Oid database, const char *name);

#endif /* WALCU_WORKER_H */
