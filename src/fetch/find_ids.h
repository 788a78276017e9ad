/*
 * find_ids.h
 *	  Which of some ids have a document?
 */
#ifndef WALCU_FIND_IDS_H
#define WALCU_FIND_IDS_H

#include "postgres.h"

#include "fetch/tally.h"
#include "service/option.h"

typedef struct WalcuIdSearch WalcuIdSearch;

extern List *find_ids(const WalcuOptions *options, const char *credential, List *ids, WalcuTally *tally);
extern WalcuIdSearch *find_ids_begin(const WalcuOptions *options, const char *credential, List *ids,
									 WalcuTally *tally);
extern List *find_ids_finish(WalcuIdSearch *search);

#endif /* WALCU_FIND_IDS_H */
