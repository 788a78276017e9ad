/*
 * write_tally.h
 *	  How many documents were written, by resource and kind of write.
 */
#ifndef WALCU_WRITE_TALLY_H
#define WALCU_WRITE_TALLY_H

#include "postgres.h"

#include "service/option.h"

/* What was written to one resource of one server, and those that follow it in a list. */
typedef struct WalcuWriteTally WalcuWriteTally;

extern void write_tally_note(WalcuWriteTally **tallies, const WalcuOptions *options, const char *resource,
							 const char *method, const char *id);
extern void write_tally_merge(WalcuWriteTally **into, WalcuWriteTally **from);
extern void write_tally_describe(const WalcuWriteTally *tallies, char *text, size_t size);

#endif /* WALCU_WRITE_TALLY_H */
