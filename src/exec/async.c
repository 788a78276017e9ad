/*
 * async.c
 *	  Scans that Append runs beside each other: tables of several dealers, say.
 *
 * The executor asks each scan for a row, does not wait for one alone, and lets all of them say what they wait
 * for.  All wait for the same, the session's sockets (line.c), so that one of them says it for all; the
 * others are looked at before the wait and behind it, and answered there when something has happened to
 * them.  So a wait costs little for each scan, however many there are.  A row is made as in any other scan,
 * by scan_iterate, which returns at once.
 */
#include "postgres.h"

#include "exec/async.h"

#include "base/compat.h"
#include "exec/scan.h"
#include "exec/scan_group.h"
#include "executor/execAsync.h"
#include "executor/instrument.h"
#include "foreign/fdwapi.h"
#include "http/line.h"
#include "http/wait_set.h"
#include "plan/relinfo.h"

/*
 * Milliseconds that a wait takes at most: before 18 the executor does not wake up for a cancel by itself, and
 * answers it when a scan has been told of something.
 */
#define LONGEST_WAIT 50.0

/* The wait that an Append is about to begin.  It asks its scans in their order. */
static struct
{
	const AppendState *append; /* It is this one's; NULL for nobody's. */
	int asked;                 /* This scan was asked last. */
} next_wait;

static bool is_ours(const PlanState *node);
static bool begins_wait(const AsyncRequest *request);
static bool is_ending(const AppendState *append, const AsyncRequest *notified);
static bool has_news(ForeignScanState *node, bool ending);
static bool gives_way(ForeignScanState *node);
static void answer_late(AsyncRequest *request, bool ending);
static void answer_request(AsyncRequest *request, bool ending);

/* FdwRoutine.IsForeignPathAsyncCapable */
bool
async_is_capable(ForeignPath *path)
{
	return wait_set_has_descriptor() && relinfo_options(path->path.parent)->async_capable;
}

/* FdwRoutine.ForeignAsyncRequest: the executor wants a row. */
void
async_request(AsyncRequest *request)
{
	next_wait.append = NULL;
	answer_request(request, false);
}

/*
 * FdwRoutine.ForeignAsyncConfigureWait: the executor is about to wait.  It would not notice that there is
 * something already, but for the descriptor.  No row is made here, as that may run another Append, or fail,
 * while the executor holds what it waits with.
 */
void
async_configure_wait(AsyncRequest *request)
{
	WalcuScan *scan = ((ForeignScanState *) request->requestee)->fdw_state;
	AppendState *append = (AppendState *) request->requestor;
	WalcuTransfer *transfer;

	if (begins_wait(request))
	{
		AddWaitEventToSet(append->as_eventset, WL_SOCKET_READABLE, line_begin_wait(LONGEST_WAIT), NULL,
						  request);
		if (is_ending(append, NULL))
			line_hurry(0);
	}
	if (has_news((ForeignScanState *) request->requestee, false))
	{
		scan->looked_at = 0;
		line_hurry(0);
		return;
	}
	transfer = scan->fetch ? fetch_transfer(scan->fetch) : NULL;
	if (transfer)
		transfer_await(transfer);
}

/* FdwRoutine.ForeignAsyncNotify: something has happened, be it to another scan of ours. */
void
async_notify(AsyncRequest *request)
{
	AppendState *append = (AppendState *) request->requestor;
	bool ending = is_ending(append, request);
	int i = -1;

	next_wait.append = NULL;
	line_advance();
	while ((i = bms_next_member(append->as_asyncplans, i)) >= 0)
	{
		AsyncRequest *other = append->as_asyncrequests[i];

		if (other != request && other->callback_pending && is_ours(other->requestee) &&
			has_news((ForeignScanState *) other->requestee, ending))
			answer_late(other, ending);
	}
	if (has_news((ForeignScanState *) request->requestee, ending))
		answer_request(request, ending);
	else
		ExecAsyncRequestPending(request);
}

static bool
is_ours(const PlanState *node)
{
	return IsA(node, ForeignScanState) &&
		   ((const ForeignScanState *) node)->fdwroutine->ForeignAsyncNotify == async_notify;
}

/* Is this scan the first that is asked before a wait? */
static bool
begins_wait(const AsyncRequest *request)
{
	bool is_first = next_wait.append != (const AppendState *) request->requestor ||
					request->request_index <= next_wait.asked;

	next_wait.append = (const AppendState *) request->requestor;
	next_wait.asked = request->request_index;
	return is_first;
}

/*
 * Is the Append about to begin again?  Since 2025 it waits before that until all scans have answered what it
 * has asked, and throws it away.  Then there are scans that it has an answer of, and that it neither waits
 * for nor is going to ask.
 */
static bool
is_ending(const AppendState *append, const AsyncRequest *notified)
{
	int waiting = 0;
	int i = -1;

	if (append->as_nasyncresults > 0 || !bms_is_empty(append->as_needrequest))
		return false;
	while ((i = bms_next_member(append->as_asyncplans, i)) >= 0)
		waiting += append->as_asyncrequests[i]->callback_pending || append->as_asyncrequests[i] == notified;
	return waiting < append->as_nasyncremain;
}

/* Is there something for a scan that waits? */
static bool
has_news(ForeignScanState *node, bool ending)
{
	WalcuScan *scan = node->fdw_state;
	double now;

	if (scan->fetch == NULL)
		return ending || !gives_way(node);
	now = walcu_curl_multi_now();
	/* each is looked at now and then, whatever has come: none may wait for ever for what nobody told */
	if (now - scan->looked_at < LONGEST_WAIT && !fetch_is_stirred(scan->fetch))
		return false;
	scan->looked_at = now;
	return fetch_look(scan->fetch);
}

/*
 * Does a scan that has not begun leave it to others?  It goes on when these have ended, which nobody has to
 * wait for.
 */
static bool
gives_way(ForeignScanState *node)
{
	const WalcuScan *scan = node->fdw_state;

	return scan->fetch == NULL && !scan->ended &&
		   (sibling_scans_are_ahead(scan->sibling) || scan_group_holds(node));
}

/* Answer a request that has waited, as the executor would have it done when it notifies of something. */
static void
answer_late(AsyncRequest *request, bool ending)
{
	PlanState *node = request->requestee;

	request->callback_pending = false;
	answer_request(request, ending);
	ExecAsyncResponse(request);
	if (node->instrument && request->request_complete)
		InstrUpdateTupleCount(node->instrument, TupIsNull(request->result) ? 0.0 : 1.0);
}

/*
 * Give the executor a row, tell it that there are no more, or that it must wait.  One that has not begun need
 * not do so for an answer that is thrown away.
 */
static void
answer_request(AsyncRequest *request, bool ending)
{
	ForeignScanState *node = (ForeignScanState *) request->requestee;
	WalcuScan *scan = node->fdw_state;
	TupleTableSlot *slot;

	scan->looked_at = 0;
	if (scan->sibling)
		scan->sibling->append = request->requestor;
	if (ending && scan->fetch == NULL)
	{
		ExecAsyncRequestDone(request, NULL);
		return;
	}
	if (gives_way(node))
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
