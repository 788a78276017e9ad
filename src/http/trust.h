/*
 * trust.h
 *	  Which of the places that the service names may get credentials.
 */
#ifndef WALCU_TRUST_H
#define WALCU_TRUST_H

#include "postgres.h"

#include "base/compat.h"
#include "service/option.h"

extern char *trust_job_url(const WalcuOptions *options, const char *url);
extern char *trust_results_url(const WalcuOptions *options, const char *url);
extern char *trust_redirect_url(const WalcuOptions *options, const char *from, const char *to);
pg_noreturn extern void trust_raise_job_url(const WalcuOptions *options, const char *url,
											const char *credential);
pg_noreturn extern void trust_raise_results_url(const WalcuOptions *options, const char *url,
												const char *credential);
extern char *trust_shown(const char *url, const char *credential);

#endif /* WALCU_TRUST_H */
