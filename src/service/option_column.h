/*
 * option_column.h
 *	  What the columns of foreign tables stand for.
 */
#ifndef WALCU_OPTION_COLUMN_H
#define WALCU_OPTION_COLUMN_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "service/option.h"

extern WalcuColumn *option_for_column(Oid relid, AttrNumber attnum);
extern WalcuColumn *option_column_of(const WalcuOptions *options, AttrNumber attnum);
extern AttrNumber option_id_column(Oid relid, TupleDesc descriptor);

#endif /* WALCU_OPTION_COLUMN_H */
