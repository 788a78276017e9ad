/*
 * acting_user.h
 *	  Whose rights work on a table has.
 */
#ifndef WALCU_ACTING_USER_H
#define WALCU_ACTING_USER_H

#include "postgres.h"

/* What acting_user_return goes back to. */
typedef struct WalcuActingUser
{
	Oid userid;     /* This was the current user, */
	int context;    /* with these restrictions, */
	int gucs_level; /* and settings above this level were made for another one. */
} WalcuActingUser;

extern WalcuActingUser acting_user_become_owner(Oid relid);
extern WalcuActingUser acting_user_become_keeper(Oid relid);
extern void acting_user_return(WalcuActingUser before);
extern void acting_user_require_owner(Oid relid);

#endif /* WALCU_ACTING_USER_H */
