/*
 * take.h
 *	  Documents that a copy takes over from its foreign table.
 */
#ifndef WALCU_COPIES_TAKE_H
#define WALCU_COPIES_TAKE_H

#include "postgres.h"

#include "copies/copy_columns.h"
#include "copies/sql.h"

extern int64 take_matching(const WalcuCopy *copy, const WalcuCopySource *source, const char *condition,
						   int count, const WalcuArgument *arguments);
extern bool take_one(const WalcuCopy *copy, const WalcuCopySource *source, const char *id, int64 *written);
extern bool take_newest(const WalcuCopy *copy, const WalcuCopySource *source, TimestampTz *newest);

#endif /* WALCU_COPIES_TAKE_H */
