/*
 * route.c
 *	  The way to a table's service, for who wrote: the options that are in force now, and the credentials.
 *
 * batch.c asks for the ways of its entries.  A table may have been renamed since they were written, moved,
 * or made anew under its name and for its server; then they go to it as it is now.  It has to show the same
 * resource of the same dealer: nothing is sent to a document that was not meant, nor to another's service.
 */
#include "postgres.h"

#include "outbox/route.h"

#include "access/xact.h"
#include "base/compat.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "modify/modify.h"
#include "outbox/verdict.h"
#include "service/option.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/resowner.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

static WalcuOutboxRoute *find_route(WalcuOutboxRoutes *routes, const WalcuOutboxEntry *entry);
static WalcuOutboxPeer *find_peer(WalcuOutboxRoutes *routes, const WalcuOutboxEntry *entry);
static void open_route(WalcuOutboxRoutes *routes, WalcuOutboxRoute *route, const WalcuOutboxEntry *entry);
static void try_to_open(WalcuOutboxRoutes *routes, WalcuOutboxRoute *route, const WalcuOutboxEntry *entry);
static Oid find_table(const WalcuOutboxEntry *entry);
static bool is_our_table(Oid relation);
static const WalcuOptions *read_options(Oid relation);
static void lose_route(WalcuOutboxRoute *route, char *obstacle);

/* Opens the ways of entries, and puts each entry on its way.  All is in the current memory context. */
WalcuOutboxRoutes *
outbox_routes_open(List *entries)
{
	WalcuOutboxRoutes *routes = palloc0(sizeof(WalcuOutboxRoutes));
	ListCell *lc;

	routes->write_log = write_log_open(routes);
	write_log_silence(routes->write_log);
	foreach(lc, entries)
	{
		WalcuOutboxEntry *entry = lfirst(lc);

		entry->route = find_route(routes, entry);
		entry->route->unsent = lappend(entry->route->unsent, entry);
	}
	return routes;
}

/* The writers go with the memory that they are in. */
void
outbox_routes_close(WalcuOutboxRoutes *routes)
{
	write_log_close(routes->write_log);
}

/* Entries of two dealers or resources that a table had one after the other go two ways. */
static WalcuOutboxRoute *
find_route(WalcuOutboxRoutes *routes, const WalcuOutboxEntry *entry)
{
	WalcuOutboxRoute *route;
	ListCell *lc;

	foreach(lc, routes->routes)
	{
		const WalcuOutboxEntry *other;

		route = lfirst(lc);
		other = linitial(route->unsent);
		if (other->relation == entry->relation && other->owner == entry->owner &&
			strcmp(other->relation_name, entry->relation_name) == 0 &&
			strcmp(other->dealer_id, entry->dealer_id) == 0 && strcmp(other->resource, entry->resource) == 0)
			return route;
	}
	route = palloc0(sizeof(WalcuOutboxRoute));
	route->peer = find_peer(routes, entry);
	routes->routes = lappend(routes->routes, route);
	open_route(routes, route, entry);
	return route;
}

static WalcuOutboxPeer *
find_peer(WalcuOutboxRoutes *routes, const WalcuOutboxEntry *entry)
{
	WalcuOutboxPeer *peer;
	ListCell *lc;

	foreach(lc, routes->peers)
	{
		peer = lfirst(lc);
		if (peer->server == entry->server && peer->owner == entry->owner)
			return peer;
	}
	peer = palloc0(sizeof(WalcuOutboxPeer));
	peer->server = entry->server;
	peer->owner = entry->owner;
	routes->peers = lappend(routes->peers, peer);
	return peer;
}

/* Opens a way, or says why there is none.  What the catalogs say may be an error of this way alone. */
static void
open_route(WalcuOutboxRoutes *routes, WalcuOutboxRoute *route, const WalcuOutboxEntry *entry)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		try_to_open(routes, route, entry);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		if (outbox_verdict_is_interrupt(error))
			ReThrowError(error);
		route->obstacle = outbox_verdict_text(error);
		route->peer->is_paused = route->peer->is_unknown_to = true;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}

static void
try_to_open(WalcuOutboxRoutes *routes, WalcuOutboxRoute *route, const WalcuOutboxEntry *entry)
{
	const WalcuOptions *options;
	char *credential;

	route->relation = find_table(entry);
	if (!OidIsValid(route->relation))
	{
		lose_route(route, psprintf("the foreign table %s was dropped", entry->relation_name));
		return;
	}
	if (!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(entry->owner)))
	{
		lose_route(route, pstrdup("the role that has written it was dropped"));
		return;
	}
	options = read_options(route->relation);
	if (strcmp(options->dealer_id, entry->dealer_id) != 0 || strcmp(options->resource, entry->resource) != 0)
	{
		lose_route(route,
				   psprintf("the foreign table %s shows resource \"%s\" of dealer \"%s\" now, and this "
							"was written to resource \"%s\" of dealer \"%s\"",
							entry->relation_name, options->resource, options->dealer_id, entry->resource,
							entry->dealer_id));
		return;
	}
	/* a clone of the database may be told so that it changes nothing in the CRM */
	if (!options->updatable)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("the option updatable of the foreign table %s, or of its server, is 'false'",
					   entry->relation_name));
	credential = option_credential_header(entry->owner, options->serverid);
	route->writer = writer_open(CurrentMemoryContext, options, credential, routes->write_log);
	route->options = options;
}

/*
 * Returns the table that was written, or one that was made in its place; InvalidOid for none.  Whoever may
 * create tables in its schema can take its name, but cannot have it sent to a server of theirs.
 */
static Oid
find_table(const WalcuOutboxEntry *entry)
{
	List *name;
	Oid relation;

	if (is_our_table(entry->relation))
		return entry->relation;
	name = textToQualifiedNameList(cstring_to_text(entry->relation_name));
	relation = RangeVarGetRelid(makeRangeVarFromNameList(name), NoLock, true);
	return is_our_table(relation) && GetForeignTable(relation)->serverid == entry->server ? relation
																						  : InvalidOid;
}

static bool
is_our_table(Oid relation)
{
	return OidIsValid(relation) && SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relation)) &&
		   get_rel_relkind(relation) == RELKIND_FOREIGN_TABLE &&
		   GetFdwRoutineByRelId(relation)->BeginForeignInsert == modify_begin_insert;
}

/* The entry tells when it is tried again, and each of them is one request that was asked for. */
static const WalcuOptions *
read_options(Oid relation)
{
	WalcuOptions *options = palloc(sizeof(WalcuOptions));

	*options = *option_for_table(relation);
	options->max_retries = options->max_mishaps = 0;
	options->max_requests = 0;
	return options;
}

static void
lose_route(WalcuOutboxRoute *route, char *obstacle)
{
	route->obstacle = obstacle;
	route->is_lost = true;
}
