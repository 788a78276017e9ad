/*
 * writer.h
 *	  Sending writes, several at a time.
 */
#ifndef WALCU_WRITER_H
#define WALCU_WRITER_H

#include "postgres.h"

#include "modify/writers.h"
#include "service/option.h"

extern WalcuWriter *writer_open(MemoryContext parent, const WalcuOptions *options, const char *credential,
								WalcuWriteLog *write_log);
extern const char *writer_credential(const WalcuWrite *write);
extern WalcuWrite *writer_create(WalcuWriter *writer, const char *method, const char *id);
extern void writer_tell_ignored(const WalcuWriter *writer);
extern bool writer_has_room(const WalcuWriter *writer);
extern void writer_send(WalcuWrite *write);
extern void writer_wait(WalcuWrite *write);
extern void writer_finish(WalcuWriter *writer);
extern int64 writer_take_unwritten(WalcuWriter *writer, List **names);
extern int64 writer_count_requests(const WalcuWriter *writer);
extern void writer_release(WalcuWrite *write);

#endif /* WALCU_WRITER_H */
