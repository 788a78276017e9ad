/*
 * watch_statements.h
 *	  Statements of sessions that concern workers.
 */
#ifndef WALCU_WATCH_STATEMENTS_H
#define WALCU_WATCH_STATEMENTS_H

extern void watch_statements_init(void);

#endif /* WALCU_WATCH_STATEMENTS_H */
