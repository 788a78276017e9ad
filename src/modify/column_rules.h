/*
 * column_rules.h
 *	  Which columns of a row are written, and what is said of the others.
 */
#ifndef WALCU_COLUMN_RULES_H
#define WALCU_COLUMN_RULES_H

#include "postgres.h"

#include "modify/row.h"

extern void column_rules_check_overlap(const WalcuRow *row, const Bitmapset *columns);
extern bool column_rules_need_values(const WalcuRow *row, const Bitmapset *columns);
extern void column_rules_check_new(const WalcuRow *row, const Datum *values, const bool *nulls);
extern void column_rules_check_value(const WalcuRow *row, int column, Datum value, bool is_null, Datum old,
									 bool old_is_null);
extern void column_rules_keep_old(const WalcuRow *row, TupleTableSlot *slot, const Datum *old_values,
								  const bool *old_nulls);

#endif /* WALCU_COLUMN_RULES_H */
