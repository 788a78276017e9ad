/*
 * dealer.h
 *	  The dealers whose tables are partitions.
 */
#ifndef WALCU_SETUP_DEALER_H
#define WALCU_SETUP_DEALER_H

#include "postgres.h"

#include "setup/state.h"

extern List *dealer_list(ForeignServer *server, List *names);
extern const char *dealer_of_table(Oid relid);

#endif /* WALCU_SETUP_DEALER_H */
