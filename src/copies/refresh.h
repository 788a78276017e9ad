/*
 * refresh.h
 *	  What has changed since the last refresh of a copy.
 */
#ifndef WALCU_COPIES_REFRESH_H
#define WALCU_COPIES_REFRESH_H

#include "postgres.h"

#include "copies/copy_work.h"

extern void refresh_changed(WalcuCopyWork *work);

#endif /* WALCU_COPIES_REFRESH_H */
