/*
 * lone_session.h
 *	  Statements that no parallel workers take part in.
 */
#ifndef WALCU_LONE_SESSION_H
#define WALCU_LONE_SESSION_H

#include "postgres.h"

extern void lone_session_init(void);

#endif /* WALCU_LONE_SESSION_H */
