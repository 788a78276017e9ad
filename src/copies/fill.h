/*
 * fill.h
 *	  Documents of a copy that are read whether they have changed or not.
 */
#ifndef WALCU_COPIES_FILL_H
#define WALCU_COPIES_FILL_H

#include "postgres.h"

#include "copies/copy_work.h"

extern void fill_step(WalcuCopyWork *work);
extern void fill_rest(WalcuCopyWork *work);

#endif /* WALCU_COPIES_FILL_H */
