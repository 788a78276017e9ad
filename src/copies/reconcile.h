/*
 * reconcile.h
 *	  The comparison of a copy with all documents of its foreign table.
 */
#ifndef WALCU_COPIES_RECONCILE_H
#define WALCU_COPIES_RECONCILE_H

#include "postgres.h"

#include "copies/copy_work.h"

/* So large a part of the rows may be deleted unless somebody says otherwise. */
#define RECONCILE_MOST_DELETED 0.1

extern void reconcile_copy(WalcuCopyWork *work);

#endif /* WALCU_COPIES_RECONCILE_H */
