/*
 * setup.c
 *	  walcu_fdw_setup(): make the tables of a server as people want them, and bring them up to date.
 *
 * SQL calls in here.  The arguments are read, the description is asked for, all steps are planned, and then
 * they are run, unless that is not wanted.
 */
#include "postgres.h"

#include "base/argument.h"
#include "base/compat.h"
#include "base/read_only.h"
#include "catalog/pg_foreign_server.h"
#include "fmgr.h"
#include "http/service_description.h"
#include "miscadmin.h"
#include "service/credential.h"
#include "service/foreign_server.h"
#include "service/list_table.h"
#include "service/reference.h"
#include "setup/app_view.h"
#include "setup/dealer.h"
#include "setup/difference.h"
#include "setup/document_sample.h"
#include "setup/graphql.h"
#include "setup/import_argument.h"
#include "setup/known_table.h"
#include "setup/resource_plan.h"
#include "setup/right.h"
#include "setup/schema_step.h"
#include "setup/state.h"
#include "setup/step.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"

#define BUNDLED_HINT                                                                                         \
	"walcu_fdw_setup(..., options => '{\"source\": \"bundled\"}') uses the description installed with the "  \
	"extension."

/* The arguments, by their place in the function's declaration. */
enum
{
	ARG_SERVER,
	ARG_SCHEMA,
	ARG_OPTIONS,
	ARG_RESOURCES,
	ARG_DRY_RUN,
	ARG_COMMENTS,
	ARG_STATISTICS,
	ARG_ARRAYS,
	ARG_DEALERS,
	ARG_VIEWS,
	ARG_GRAPHQL,
	ARG_SAMPLE,
	ARG_UNDESCRIBED
};

static WalcuSetup *start_setup(FunctionCallInfo fcinfo);
static void wait_for_others(const WalcuSetup *setup);
static void read_descriptions(WalcuSetup *setup);
static void plan_resources(WalcuSetup *setup);
static void add_undescribed(WalcuSetup *setup);
static void refuse_lists(const WalcuSetup *setup);
static void plan_statistics(WalcuSetup *setup);
static void tell_of_mapping(WalcuSetup *setup);

PG_FUNCTION_INFO_V1(walcu_fdw_setup);

/*
 * walcu_fdw_setup(server name, schema name, options jsonb, resources text[], dry_run boolean, comments
 * boolean, statistics boolean, arrays boolean, dealers text[], views boolean,
 * graphql text, sample boolean, undescribed text[])
 * returns setof (action text, object text, statement text, detail text, advice text)
 *
 * Errors: 42704 for an unknown server, 42809 for one of another wrapper, 42501 where a right is missing,
 * HV00R for an unknown resource, HV00J and 22023 for wrong dealers, HV00D and 22023 for wrong options, 22004
 * for NULL where it says nothing, 22023 and 42939 for a wrong schema, 28000 for a sample that credentials are
 * too wrong for, those of reading the description, of read_only_refuse unless it is a dry
 * run, and of the statements.
 */
Datum
walcu_fdw_setup(PG_FUNCTION_ARGS)
{
	bool dry_run = argument_boolean(fcinfo, ARG_DRY_RUN, "dry_run");
	WalcuSetup *setup;

	if (!dry_run)
		read_only_refuse("walcu_fdw_setup");
	compat_init_materialized_srf(fcinfo);
	setup = start_setup(fcinfo);
	if (!dry_run)
		wait_for_others(setup);
	setup->schemaid = schema_step_add(setup, setup->schema);
	if (OidIsValid(setup->schemaid))
		setup->known = known_table_list(setup->server, setup->schemaid);
	read_descriptions(setup);
	plan_resources(setup);
	if (!PG_ARGISNULL(ARG_GRAPHQL))
		graphql_plan(setup, text_to_cstring(PG_GETARG_TEXT_PP(ARG_GRAPHQL)));
	if (setup->views)
		app_view_plan(setup);
	if (setup->statistics)
		plan_statistics(setup);
	tell_of_mapping(setup);
	if (!dry_run)
		step_carry_out(setup);
	step_put_rows(setup, (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}

static WalcuSetup *
start_setup(FunctionCallInfo fcinfo)
{
	WalcuSetup *setup = palloc0(sizeof(WalcuSetup));

	if (PG_ARGISNULL(ARG_SERVER))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("server must not be null"));
	setup->server = foreign_server_find(NameStr(*PG_GETARG_NAME(ARG_SERVER)));
	setup->schema =
		PG_ARGISNULL(ARG_SCHEMA) ? setup->server->servername : pstrdup(NameStr(*PG_GETARG_NAME(ARG_SCHEMA)));
	setup->options = import_argument_options(fcinfo, ARG_OPTIONS);
	setup->options.arrays = argument_boolean(fcinfo, ARG_ARRAYS, "arrays");
	setup->wanted = argument_texts(fcinfo, ARG_RESOURCES, "resources");
	setup->comments = argument_boolean(fcinfo, ARG_COMMENTS, "comments");
	setup->statistics = argument_boolean(fcinfo, ARG_STATISTICS, "statistics");
	setup->dealers = dealer_list(setup->server, argument_texts(fcinfo, ARG_DEALERS, "dealers"));
	setup->views = argument_boolean(fcinfo, ARG_VIEWS, "views");
	setup->sample = argument_boolean(fcinfo, ARG_SAMPLE, "sample");
	setup->undescribed = argument_texts(fcinfo, ARG_UNDESCRIBED, "undescribed");
	if (setup->sample)
		document_sample_require_access(setup);
	/* whoever cannot read the tables need not wait for them to be made */
	if (setup->statistics)
		option_credential_header(GetUserId(), setup->server->serverid);
	return setup;
}

/*
 * What two calls plan at the same time, only one of them could carry out.  So the second one waits until the
 * transaction of the first has ended, and then sees what that has made.
 */
static void
wait_for_others(const WalcuSetup *setup)
{
	LockDatabaseObject(ForeignServerRelationId, setup->server->serverid, 0, ShareUpdateExclusiveLock);
}

/* The description is read as deep as columns are to lead, or do already. */
static void
read_descriptions(WalcuSetup *setup)
{
	int levels = Max(setup->options.flatten + LIST_TABLE_LEVELS, known_table_levels(setup->known));

	setup->bundled = openapi_bundled_resources(levels);
	setup->resources = setup->options.source == WALCU_DESCRIPTION_BUNDLED
						   ? setup->bundled
						   : service_description_resources(setup->server->serverid, setup->options.source,
														   levels, BUNDLED_HINT);
	setup->undescribed_resources = openapi_undescribed_resources(levels);
	setup->references = reference_read();
	add_undescribed(setup);
	if (setup->sample)
		document_sample_read(setup, levels);
	setup->lists = list_table_of_resources(setup->resources);
}

/*
 * Adds the resources that are asked for by name though the description lacks them; where it has them, it says
 * more.  Error: HV00R for what nobody knows.
 */
static void
add_undescribed(WalcuSetup *setup)
{
	List *known = list_concat_copy(setup->resources, setup->undescribed_resources);
	ListCell *lc;

	refuse_lists(setup);
	openapi_require_names(known, setup->wanted);
	openapi_require_names(known, setup->undescribed);
	setup->resources = list_copy(setup->resources);
	foreach(lc, setup->undescribed_resources)
	{
		const char *name = ((WalcuResource *) lfirst(lc))->name;

		if ((text_in_list(setup->wanted, name) || text_in_list(setup->undescribed, name)) &&
			!openapi_find_resource(setup->resources, name))
			setup->resources = lappend(setup->resources, lfirst(lc));
	}
}

/* The table of a list comes with that of its resource.  Error: HV00R where its own name is asked for. */
static void
refuse_lists(const WalcuSetup *setup)
{
	ListCell *lc;

	foreach(lc, setup->wanted != NIL ? list_table_of_resources(setup->resources) : NIL)
	{
		const WalcuListTable *list = lfirst(lc);

		if (text_in_list(setup->wanted, list->name))
			ereport(ERROR, errcode(ERRCODE_FDW_TABLE_NOT_FOUND),
					errmsg("the service has no resource \"%s\"", list->name),
					errhint("It is a list in documents of \"%s\". Name that: its lists get tables, too.",
							list->resource->name));
	}
}

static void
plan_resources(WalcuSetup *setup)
{
	ListCell *lc;

	foreach(lc, setup->resources)
	{
		const WalcuResource *resource = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (setup_wants_resource(setup, resource->name))
			resource_plan_add(setup, resource);
	}
	foreach(lc, setup->options.arrays ? setup->lists : NIL)
	{
		const WalcuListTable *list = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (setup_wants_resource(setup, list->resource->name))
			resource_plan_add_list(setup, list);
	}
	difference_find_resources(setup);
}

static void
plan_statistics(WalcuSetup *setup)
{
	ListCell *lc;

	foreach(lc, setup->tables)
	{
		const WalcuSetupTable *table = lfirst(lc);
		const char *name = table->name;

		/* PostgreSQL would only warn, and pass it over */
		if (OidIsValid(table->relid))
			right_to_analyze(table->relid);
		step_run(setup, "analyze", name, psprintf("ANALYZE %s", name), NULL);
	}
}

/* Tables can be made without a user mapping, but not read. */
static void
tell_of_mapping(WalcuSetup *setup)
{
	if (!credential_has_mapping(GetUserId(), setup->server->serverid))
		step_find(setup, "no user mapping", quote_identifier(setup->server->servername),
				  "You need one to read the tables.",
				  psprintf("CREATE USER MAPPING FOR CURRENT_USER SERVER %s OPTIONS (username '<application "
						   "id>', password '<secret key>')",
						   quote_identifier(setup->server->servername)));
}
