/*
 * key_choice.h
 *	  Which of several keys a scan asks for, when rows are read ahead for it.
 */
#ifndef WALCU_KEY_CHOICE_H
#define WALCU_KEY_CHOICE_H

#include "postgres.h"

#include "exec/read_ahead.h"
#include "nodes/execnodes.h"

extern int key_choice_make(const ForeignScanState *node, WalcuReadAhead *ahead, int first, int rows);

#endif /* WALCU_KEY_CHOICE_H */
