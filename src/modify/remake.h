/*
 * remake.h
 *	  The body of a write, made of the document as it is.
 */
#ifndef WALCU_REMAKE_H
#define WALCU_REMAKE_H

#include "postgres.h"

#include "modify/write.h"

/* What came of a document that was read to make a body of. */
typedef enum WalcuRemade
{
	WALCU_REMADE_MISSING, /* There is no such document. */
	WALCU_REMADE_NOTHING, /* There is nothing to do. */
	WALCU_REMADE_SAME,    /* The body is the one that the service has refused. */
	WALCU_REMADE_BODY     /* The write has a body to be sent. */
} WalcuRemade;

extern bool remake_is_under_way(const WalcuWrite *write);
extern bool remake_may_help(const WalcuWrite *write);
extern WalcuRemade remake_body(WalcuWrite *write);

#endif /* WALCU_REMAKE_H */
