/*
 * partition.h
 *	  Tables over those of several dealers, which are their partitions.
 */
#ifndef WALCU_SETUP_PARTITION_H
#define WALCU_SETUP_PARTITION_H

#include "postgres.h"

#include "setup/state.h"

extern char *partition_make_parent(const WalcuSetup *setup, const WalcuSetupTable *table, List *drafts);
extern char *partition_add_columns(const WalcuSetup *setup, const WalcuSetupTable *table, List *drafts);
extern void partition_plan(WalcuSetup *setup, const WalcuSetupTable *table);

#endif /* WALCU_SETUP_PARTITION_H */
