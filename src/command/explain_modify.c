/*
 * explain_modify.c
 *	  What EXPLAIN shows of INSERT, UPDATE and DELETE: the requests for a row, and how many were sent.
 *
 * Bodies are not shown, as they hold the rows' values.
 */
#include "postgres.h"

#include "command/explain_modify.h"

#include "modify/direct_send.h"
#include "modify/modify.h"
#include "utils/builtins.h"
#include "utils/ruleutils.h"

static void show_request(const WalcuOptions *options, const char *method, const char *id, ExplainState *es);
static void show_when_sent(const WalcuOptions *options, ExplainState *es);

/* FdwRoutine.ExplainForeignModify */
void
explain_modify(ModifyTableState *node, ResultRelInfo *target, List *private, int subplan, ExplainState *es)
{
	const WalcuModify *modify = target->ri_FdwState;
	const WalcuOptions *options = option_for_table(RelationGetRelid(target->ri_RelationDesc));

	switch (node->operation)
	{
		case CMD_INSERT:
			show_request(options, "POST", NULL, es);
			if (target->ri_BatchSize > 1)
				ExplainPropertyInteger("Batch Size", NULL, target->ri_BatchSize, es);
			break;
		case CMD_UPDATE:
			/* each is preceded by a GET of the document */
			show_request(options, options->update_method == WALCU_UPDATE_PUT ? "PUT" : "PATCH", "{_id}", es);
			break;
		default:
			show_request(options, "DELETE", "{_id}", es);
	}
	show_when_sent(options, es);
	if (es->analyze && modify)
		ExplainPropertyInteger("Requests", NULL, writer_count_requests(modify->writer), es);
}

/* FdwRoutine.ExplainDirectModify */
void
explain_direct_modify(ForeignScanState *node, ExplainState *es)
{
	const WalcuDirectModify *direct = node->fdw_state;
	const char *method = direct->operation == CMD_UPDATE ? "PATCH" : "DELETE";
	Const *id = (Const *) direct->ids;

	if (IsA(id, Const) && !direct->is_list && !id->constisnull)
		show_request(direct->row->options, method, TextDatumGetCString(id->constvalue), es);
	else
	{
		List *context = set_deparse_context_plan(es->deparse_cxt, node->ss.ps.plan, NIL);

		show_request(direct->row->options, method, "{_id}", es);
		ExplainPropertyText(direct->is_list ? "Ids" : "Id",
							deparse_expression((Node *) direct->ids, context, false, false), es);
	}
	show_when_sent(direct->row->options, es);
	if (es->analyze)
		ExplainPropertyInteger("Requests", NULL, writer_count_requests(direct->writer), es);
}

static void
show_request(const WalcuOptions *options, const char *method, const char *id, ExplainState *es)
{
	WalcuRequest *request = request_create(options, method);

	request_add_segment(request, options->resource);
	if (id)
		request_add_segment(request, id);
	ExplainPropertyText("Request", request->label.data, es);
}

/* Says when the requests are sent, where that is not at once. */
static void
show_when_sent(const WalcuOptions *options, ExplainState *es)
{
	if (options->write_mode == WALCU_WRITE_AT_COMMIT)
		ExplainPropertyText("Sent", "at commit", es);
	else if (options->write_mode == WALCU_WRITE_OUTBOX)
		ExplainPropertyText("Sent", "by the outbox", es);
}
