/*
 * add_columns.h
 *	  Columns that a copy gets when its foreign table has got them.
 */
#ifndef WALCU_ADD_COLUMNS_H
#define WALCU_ADD_COLUMNS_H

#include "postgres.h"

#include "copies/copy_columns.h"

extern List *add_columns_lacking(Oid copy, const WalcuCopySource *source, List *columns);
extern void add_columns_comment(const char *copy, const WalcuCopySource *source, List *columns);

#endif /* WALCU_ADD_COLUMNS_H */
