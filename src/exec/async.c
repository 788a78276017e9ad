/*
 * async.c
 *	  Scans that Append runs beside each other: tables of several dealers, say.
 *
 * The executor asks each scan for a row, does not wait for one alone, and lets all of them say what they wait
 * for (watch.c).  A row is made as in any other scan, by scan_iterate, which returns at once.
 */
#include "postgres.h"

#include "exec/async.h"

#include "base/compat.h"
#include "exec/scan.h"
#include "executor/execAsync.h"
#include "plan/plan.h"

static void answer(AsyncRequest *request);

/* FdwRoutine.IsForeignPathAsyncCapable */
bool
async_is_capable(ForeignPath *path)
{
	return watch_is_possible() && plan_relation(path->path.parent)->options->async_capable;
}

/* FdwRoutine.ForeignAsyncRequest: the executor wants a row. */
void
async_request(AsyncRequest *request)
{
	answer(request);
}

/* FdwRoutine.ForeignAsyncConfigureWait: the executor is about to wait. */
void
async_configure_wait(AsyncRequest *request)
{
	WalcuScan *scan = ((ForeignScanState *) request->requestee)->fdw_state;
	AppendState *append = (AppendState *) request->requestor;
	bool at_once = source_look(scan->source);

	if (scan->watch == NULL)
		scan->watch = watch_create(scan->context);
	watch_set(scan->watch, source_transfer(scan->source), at_once);
	AddWaitEventToSet(append->as_eventset, WL_SOCKET_READABLE, watch_descriptor(scan->watch), NULL, request);
}

/* FdwRoutine.ForeignAsyncNotify: something has happened. */
void
async_notify(AsyncRequest *request)
{
	WalcuScan *scan = ((ForeignScanState *) request->requestee)->fdw_state;

	source_wait(scan->source, 0);
	answer(request);
}

/* Give the executor a row, tell it that there are no more, or that it must wait. */
static void
answer(AsyncRequest *request)
{
	ForeignScanState *node = (ForeignScanState *) request->requestee;
	WalcuScan *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ps.ExecProcNodeReal(&node->ss.ps);

	if (!TupIsNull(slot))
		ExecAsyncRequestDone(request, slot);
	else if (scan->ended)
		ExecAsyncRequestDone(request, NULL);
	else
		ExecAsyncRequestPending(request);
}
