/*
 * apply.c
 *	  walcu_fdw_check_apply(): run a check, and the commands that it advises for the server.
 *
 * SQL calls in here.  Only commands that alter the server's options are run: what makes tables, changes or
 * drops their columns, or has to do with credentials is left to the user.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/read_only.h"
#include "base/text.h"
#include "base/url.h"
#include "check/ask.h"
#include "check/check.h"
#include "check/row.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

/* What became of a command. */
typedef struct Outcome
{
	const char *result; /* It is a word. */
	const char *detail; /* It is a sentence. */
} Outcome;

static Outcome apply_advice(const WalcuCheckRun *run, const WalcuCheckRow *row, bool is_owner);
static void put_outcome(ReturnSetInfo *result, const WalcuCheckRow *row, Outcome outcome);
static bool names_untrusted_host(const WalcuCheckRun *run, const WalcuCheckRow *row);
static void run_command(void *arg);

PG_FUNCTION_INFO_V1(walcu_fdw_check_apply);

/*
 * walcu_fdw_check_apply(server name)
 * returns setof (check text, command text, result text, detail text)
 *
 * Where a check found that nothing further can be learnt, its row stands there as it is, without a command.
 *
 * Errors: those of walcu_fdw_check and of read_only_refuse, before anything is asked.
 */
Datum
walcu_fdw_check_apply(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result;
	WalcuCheckRun *run;
	bool is_owner;
	List *commands = NIL;
	ListCell *lc;

	if (PG_ARGISNULL(0))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("server must not be null"));
	read_only_refuse("walcu_fdw_check_apply");
	compat_init_materialized_srf(fcinfo);
	result = (ReturnSetInfo *) fcinfo->resultinfo;
	run = check_run(NameStr(*PG_GETARG_NAME(0)), NULL, false);
	is_owner = compat_ownercheck(ForeignServerRelationId, run->options->serverid, GetUserId());
	foreach(lc, row_list(run))
	{
		const WalcuCheckRow *row = lfirst(lc);

		if (row->advice == NULL)
		{
			if (run->stopped && (row->result == CHECK_FAILED || row->result == CHECK_UNKNOWN))
				put_outcome(result, row, (Outcome){row_result_name(row->result), row->detail});
			continue;
		}
		/* several rows may advise the same */
		if (text_in_list(commands, row->advice))
			continue;
		put_outcome(result, row, apply_advice(run, row, is_owner));
		commands = lappend(commands, unconstify(char *, row->advice));
	}
	MemoryContextDelete(run->context);
	return (Datum) 0;
}

static void
put_outcome(ReturnSetInfo *result, const WalcuCheckRow *row, Outcome outcome)
{
	Datum values[4];
	bool nulls[4] = {false, row->advice == NULL};

	values[0] = CStringGetTextDatum(row->check);
	values[1] = row->advice ? CStringGetTextDatum(row->advice) : (Datum) 0;
	values[2] = CStringGetTextDatum(outcome.result);
	values[3] = CStringGetTextDatum(outcome.detail);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static Outcome
apply_advice(const WalcuCheckRun *run, const WalcuCheckRow *row, bool is_owner)
{
	Oid owner = GetForeignServer(run->options->serverid)->owner;
	char *words;

	if (pg_strncasecmp(row->advice, "ALTER SERVER ", 13) != 0)
		return (Outcome){"left to you", "Only options of the server are altered here."};
	if (!is_owner)
		return (Outcome){"not permitted", psprintf("The server belongs to %s, who may run this.",
												   quote_identifier(GetUserNameFromId(owner, false)))};
	if (strstr(row->advice, "'<") != NULL)
		return (Outcome){"left to you", "Put the right value where the angle brackets are."};
	if (names_untrusted_host(run, row))
		return (Outcome){"left to you", "Credentials would go to a host that an unencrypted reply names."};
	/* the commands before it stay when it fails */
	words = ask_try(run->context, run_command, unconstify(char *, row->advice), NULL);
	return words ? (Outcome){"failed", words} : (Outcome){"applied", row->detail};
}

/*
 * Where anybody on the way may answer in the service's name, a host that the service names is not to be
 * trusted without somebody having looked at it.
 */
static bool
names_untrusted_host(const WalcuCheckRun *run, const WalcuCheckRow *row)
{
	return strstr(row->advice, " results_hosts ") != NULL && !url_is_safe(run->options->endpoint);
}

/* Runs a command (a text). */
static void
run_command(void *arg)
{
	SPI_connect();
	SPI_execute(arg, false, 0);
	SPI_finish();
}
