/*
 * walcu_fdw.c
 *	  The front door: what PostgreSQL calls, and where each call leads.
 *
 * No logic lives here.  A query goes through plan/plan.c, exec/scan.c, fetch/fetch.c, fetch/cursor.c,
 * fetch/page.c, http/request.c, http/transfer.c, json/split.c and json/decode.c, in this order.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/shared_table.h"
#include "base/worker_latch.h"
#include "command/analyze.h"
#include "command/explain.h"
#include "command/explain_modify.h"
#include "command/import.h"
#include "command/truncate.h"
#include "exec/async.h"
#include "exec/count_scan.h"
#include "exec/idle_session.h"
#include "exec/join_exec.h"
#include "exec/key_rows.h"
#include "exec/lone_session.h"
#include "exec/progress.h"
#include "exec/read_ahead.h"
#include "exec/scan_group.h"
#include "fmgr.h"
#include "foreign/fdwapi.h"
#include "http/granted_rate.h"
#include "http/rate_limit.h"
#include "http/slow_start.h"
#include "http/total_connections.h"
#include "http/trace.h"
#include "modify/direct_modify.h"
#include "modify/modify.h"
#include "modify/modify_table.h"
#include "modify/rows_ahead.h"
#include "modify/updatable.h"
#include "plan/explain_watch.h"
#include "plan/join_path.h"
#include "plan/path.h"
#include "plan/plan.h"
#include "plan/planning_memory.h"
#include "plan/read_ahead_plan.h"
#include "plan/relinfo.h"
#include "plan/upper_paths.h"
#include "plan/waiting_cost.h"
#include "service/learned_size.h"
#include "service/option.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "worker/watch_statements.h"
#include "worker/launcher.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(walcu_fdw_handler);
PG_FUNCTION_INFO_V1(walcu_fdw_version);

void _PG_init(void);

void
_PG_init(void)
{
	DefineCustomBoolVariable(
		"walcu_fdw.enable_pushdown", "Lets conditions and orders become part of requests to the service.",
		"When off, plans made from now on leave every condition and order to PostgreSQL.",
		&option_enable_pushdown, true, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable(
		"walcu_fdw.enable_batched_join",
		"Lets a foreign table be joined by asking for the other side's keys in batches.",
		"When off, plans made from now on do not read rows ahead for subqueries, either.",
		&option_enable_batched_join, true, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("walcu_fdw.progress_interval",
							"Time from one message about a long scan to the next.", "0 sends none.",
							&progress_interval, progress_interval, 0, INT_MAX, PGC_USERSET, GUC_UNIT_MS, NULL,
							NULL, NULL);
	trace_init();
	count_scan_init();
	join_exec_init();
	read_ahead_init();
	launcher_init();
	compat_reserve_settings("walcu_fdw");
	rate_limit_init();
	granted_rate_init();
	slow_start_init();
	total_connections_init();
	learned_size_init();
	worker_latch_init();
	shared_table_request_memory();
	explain_watch_init();
	join_path_init();
	read_ahead_plan_init();
	planning_memory_init();
	lone_session_init();
	waiting_cost_init();
	scan_group_init();
	idle_session_init();
	rows_ahead_init();
	watch_statements_init();
}

/* walcu_fdw_handler() returns fdw_handler */
Datum
walcu_fdw_handler(PG_FUNCTION_ARGS)
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	routine->GetForeignRelSize = relinfo_set_size;
	routine->GetForeignPaths = path_add_all;
	routine->GetForeignUpperPaths = upper_paths_add;
	routine->GetForeignPlan = plan_scan;

	routine->BeginForeignScan = scan_group_begin_scan;
	routine->IterateForeignScan = scan_group_iterate_scan;
	routine->ReScanForeignScan = key_rows_rescan;
	routine->EndForeignScan = key_rows_end;

	routine->IsForeignPathAsyncCapable = async_is_capable;
	routine->ForeignAsyncRequest = async_request;
	routine->ForeignAsyncConfigureWait = async_configure_wait;
	routine->ForeignAsyncNotify = async_notify;

	routine->IsForeignRelUpdatable = updatable_operations;
	routine->AddForeignUpdateTargets = updatable_add_targets;
	routine->PlanForeignModify = updatable_plan;
	routine->BeginForeignModify = modify_table_begin;
	routine->ExecForeignInsert = modify_insert;
	routine->GetForeignModifyBatchSize = modify_batch_size;
	routine->ExecForeignBatchInsert = modify_insert_batch;
	routine->ExecForeignUpdate = modify_update;
	routine->ExecForeignDelete = modify_delete;
	routine->EndForeignModify = modify_table_end;
	routine->BeginForeignInsert = modify_begin_insert;
	routine->EndForeignInsert = modify_end;
	routine->PlanDirectModify = direct_modify_plan;
	routine->BeginDirectModify = direct_modify_begin;
	routine->IterateDirectModify = direct_modify_iterate;
	routine->EndDirectModify = direct_modify_end;
	routine->ExecForeignTruncate = truncate_tables;

	routine->ExplainForeignScan = explain_scan;
	routine->ExplainForeignModify = explain_modify;
	routine->ExplainDirectModify = explain_direct_modify;
	routine->AnalyzeForeignTable = analyze_table;
	routine->ImportForeignSchema = import_schema;
	PG_RETURN_POINTER(routine);
}

/* walcu_fdw_version() returns text: the version of the loaded library */
Datum
walcu_fdw_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(WALCU_FDW_VERSION));
}
