/*
 * credential.h
 *	  What a user mapping says of credentials.
 */
#ifndef WALCU_CREDENTIAL_H
#define WALCU_CREDENTIAL_H

#include "postgres.h"

#include "nodes/pg_list.h"

extern void credential_check(List *list);
extern bool credential_has_mapping(Oid userid, Oid serverid);
extern void credential_check_mapping(Oid userid, Oid serverid, const char *server_name);
extern char *credential_header(List *list, const char *server_name);

#endif /* WALCU_CREDENTIAL_H */
