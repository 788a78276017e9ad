/*
 * credential_hint.h
 *	  What to do where the service does not take the credentials.
 */
#ifndef WALCU_CREDENTIAL_HINT_H
#define WALCU_CREDENTIAL_HINT_H

#include "postgres.h"

#include "http/request.h"

extern char *credential_hint_unknown(const WalcuRequest *request, const char *credential);
extern char *credential_hint_forbidden(const WalcuRequest *request, const char *credential);
extern char *credential_hint_choices(const char *credential);
extern char *credential_hint_sent(const char *credential);

#endif /* WALCU_CREDENTIAL_HINT_H */
