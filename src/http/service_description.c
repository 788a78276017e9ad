/*
 * service_description.c
 *	  The description that tables are made of: the service's own, or the installed one.
 *
 * IMPORT FOREIGN SCHEMA and walcu_fdw_setup() ask here.  What a description says is openapi.c's to read.
 */
#include "postgres.h"

#include "http/service_description.h"

#include "base/compat.h"
#include "http/call.h"
#include "service/openapi.h"

static List *ask_for_resources(Oid serverid, int levels);
pg_noreturn static void rethrow_with_hint(const char *bundled_hint);

/*
 * Returns the resources (of WalcuResource) of a description, whose objects are read so many levels deep.
 * bundled_hint is a sentence that says how to do without the service's own one; what is raised about that
 * ends in it.  Errors: those of a request, and HV00Q and 54000 where the description cannot be used.
 */
List *
service_description_resources(Oid serverid, WalcuDescription source, int levels, const char *bundled_hint)
{
	MemoryContext context = CurrentMemoryContext;
	List *volatile resources = NIL;

	if (source == WALCU_DESCRIPTION_BUNDLED)
		return openapi_bundled_resources(levels);
	PG_TRY();
	{
		resources = ask_for_resources(serverid, levels);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		rethrow_with_hint(bundled_hint);
	}
	PG_END_TRY();
	return resources;
}

/* The description is public: no credentials are sent, so none are needed yet. */
static List *
ask_for_resources(Oid serverid, int levels)
{
	WalcuOptions *options = option_for_server(serverid);
	StringInfo description = call_perform(options, NULL, request_description(options), OPENAPI_MAX_SIZE);

	return openapi_resources(description->data, description->len, levels);
}

/* Tell of the bundled description, too; but not those who cancelled. */
static void
rethrow_with_hint(const char *bundled_hint)
{
	ErrorData *error = CopyErrorData();

	FlushErrorState();
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_OPERATOR_INTERVENTION)
		error->hint = error->hint ? psprintf("%s %s", error->hint, bundled_hint) : pstrdup(bundled_hint);
	ReThrowError(error);
}
