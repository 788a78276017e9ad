/*
 * idle_session.h
 *	  What an open cursor keeps while its session has nothing to do.
 */
#ifndef WALCU_IDLE_SESSION_H
#define WALCU_IDLE_SESSION_H

#include "postgres.h"

extern void idle_session_init(void);

#endif /* WALCU_IDLE_SESSION_H */
