/*
 * paging.h
 *	  Checks of pages: their size, whether more follow, and their end.
 */
#ifndef WALCU_CHECK_PAGING_H
#define WALCU_CHECK_PAGING_H

#include "postgres.h"

#include "check/run.h"

extern void paging_check_size(WalcuCheckRun *run);
extern void paging_check_has_more(WalcuCheckRun *run);
extern void paging_check_end(WalcuCheckRun *run);

#endif /* WALCU_CHECK_PAGING_H */
