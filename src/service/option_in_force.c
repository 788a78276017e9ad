/*
 * option_in_force.c
 *	  The options in force for a server or a table, and the credentials of a user.
 *
 * Planning, scans, imports, writes and single calls ask here.  What options there are, and what they may be,
 * is in option.c.  Reading them takes several times the memory that they have in the end, and a statement may
 * be about hundreds of tables; so that is freed, and a copy kept.
 */
#include "postgres.h"

#include "foreign/foreign.h"
#include "service/credential.h"
#include "service/option.h"
#include "service/option_value.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

static MemoryContext begin_options_read(void);
static char *keep_text_read(MemoryContext before, const char *text);
static WalcuOptions *keep_options_read(MemoryContext before, const WalcuOptions *options);
static WalcuOptions *read_server(Oid serverid);
static WalcuOptions *read_table(Oid relid);

/* Returns the options in force for a server. */
WalcuOptions *
option_for_server(Oid serverid)
{
	MemoryContext before = begin_options_read();

	return keep_options_read(before, read_server(serverid));
}

/* Returns the options in force for a foreign table.  Error: HV00J when it has no dealer. */
WalcuOptions *
option_for_table(Oid relid)
{
	MemoryContext before = begin_options_read();
	WalcuOptions *options = read_table(relid);

	options->pushdown &= option_enable_pushdown;
	if (options->dealer_id == NULL)
		ereport(ERROR, errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				errmsg("foreign table \"%s\" has no dealer_id", get_rel_name(relid)),
				errhint("Use ALTER SERVER %s OPTIONS (ADD dealer_id '...').",
						quote_identifier(options->server_name)));
	/* the name of a table was not checked when it was given */
	option_check_segment("resource", options->resource);
	return keep_options_read(before, options);
}

/* Tells whether a foreign table may be written, whatever other options it lacks. */
bool
option_table_is_updatable(Oid relid)
{
	MemoryContext before = begin_options_read();
	bool is_updatable = read_table(relid)->updatable;

	keep_text_read(before, NULL);
	return is_updatable;
}

/* Returns the resource that a foreign table shows, whatever other options it lacks. */
char *
option_resource_of_table(Oid relid)
{
	MemoryContext before = begin_options_read();

	return keep_text_read(before, read_table(relid)->resource);
}

/* Returns the path of the list whose elements a foreign table shows; NULL where it shows documents. */
char *
option_array_of_table(Oid relid)
{
	MemoryContext before = begin_options_read();

	return keep_text_read(before, read_table(relid)->array);
}

/*
 * Returns the header line with the credentials of a user for a server.  Error: 42704 without a user
 * mapping.
 */
char *
option_credential_header(Oid userid, Oid serverid)
{
	MemoryContext before = begin_options_read();
	const char *server_name = GetForeignServer(serverid)->servername;

	credential_check_mapping(userid, serverid, server_name);
	return keep_text_read(before, credential_header(GetUserMapping(userid, serverid)->options, server_name));
}

/* Makes memory current that is to be freed again.  Returns the memory context before. */
static MemoryContext
begin_options_read(void)
{
	return MemoryContextSwitchTo(
		AllocSetContextCreate(CurrentMemoryContext, "walcu options", ALLOCSET_DEFAULT_SIZES));
}

/* Frees it, and copies a text that was read, if there is one, into the memory context before. */
static char *
keep_text_read(MemoryContext before, const char *text)
{
	MemoryContext reading = MemoryContextSwitchTo(before);
	char *copy = text ? pstrdup(text) : NULL;

	MemoryContextDelete(reading);
	return copy;
}

/* Does so with options. */
static WalcuOptions *
keep_options_read(MemoryContext before, const WalcuOptions *options)
{
	MemoryContext reading = MemoryContextSwitchTo(before);
	WalcuOptions *copy = option_copy(options);

	MemoryContextDelete(reading);
	return copy;
}

static WalcuOptions *
read_server(Oid serverid)
{
	ForeignServer *server = GetForeignServer(serverid);
	WalcuOptions *options = palloc(sizeof(WalcuOptions));
	size_t length;

	option_read_server(server->options, options);
	options->serverid = serverid;
	options->server_name = server->servername;
	length = strlen(options->endpoint);
	while (options->endpoint[length - 1] == '/')
		length--;
	options->endpoint = pnstrdup(options->endpoint, length);
	return options;
}

/* Reads the options of a foreign table over those of its server. */
static WalcuOptions *
read_table(Oid relid)
{
	ForeignTable *table = GetForeignTable(relid);
	WalcuOptions *options = read_server(table->serverid);

	options->relid = relid;
	options->resource = get_rel_name(relid);
	option_read_table(table->options, options);
	/* what is written is a document, by another table; and what waits there is shown here, too */
	if (options->array)
	{
		options->updatable = options->truncatable = false;
		options->write_mode = WALCU_WRITE_AT_COMMIT;
	}
	return options;
}
