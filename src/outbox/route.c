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

#include "base/subtransaction.h"
#include "catalog/namespace.h"
#include "foreign/foreign.h"
#include "outbox/verdict.h"
#include "plan/relinfo.h"
#include "service/option.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

/* A request takes no longer than so many milliseconds: those of other users wait for its batch. */
#define LONGEST_REQUEST (10 * 60 * 1000)

/* A way that is to be opened. */
typedef struct Opening
{
	WalcuOutboxRoutes *routes;     /* It is one of these, */
	WalcuOutboxRoute *route;       /* it is this, */
	const WalcuOutboxEntry *entry; /* and this entry goes on it. */
} Opening;

static WalcuOutboxRoute *find_route(WalcuOutboxRoutes *routes, const WalcuOutboxEntry *entry);
static WalcuOutboxPeer *find_peer(WalcuOutboxRoutes *routes, const WalcuOutboxEntry *entry);
static void open_route(WalcuOutboxRoutes *routes, WalcuOutboxRoute *route, const WalcuOutboxEntry *entry);
static void try_to_open(void *arg);
static Oid find_table(const WalcuOutboxEntry *entry);
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
	Opening opening = {routes, route, entry};
	ErrorData *error = subtransaction_try(try_to_open, &opening);

	if (error == NULL)
		return;
	if (outbox_verdict_is_interrupt(error))
		ReThrowError(error);
	route->obstacle = outbox_verdict_text(error);
	route->peer->is_paused = route->peer->is_unknown_to = true;
}

static void
try_to_open(void *arg)
{
	const Opening *opening = arg;
	const WalcuOutboxEntry *entry = opening->entry;
	WalcuOutboxRoute *route = opening->route;
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
	route->writer = writer_open(CurrentMemoryContext, options, credential, opening->routes->write_log);
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

	if (relinfo_is_our_table(entry->relation))
		return entry->relation;
	name = textToQualifiedNameList(cstring_to_text(entry->relation_name));
	relation = RangeVarGetRelid(makeRangeVarFromNameList(name), NoLock, true);
	return relinfo_is_our_table(relation) && GetForeignTable(relation)->serverid == entry->server
			   ? relation
			   : InvalidOid;
}

/* The entry tells when it is tried again, and each of them is one request that was asked for. */
static const WalcuOptions *
read_options(Oid relation)
{
	WalcuOptions *options = option_for_table(relation);

	options->max_retries = options->max_mishaps = 0;
	options->max_requests = 0;
	options->request_timeout = Min(options->request_timeout, LONGEST_REQUEST);
	return options;
}

static void
lose_route(WalcuOutboxRoute *route, char *obstacle)
{
	route->obstacle = obstacle;
	route->is_lost = true;
}
