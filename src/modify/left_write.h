/*
 * left_write.h
 *	  A write that is not waited for any more.
 */
#ifndef WALCU_LEFT_WRITE_H
#define WALCU_LEFT_WRITE_H

#include "postgres.h"

#include "modify/write.h"
#include "modify/write_log.h"

extern void left_write_note(const WalcuWrite *write, WalcuWriteLog *write_log, const WalcuOptions *options);

#endif /* WALCU_LEFT_WRITE_H */
