/*
 * document_sample.c
 *	  Documents of each resource, for what the description does not tell.
 *
 * Called by setup.c when the user wants it.  Two pages of each resource are read: the one that comes first,
 * and the one with the newest documents, as what is new is in these.  What stands in them is seen_field.c's
 * to judge.
 */
#include "postgres.h"

#include <jansson.h>

#include "setup/document_sample.h"

#include "check/ask.h"
#include "check/check.h"
#include "check/sample.h"
#include "miscadmin.h"
#include "pushdown/sort.h"
#include "service/option.h"
#include "setup/seen_field.h"
#include "setup/step.h"

/* A page has so many documents, as the service gives no more at once. */
#define WANTED 50

/* So many pages of a resource are read. */
#define PAGES 2

/* A request that is refused, or fails, is sent so many times at most (ask.c). */
#define MOST_TRIES 5

static const WalcuSetupDealer *find_first_dealer(const WalcuSetup *setup);
static List *list_sampled_resources(const WalcuSetup *setup);
static WalcuRequest *make_newest_request(const WalcuCheckRun *run, const char *resource);
static void ask_for_pages(WalcuCheckRun *run, List *resources, WalcuCheckReply *replies);
static void require_credentials(const WalcuCheckReply *reply);
static void take_pages(WalcuSetup *setup, WalcuCheckRun *run, WalcuResource *resource,
					   const WalcuCheckReply *replies, int levels);

/*
 * Whoever cannot read documents need not wait for a plan.  Errors: HV00J without a dealer, those of
 * option_credential_header.
 */
void
document_sample_require_access(const WalcuSetup *setup)
{
	const WalcuSetupDealer *dealer = find_first_dealer(setup);
	Oid serverid = dealer ? dealer->server->serverid : setup->server->serverid;

	if (dealer == NULL && option_for_server(serverid)->dealer_id == NULL)
		ereport(ERROR, errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				errmsg("server \"%s\" has no dealer_id", setup->server->servername),
				errdetail("A sample has documents of one dealer."),
				errhint("Name the dealer in the argument dealers, or in the server's option dealer_id."));
	option_credential_header(GetUserId(), serverid);
}

/* Several dealers have one description, and the first of them tells for all. */
static const WalcuSetupDealer *
find_first_dealer(const WalcuSetup *setup)
{
	return setup->dealers != NIL ? linitial(setup->dealers) : NULL;
}

/*
 * Adds what documents have to the resources that are wanted, so many levels deep.  What cannot be read is
 * told, but wrong credentials are an error: 28000.
 */
void
document_sample_read(WalcuSetup *setup, int levels)
{
	const WalcuSetupDealer *dealer = find_first_dealer(setup);
	const ForeignServer *server = dealer ? dealer->server : setup->server;
	List *resources = list_sampled_resources(setup);
	WalcuCheckRun *run = check_start(server->servername, NULL, false);
	WalcuCheckReply *replies = palloc0(list_length(resources) * PAGES * sizeof(WalcuCheckReply));
	int number = 0;
	ListCell *lc;

	if (dealer)
		run->options->dealer_id = pstrdup(dealer->dealer_id);
	run->credential = option_credential_header(GetUserId(), server->serverid);
	/* the server option max_requests holds besides */
	run->limit = list_length(resources) * PAGES * MOST_TRIES;
	ask_for_pages(run, resources, replies);
	foreach(lc, resources)
		take_pages(setup, run, lfirst(lc), &replies[PAGES * number++], levels);
	MemoryContextDelete(run->context);
}

static List *
list_sampled_resources(const WalcuSetup *setup)
{
	List *resources = NIL;
	ListCell *lc;

	foreach(lc, setup->resources)
	{
		if (setup_wants_resource(setup, ((WalcuResource *) lfirst(lc))->name))
			resources = lappend(resources, lfirst(lc));
	}
	return resources;
}

/* One page goes alone, so that wrong credentials are not sent dozens of times. */
static void
ask_for_pages(WalcuCheckRun *run, List *resources, WalcuCheckReply *replies)
{
	int count = list_length(resources) * PAGES;
	WalcuRequest **requests = palloc(count * sizeof(WalcuRequest *));
	int number = 0;
	ListCell *lc;

	foreach(lc, resources)
	{
		const WalcuResource *resource = lfirst(lc);

		requests[number++] = ask_list(run, resource->name, NULL, WANTED);
		requests[number++] = make_newest_request(run, resource->name);
	}
	ask_all(run, requests, replies, 1);
	require_credentials(&replies[0]);
	ask_all(run, requests + 1, replies + 1, count - 1);
}

/* Ids begin with the time at which they were made.  A service that cannot sort gives what it likes. */
static WalcuRequest *
make_newest_request(const WalcuCheckRun *run, const char *resource)
{
	WalcuRequest *request = ask_list(run, resource, NULL, WANTED);

	if (run->options->sort_format == WALCU_FORMAT_NONE)
		request_add_parameter(request, "skip", psprintf("%d", WANTED));
	else
		request_add_parameter(request, "sort", sort_text(run->options, NIL, true));
	return request;
}

static void
require_credentials(const WalcuCheckReply *reply)
{
	if (reply->status == 401)
		ereport(ERROR, errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				errmsg("could not read documents for a sample"), errdetail("%s", reply->failure),
				reply->hint ? errhint("%s", reply->hint) : 0);
}

static void
take_pages(WalcuSetup *setup, WalcuCheckRun *run, WalcuResource *resource, const WalcuCheckReply *replies,
		   int levels)
{
	WalcuCheckSample *sample = sample_take(run, resource->name, &replies[0]);

	CHECK_FOR_INTERRUPTS();
	for (int i = 1; i < PAGES; i++)
	{
		if (sample->readable && replies[i].ok && json_is_array(replies[i].json))
			sample_extend(sample, replies[i].json);
	}
	if (sample->readable)
		seen_field_add(resource, sample->documents, levels);
	else
		step_find(setup, "not sampled", resource->name, ask_printable(run, sample->failure), NULL);
}
