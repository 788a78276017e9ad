/*
 * worker_latch.h
 *	  Wakes the background worker of a database.
 */
#ifndef WALCU_WORKER_LATCH_H
#define WALCU_WORKER_LATCH_H

#include "postgres.h"

extern void worker_latch_init(void);
extern void worker_latch_set_at_commit(void);
extern void worker_latch_note_worker(int pid);
extern int worker_latch_pid(Oid database);
extern void worker_latch_set(void);

#endif /* WALCU_WORKER_LATCH_H */
