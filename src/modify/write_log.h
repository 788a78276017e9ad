/*
 * write_log.h
 *	  What a statement has written so far.
 */
#ifndef WALCU_WRITE_LOG_H
#define WALCU_WRITE_LOG_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "service/option.h"

/* Rows and requests that messages name; the others are counted. */
#define WRITE_LOG_NAMED 100

typedef struct WalcuWriteLog WalcuWriteLog;

/* Appends what was to be written and has not been sent. */
typedef void (*WalcuUnsentTeller)(StringInfo text, const void *arg);

extern WalcuWriteLog *write_log_open(const void *statement);
extern void write_log_add_place(WalcuWriteLog *write_log, const WalcuOptions *options);
extern void write_log_add_servers(WalcuWriteLog *write_log, List *range_table);
extern void write_log_set_command(WalcuWriteLog *write_log, CommandId command);
extern void write_log_close(WalcuWriteLog *write_log);
extern void write_log_silence(WalcuWriteLog *write_log);
extern void write_log_note_written(WalcuWriteLog *write_log, const WalcuOptions *options, const char *method,
								   const char *id);
extern void write_log_note_unknown(WalcuWriteLog *write_log, const WalcuOptions *options, const char *request,
								   const char *new_id);
extern void write_log_set_unsent(WalcuWriteLog *write_log, WalcuUnsentTeller teller, const void *arg);
extern void write_log_tell(WalcuWriteLog *write_log, ErrorData *error, bool of_write);

extern void write_log_append_list(StringInfo text, List *names, int64 count);

#endif /* WALCU_WRITE_LOG_H */
