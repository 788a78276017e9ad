/*
 * access.c
 *	  Checks of credentials, dealer and resources.
 *
 * A page of each resource is asked for, of one first, so that wrong credentials are not sent twenty times.
 * The pages stay for the other checks (sample.c).
 */
#include "postgres.h"

#include <jansson.h>

#include <math.h>

#include "check/access.h"

#include "base/text.h"
#include "check/ask.h"
#include "check/row.h"
#include "check/sample.h"
#include "foreign/foreign.h"
#include "http/credential_hint.h"
#include "miscadmin.h"
#include "service/credential.h"
#include "service/option_value.h"

/* So many resources are asked for before the dealer is said to be wrong. */
#define DEALER_TRIES 3

/* Nobody has more documents. */
#define TOO_MANY 100000000

/* What is to be put into options of credentials. */
static const struct
{
	const char *option;
	const char *value;
} placeholders[] = {
	{"username", "<application id>"}, {"password", "<secret key>"},
	{"password_file", "<file>"},      {"token", "<token>"},
	{"token_file", "<file>"},         {"header_name", "<name>"},
	{"header_value", "<secret>"},     {"header_value_file", "<file>"},
};

static bool read_credential(WalcuCheckRun *run);
static void find_credential(void *arg);
static char *advise_credential(const WalcuCheckRun *run);
static List *list_resources(const WalcuCheckRun *run);
static void sample_resources(WalcuCheckRun *run, List *resources);
static bool is_denied(const WalcuCheckSample *sample);
static void count_documents_about(WalcuCheckRun *run);
static int64 choose_probe(const WalcuCheckSample *sample);
static void take_probe(WalcuCheckSample *sample, int64 position, const WalcuCheckReply *reply);
static char *describe_count(const WalcuCheckSample *sample);

/* Has the user credentials, and does the service take them? */
void
access_check_credentials(WalcuCheckRun *run)
{
	WalcuCheckSample *first;
	char *sent;

	if (run->options->dealer_id == NULL)
	{
		row_add(run, "dealer", CHECK_FAILED, row_set_option(run, "dealer_id", "<dealer id>"),
				"The server has no dealer_id.");
		run->stopped = true;
		return;
	}
	if (!read_credential(run))
	{
		run->stopped = true;
		return;
	}
	sent = credential_hint_sent(run->credential);
	sent[0] = pg_toupper((unsigned char) sent[0]);
	sample_resources(run, list_make1(linitial(list_resources(run))));
	first = linitial(run->samples);
	if (first->status == 401)
		row_add(run, "credentials", CHECK_FAILED, advise_credential(run),
				"%s was sent, and nothing else was tried. %s %s", sent, first->failure,
				credential_hint_choices(run->credential));
	else if (!first->is_asked)
		row_add(run, "credentials", CHECK_UNKNOWN, NULL, "%s", first->failure);
	else if (first->status == 0)
		row_add(run, "credentials", CHECK_FAILED, NULL, "%s was sent. %s", sent, first->failure);
	else if (first->readable)
		row_add(run, "credentials", CHECK_OK, NULL, "%s was sent, and the service takes it.", sent);
	else
		row_add(run, "credentials", CHECK_UNKNOWN, NULL, "%s was sent. %s", sent, first->failure);
	run->stopped = first->status == 401 || first->status == 0;
}

/* Reads the header line with the credentials; false, with a row that says why, when there is none. */
static bool
read_credential(WalcuCheckRun *run)
{
	const char *hint = NULL;
	char *words;

	if (!credential_has_mapping(GetUserId(), run->options->serverid))
	{
		row_add(run, "credentials", CHECK_FAILED,
				psprintf("CREATE USER MAPPING FOR %s SERVER %s OPTIONS (username '<application id>', "
						 "password '<secret key>')",
						 row_quote_name(GetUserNameFromId(GetUserId(), false)),
						 row_quote_name(run->options->server_name)),
				"You have no user mapping for this server.");
		return false;
	}
	words = ask_try(run->context, find_credential, run, &hint);
	if (words)
		row_add(run, "credentials", CHECK_FAILED, advise_credential(run), "%s%s%s", words, hint ? " " : "",
				hint ? hint : "");
	return words == NULL;
}

/* A mapping without credentials, or a file that cannot be read, is an error. */
static void
find_credential(void *arg)
{
	WalcuCheckRun *run = arg;

	run->credential = option_credential_header(GetUserId(), run->options->serverid);
}

/* Advises to correct the credentials that the mapping has, or to add some. */
static char *
advise_credential(const WalcuCheckRun *run)
{
	UserMapping *mapping = GetUserMapping(GetUserId(), run->options->serverid);
	StringInfoData actions;

	initStringInfo(&actions);
	for (int i = 0; i < lengthof(placeholders); i++)
	{
		if (option_value_of(mapping->options, placeholders[i].option))
			appendStringInfo(&actions, "%sSET %s '%s'", actions.len > 0 ? ", " : "", placeholders[i].option,
							 placeholders[i].value);
	}
	if (actions.len == 0)
		appendStringInfoString(&actions, "ADD username '<application id>', ADD password '<secret key>'");
	return psprintf("ALTER USER MAPPING FOR %s SERVER %s OPTIONS (%s)",
					OidIsValid(mapping->userid) ? row_quote_name(GetUserNameFromId(mapping->userid, false))
												: "PUBLIC",
					row_quote_name(run->options->server_name), actions.data);
}

/* Returns the names of the resources to look at. */
static List *
list_resources(const WalcuCheckRun *run)
{
	List *names = NIL;
	ListCell *lc;

	if (run->resource)
		return list_make1((char *) run->resource);
	foreach(lc, sample_described(run))
		names = lappend(names, ((WalcuResource *) lfirst(lc))->name);
	return names;
}

/* Asks for a page of each. */
static void
sample_resources(WalcuCheckRun *run, List *resources)
{
	int count = list_length(resources);
	WalcuRequest **requests = palloc(count * sizeof(WalcuRequest *));
	WalcuCheckReply *replies = palloc(count * sizeof(WalcuCheckReply));

	for (int i = 0; i < count; i++)
		requests[i] = ask_list(run, list_nth(resources, i), NULL, ACCESS_WANTED);
	ask_all(run, requests, replies, count);
	for (int i = 0; i < count; i++)
		sample_take(run, list_nth(resources, i), &replies[i]);
}

/* Is it the dealer's credentials, and does the dealer have resources? */
void
access_check_dealer(WalcuCheckRun *run)
{
	List *rest = list_delete_first(list_copy(list_resources(run)));
	WalcuCheckSample *last = linitial(run->samples);
	int denied = is_denied(last);

	while (last->failure && list_length(run->samples) < DEALER_TRIES && rest != NIL)
	{
		sample_resources(run, list_make1(linitial(rest)));
		rest = list_delete_first(rest);
		last = llast(run->samples);
		denied += is_denied(last);
	}
	if (denied == list_length(run->samples))
	{
		last = llast(run->samples);
		row_add(run, "dealer", CHECK_FAILED, NULL, "%s %s Check the server options dealer_id and endpoint%s.",
				list_length(run->samples) > 1
					? psprintf("Each of %d resources was refused.", list_length(run->samples))
					: "The resource was refused.",
				last->failure, last->status == 403 ? ", and whether the credentials are this dealer's" : "");
		run->stopped = true;
		return;
	}
	if (last->failure)
	{
		row_add(run, "dealer", CHECK_UNKNOWN, NULL,
				"No resource could be read. %s Check the server option endpoint.", last->failure);
		run->stopped = true;
		return;
	}
	row_add(run, "dealer", CHECK_OK, NULL, "The credentials are good for dealer %s.",
			run->options->dealer_id);
	sample_resources(run, rest);
	sample_choose_main(run);
}

static bool
is_denied(const WalcuCheckSample *sample)
{
	return sample->status == 403 || sample->status == 404;
}

/* A row for each resource, with as many documents as there are, about. */
void
access_sum_up_resources(WalcuCheckRun *run)
{
	ListCell *lc;

	if (run->stopped)
		return;
	if (!run->skip_is_ignored)
		count_documents_about(run);
	foreach(lc, run->samples)
	{
		const WalcuCheckSample *sample = lfirst(lc);
		char *name = psprintf("resource %s", sample->resource);

		if (sample->readable)
			row_add(run, name, CHECK_OK, NULL, "Readable, with %s.", describe_count(sample));
		else
			row_add(run, name, sample->status == 0 ? CHECK_UNKNOWN : CHECK_FAILED, NULL, "%s",
					sample->failure);
	}
}

/* What is left of the requests tells how many documents there are, to a factor of two. */
static void
count_documents_about(WalcuCheckRun *run)
{
	int count = list_length(run->samples);
	WalcuRequest **requests = palloc(count * sizeof(WalcuRequest *));
	WalcuCheckReply *replies = palloc(count * sizeof(WalcuCheckReply));
	WalcuCheckSample **samples = palloc(count * sizeof(WalcuCheckSample *));
	int asked;

	do
	{
		ListCell *lc;

		asked = 0;
		foreach(lc, run->samples)
		{
			WalcuCheckSample *sample = lfirst(lc);
			int64 position = choose_probe(sample);

			if (position == 0 || asked >= ask_left(run))
				continue;
			samples[asked] = sample;
			requests[asked] = ask_list(run, sample->resource, NULL, 1);
			request_add_parameter(requests[asked++], "skip", psprintf(INT64_FORMAT, position));
		}
		ask_all(run, requests, replies, asked);
		for (int i = 0; i < asked; i++)
			take_probe(samples[i], choose_probe(samples[i]), &replies[i]);
	} while (asked > 0);
}

/* Returns the number of documents to look behind; 0 when enough is known. */
static int64
choose_probe(const WalcuCheckSample *sample)
{
	if (!sample->readable || sample->count == 0 || sample->least >= TOO_MANY)
		return 0;
	if (sample->most < 0)
		return sample->least * 10;
	return sample->most > 2 * sample->least ? (int64) sqrt((double) sample->least * sample->most) : 0;
}

static void
take_probe(WalcuCheckSample *sample, int64 position, const WalcuCheckReply *reply)
{
	if (!reply->ok || !json_is_array(reply->json))
		sample->least = TOO_MANY;
	else if (json_array_size(reply->json) > 0)
		sample->least = position + 1;
	else
		sample->most = position;
}

static char *
describe_count(const WalcuCheckSample *sample)
{
	if (sample->most == sample->least)
		return text_counted(sample->most, "document");
	if (sample->most < 0)
		return psprintf("%s or more",
						text_counted(sample->least < TOO_MANY ? sample->least : sample->count, "document"));
	return psprintf(INT64_FORMAT " to " INT64_FORMAT " documents", sample->least, sample->most);
}
