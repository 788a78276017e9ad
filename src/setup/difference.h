/*
 * difference.h
 *	  What tables show that the description has no more, or has otherwise.
 */
#ifndef WALCU_SETUP_DIFFERENCE_H
#define WALCU_SETUP_DIFFERENCE_H

#include "postgres.h"

#include "setup/state.h"

extern void difference_find_columns(WalcuSetup *setup, const WalcuSetupTable *table);
extern void difference_find_resources(WalcuSetup *setup);

#endif /* WALCU_SETUP_DIFFERENCE_H */
