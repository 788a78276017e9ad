/*
 * live_view.h
 *	  Views of a copy, and of what is newer at the service.
 */
#ifndef WALCU_LIVE_VIEW_H
#define WALCU_LIVE_VIEW_H

#include "postgres.h"

#include "copies/copy_columns.h"

extern void live_view_make(const WalcuCopy *copy, const WalcuCopySource *source);
extern void live_view_renew(const WalcuCopy *copy, const WalcuCopySource *source);
extern void live_view_drop(const WalcuCopy *copy);

#endif /* WALCU_LIVE_VIEW_H */
