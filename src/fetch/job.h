/*
 * job.h
 *	  A background job of the service, from its start to where its results are.
 */
#ifndef WALCU_JOB_H
#define WALCU_JOB_H

#include "postgres.h"

#include "fetch/query.h"
#include "http/transfer.h"

typedef struct WalcuJob WalcuJob;

extern WalcuJob *job_start(MemoryContext parent, const WalcuQuery *query, const WalcuQueryPart *part,
						   bool may_be_rejected, WalcuTally *tally);
extern void job_start_again(WalcuJob *job);
extern void job_note_read(const WalcuJob *job);
extern void job_look(WalcuJob *job, bool before_wait);
extern const WalcuRequest *job_results(const WalcuJob *job);
extern bool job_is_adopted(const WalcuJob *job);
extern bool job_is_dispensable(const WalcuJob *job);
extern bool job_follow_redirect(WalcuJob *job, const WalcuTransfer *transfer);
extern void job_forget_redirects(WalcuJob *job);
extern int64 job_found_documents(const WalcuJob *job);
extern bool job_is_rejected(const WalcuJob *job);
extern const char *job_obstacle(const WalcuJob *job);
extern WalcuTransfer *job_transfer(const WalcuJob *job);

#endif /* WALCU_JOB_H */
