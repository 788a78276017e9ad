/*
 * write_log.h
 *	  What a statement has written so far.
 */
#ifndef WALCU_WRITE_LOG_H
#define WALCU_WRITE_LOG_H

#include "postgres.h"

#include "nodes/execnodes.h"

typedef struct WalcuWriteLog WalcuWriteLog;

extern WalcuWriteLog *write_log_open(const void *statement);
extern void write_log_close(WalcuWriteLog *write_log);
extern void write_log_note_written(WalcuWriteLog *write_log, const char *resource, const char *id);
extern void write_log_note_unknown(WalcuWriteLog *write_log, const char *request);
extern void write_log_tell(WalcuWriteLog *write_log, ErrorData *error, bool of_write);

#endif /* WALCU_WRITE_LOG_H */
