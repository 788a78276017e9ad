/*
 * subtransaction.h
 *	  Work whose error is a result.
 */
#ifndef WALCU_SUBTRANSACTION_H
#define WALCU_SUBTRANSACTION_H

#include "postgres.h"

extern ErrorData *subtransaction_try(void (*work)(void *arg), void *arg);

#endif /* WALCU_SUBTRANSACTION_H */
