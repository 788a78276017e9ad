/*
 * wait_set.h
 *	  The sockets that the session waits for, of all servers together.
 */
#ifndef WALCU_WAIT_SET_H
#define WALCU_WAIT_SET_H

#include "postgres.h"

/* What is ready, or waited for. */
#define WAIT_SET_IN    (1 << 0)
#define WAIT_SET_OUT   (1 << 1)
#define WAIT_SET_ERROR (1 << 2)

typedef struct WalcuReadySocket
{
	int fd;     /* This one is ready, */
	int events; /* for this (WAIT_SET_...). */
} WalcuReadySocket;

extern void wait_set_open(void);
extern bool wait_set_put(int fd, int events, void *owner);
extern void wait_set_drop(int fd);
extern void *wait_set_owner(int fd);
extern int wait_set_poll(WalcuReadySocket *ready, int size);
extern void wait_set_wait(double limit, uint32 wait_event);
extern bool wait_set_has_descriptor(void);
extern int wait_set_descriptor(double milliseconds);
extern void wait_set_hurry(double milliseconds);

#endif /* WALCU_WAIT_SET_H */
