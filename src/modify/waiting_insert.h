/*
 * waiting_insert.h
 *	  New rows that wait for the commit, and those that are there already.
 */
#ifndef WALCU_WAITING_INSERT_H
#define WALCU_WAITING_INSERT_H

#include "postgres.h"

#include "modify/commit_queue.h"

extern bool waiting_insert_is_respelled(const WalcuCommitQueueTable *table, const char *id);
extern void waiting_insert_add(WalcuCommitQueueTable *table, const WalcuCommitQueueWrite *rows, int count,
							   bool *added);

#endif /* WALCU_WAITING_INSERT_H */
