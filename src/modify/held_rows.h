/*
 * held_rows.h
 *	  New rows that are held, and sent together to all tables of a statement.
 */
#ifndef WALCU_HELD_ROWS_H
#define WALCU_HELD_ROWS_H

#include "postgres.h"

#include "modify/queue_entry.h"
#include "modify/writer.h"

/* The rows of one table. */
typedef struct WalcuHeldRows WalcuHeldRows;

extern WalcuHeldRows *held_rows_open(MemoryContext context, WalcuWriter *writer, CommandId command,
									 bool waits_for_end);
extern void held_rows_add(WalcuHeldRows *rows, const WalcuCommitQueueWrite *write, const char *error_context);
extern void held_rows_send(const WalcuWriteLog *write_log, bool has_ended);
extern void held_rows_close(WalcuHeldRows *rows);

#endif /* WALCU_HELD_ROWS_H */
