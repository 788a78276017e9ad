/*
 * explain_watch.h
 *	  Is the statement that is planned to be run, or only to be shown?
 */
#ifndef WALCU_EXPLAIN_WATCH_H
#define WALCU_EXPLAIN_WATCH_H

#include "postgres.h"

extern void explain_watch_init(void);
extern bool explain_watch_is_shown_only(void);

#endif /* WALCU_EXPLAIN_WATCH_H */
