/*
 * copied_table.h
 *	  Local copies of tables that get columns.
 */
#ifndef WALCU_COPIED_TABLE_H
#define WALCU_COPIED_TABLE_H

#include "postgres.h"

#include "setup/state.h"

extern void copied_table_plan(WalcuSetup *setup, const WalcuSetupTable *table, const char *columns);

#endif /* WALCU_COPIED_TABLE_H */
