/*
 * rollback.h
 *	  What a transaction has written, which its rollback does not undo.
 */
#ifndef WALCU_ROLLBACK_H
#define WALCU_ROLLBACK_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "modify/write_tally.h"
#include "service/option.h"

extern void rollback_note_written(WalcuWriteTally **tallies);
extern void rollback_note_call(const WalcuOptions *options, const char *method, char *path, StringInfo reply);

#endif /* WALCU_ROLLBACK_H */
