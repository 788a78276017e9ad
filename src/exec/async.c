/*
 * async.c
 *	  Scans that Append runs beside each other: tables of several dealers, say.
 *
 * The executor asks each scan for a row, does not wait for one alone, and lets all of them say what they wait
 * for (wait_descriptor.c).  A row is made as in any other scan, by scan_iterate, which returns at once.
 */
#include "postgres.h"

#include "exec/async.h"

#include "base/compat.h"
#include "exec/scan.h"
#include "executor/execAsync.h"
#include "plan/relinfo.h"

static void answer_request(AsyncRequest *request);

/* FdwRoutine.IsForeignPathAsyncCapable */
bool
async_is_capable(ForeignPath *path)
{
	return wait_descriptor_is_possible() && relinfo_options(path->path.parent)->async_capable;
}

/* FdwRoutine.ForeignAsyncRequest: the executor wants a row. */
void
async_request(AsyncRequest *request)
{
	answer_request(request);
}

/* FdwRoutine.ForeignAsyncConfigureWait: the executor is about to wait. */
void
async_configure_wait(AsyncRequest *request)
{
	WalcuScan *scan = ((ForeignScanState *) request->requestee)->fdw_state;
	AppendState *append = (AppendState *) request->requestor;
	/* one that gives way to a sibling goes on when that has ended, which nobody has to wait for */
	bool at_once = scan->fetch ? fetch_look(scan->fetch) : !sibling_scans_are_ahead(scan->sibling);

	if (scan->watch == NULL)
		scan->watch = wait_descriptor_create(scan->context);
	wait_descriptor_set(scan->watch, scan->fetch ? fetch_transfer(scan->fetch) : NULL, at_once);
	AddWaitEventToSet(append->as_eventset, WL_SOCKET_READABLE, wait_descriptor_descriptor(scan->watch), NULL,
					  request);
}

/* FdwRoutine.ForeignAsyncNotify: something has happened. */
void
async_notify(AsyncRequest *request)
{
	WalcuScan *scan = ((ForeignScanState *) request->requestee)->fdw_state;

	if (scan->fetch)
		fetch_wait(scan->fetch, 0);
	answer_request(request);
}

/* Give the executor a row, tell it that there are no more, or that it must wait. */
static void
answer_request(AsyncRequest *request)
{
	ForeignScanState *node = (ForeignScanState *) request->requestee;
	WalcuScan *scan = node->fdw_state;
	TupleTableSlot *slot;

	if (scan->sibling)
		scan->sibling->append = request->requestor;
	if (scan->fetch == NULL && !scan->ended && sibling_scans_are_ahead(scan->sibling))
	{
		ExecAsyncRequestPending(request);
		return;
	}
	slot = node->ss.ps.ExecProcNodeReal(&node->ss.ps);
	if (!TupIsNull(slot))
		ExecAsyncRequestDone(request, slot);
	else if (scan->ended)
		ExecAsyncRequestDone(request, NULL);
	else
		ExecAsyncRequestPending(request);
}
