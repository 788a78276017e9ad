/*
 * dealer.c
 *	  The dealers whose tables are partitions.
 *
 * A dealer is called by the name of a server of its own, or by its id where one server is for several.  A
 * name that looks like no id has to be that of a server, so that a misspelt one makes no tables of nobody.
 */
#include "postgres.h"

#include "setup/dealer.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "base/hint.h"
#include "base/objectid.h"
#include "base/text.h"
#include "catalog/pg_foreign_server.h"
#include "service/foreign_server.h"
#include "service/option.h"
#include "service/option_value.h"
#include "utils/builtins.h"

static WalcuSetupDealer *find_dealer(ForeignServer *server, const char *name);
static void require_id(const ForeignServer *server, const char *name);
static bool looks_like_id(const char *name);
static List *list_server_names(Oid wrapperid);

/*
 * Returns the dealers (of WalcuSetupDealer) that are called so.  Errors: 22023 for one that is named twice,
 * or is neither a server nor an id; HV00J for a server without a dealer; those of foreign_server_find.
 */
List *
dealer_list(ForeignServer *server, List *names)
{
	List *dealers = NIL;
	ListCell *lc;

	foreach(lc, names)
	{
		WalcuSetupDealer *dealer = find_dealer(server, lfirst(lc));
		ListCell *cell;

		foreach(cell, dealers)
		{
			const WalcuSetupDealer *other = lfirst(cell);

			if (strcmp(other->dealer_id, dealer->dealer_id) == 0)
				ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("dealers \"%s\" and \"%s\" are the same", other->name, dealer->name));
		}
		dealers = lappend(dealers, dealer);
	}
	return dealers;
}

static WalcuSetupDealer *
find_dealer(ForeignServer *server, const char *name)
{
	WalcuSetupDealer *dealer = palloc0(sizeof(WalcuSetupDealer));

	dealer->name = name;
	if (GetForeignServerByName(name, true) == NULL)
	{
		require_id(server, name);
		dealer->dealer_id = name;
		dealer->server = server;
		dealer->by_option = true;
		return dealer;
	}
	dealer->server = foreign_server_find(name);
	foreign_server_require_dealer(option_for_server(dealer->server->serverid));
	dealer->dealer_id = option_for_server(dealer->server->serverid)->dealer_id;
	return dealer;
}

static void
require_id(const ForeignServer *server, const char *name)
{
	if (!looks_like_id(name))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("dealer \"%s\" is neither a server nor a dealer_id", text_shown(name, NAMEDATALEN)),
				errdetail("A dealer_id has 24 hexadecimal digits, or is a number."),
				errhint("%s Or make a server of that name, with its dealer_id.",
						hint_name("server", name, list_server_names(server->fdwid))));
}

/* The service's ids are ObjectIds; its description shows numbers. */
static bool
looks_like_id(const char *name)
{
	return objectid_is_valid(name) || (name[0] != '\0' && strspn(name, "0123456789") == strlen(name));
}

/* Returns the names (char *) of a wrapper's servers. */
static List *
list_server_names(Oid wrapperid)
{
	Relation catalog = table_open(ForeignServerRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	HeapTuple tuple;
	List *names = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_foreign_server form = (Form_pg_foreign_server) GETSTRUCT(tuple);

		if (form->srvfdw == wrapperid)
			names = lappend(names, pstrdup(NameStr(form->srvname)));
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return text_sort_unique(names, text_compare_bytes);
}

/* Returns the id of the dealer whose documents a foreign table shows; NULL when it has none. */
const char *
dealer_of_table(Oid relid)
{
	ForeignTable *table = GetForeignTable(relid);
	const char *own = option_value_of(table->options, "dealer_id");

	return own ? own : option_for_server(table->serverid)->dealer_id;
}
