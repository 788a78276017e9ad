/*
 * note.h
 *	  A check of writes, on one note.
 */
#ifndef WALCU_CHECK_NOTE_H
#define WALCU_CHECK_NOTE_H

#include "postgres.h"

#include "check/run.h"

extern void note_check_writes(WalcuCheckRun *run);

#endif /* WALCU_CHECK_NOTE_H */
