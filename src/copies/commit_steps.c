/*
 * commit_steps.c
 *	  Procedures that commit after each of their steps.
 *
 * The procedures that fill copies, and do what is due, call in here.
 */
#include "postgres.h"

#include "copies/commit_steps.h"

#include "base/read_only.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"

/*
 * Connects to SPI.  What is allocated from here on is kept until commit_steps_end.  Errors: 2D000 where the
 * procedure may not commit, those of read_only_refuse.
 */
void
commit_steps_begin(FunctionCallInfo fcinfo, const char *name)
{
	const CallContext *call = (const CallContext *) fcinfo->context;

	read_only_refuse(name);
	if (call == NULL || !IsA(call, CallContext) || call->atomic)
		ereport(ERROR, errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				errmsg("%s commits, which it cannot do within a transaction", name),
				errhint("Call it by itself, outside of BEGIN and COMMIT."));
	SPI_connect_ext(SPI_OPT_NONATOMIC);
}

void
commit_steps_commit(void)
{
	SPI_commit();
	CHECK_FOR_INTERRUPTS();
}

void
commit_steps_end(void)
{
	SPI_finish();
}
