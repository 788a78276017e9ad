/*
 * dealer.c
 *	  The dealers whose tables are partitions.
 *
 * A dealer is called by the name of a server of its own, or by its id where one server is for several.
 */
#include "postgres.h"

#include "setup/dealer.h"

#include "service/foreign_server.h"
#include "service/option.h"
#include "service/option_value.h"
#include "utils/builtins.h"

static WalcuSetupDealer *find_dealer(ForeignServer *server, const char *name);

/*
 * Returns the dealers (of WalcuSetupDealer) that are called so.  Errors: 22023 for one that is named twice,
 * or whose name can be no id; HV00J for a server without a dealer; those of foreign_server_find.
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
		option_check_segment("dealer_id", name);
		dealer->dealer_id = name;
		dealer->server = server;
		dealer->by_option = true;
		return dealer;
	}
	dealer->server = foreign_server_find(name);
	dealer->dealer_id = option_for_server(dealer->server->serverid)->dealer_id;
	if (dealer->dealer_id == NULL)
		ereport(ERROR, errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				errmsg("server \"%s\" has no dealer_id", name),
				errhint("Use ALTER SERVER %s OPTIONS (ADD dealer_id '...').", quote_identifier(name)));
	return dealer;
}

/* Returns the id of the dealer whose documents a foreign table shows; NULL when it has none. */
const char *
dealer_of_table(Oid relid)
{
	ForeignTable *table = GetForeignTable(relid);
	const char *own = option_value_of(table->options, "dealer_id");

	return own ? own : option_for_server(table->serverid)->dealer_id;
}
