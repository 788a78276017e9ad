/*
 * paging.c
 *	  Checks of pages: their size, whether more follow, and their end.
 *
 * Behind the fullest page, and behind one that says to be the last, one document more is asked for.  That
 * tells how many documents a page has at most, and whether MAPP-has-more is true.
 */
#include "postgres.h"

#include <jansson.h>

#include "check/paging.h"

#include "base/text.h"
#include "check/access.h"
#include "check/ask.h"
#include "check/row.h"
#include "check/sample.h"

/* No resource has so many documents. */
#define FAR_BEHIND 100000000

/* Of so many documents conditions can be tried; from so many more pages they are taken. */
#define ENOUGH_DOCUMENTS 40
#define MORE_PAGES       3

/* A page of a service without a limit of its own has as many as the option fetch_size may say. */
#define MOST_WANTED 1000

static void look_behind_pages(WalcuCheckRun *run);
static void choose_pages(WalcuCheckRun *run);
static WalcuRequest *ask_behind(const WalcuCheckRun *run, const WalcuCheckSample *sample, int position);
static void take_behind(WalcuCheckRun *run, WalcuCheckSample *sample, const WalcuCheckReply *reply);
static int find_page_cap(WalcuCheckRun *run);
static void read_more_documents(WalcuCheckRun *run);

/* How many documents has a page at most? */
void
paging_check_size(WalcuCheckRun *run)
{
	int size = run->options->fetch_size;
	int cap;

	look_behind_pages(run);
	cap = find_page_cap(run);
	run->page_cap = cap;
	read_more_documents(run);
	if (cap == 0)
		row_add(run, "page size", CHECK_UNKNOWN, NULL, "%s",
				run->fullest->no_behind
					? run->fullest->no_behind
					: psprintf("No resource has more documents than fit into a page: the fullest had %d.",
							   run->fullest->count));
	else if (cap == size)
		row_add(run, "page size", CHECK_OK, NULL, "A page has %s at most, as the option fetch_size says.",
				text_counted(cap, "document"));
	else
		row_add(run, "page size", CHECK_DIFFERS, row_set_option(run, "fetch_size", psprintf("%d", cap)),
				"A page has %s at most, and the option fetch_size is %d: %s.", text_counted(cap, "document"),
				size, cap < size ? "plans count on too few requests" : "fewer requests would do");
}

/* Asks for what is behind the fullest page, and behind one that should be the last. */
static void
look_behind_pages(WalcuCheckRun *run)
{
	WalcuRequest *requests[2];
	WalcuCheckReply replies[2];

	choose_pages(run);
	requests[0] = ask_behind(run, run->fullest, run->fullest->count);
	requests[1] =
		run->ended ? ask_behind(run, run->ended, run->ended->count) : ask_behind(run, run->main, FAR_BEHIND);
	ask_all(run, requests, replies, lengthof(requests));
	take_behind(run, run->fullest, &replies[0]);
	if (run->ended)
		take_behind(run, run->ended, &replies[1]);
	else
	{
		run->no_far = replies[1].failure;
		run->is_far_answered = replies[1].status != 0;
		run->is_empty_far =
			replies[1].ok && json_is_array(replies[1].json) && json_array_size(replies[1].json) == 0;
	}
}

static void
choose_pages(WalcuCheckRun *run)
{
	ListCell *lc;

	run->fullest = run->main;
	foreach(lc, run->samples)
	{
		WalcuCheckSample *sample = lfirst(lc);

		if (sample->count > run->fullest->count ||
			(sample->count == run->fullest->count && sample->has_more == WALCU_MORE_YES &&
			 run->fullest->has_more != WALCU_MORE_YES))
			run->fullest = sample;
	}
	/* what is not full is likely to be the last, whatever its header says */
	foreach(lc, run->samples)
	{
		WalcuCheckSample *sample = lfirst(lc);

		if (sample->count > 0 && sample->count < run->fullest->count &&
			(run->ended == NULL || sample->count > run->ended->count))
			run->ended = sample;
	}
}

static WalcuRequest *
ask_behind(const WalcuCheckRun *run, const WalcuCheckSample *sample, int position)
{
	WalcuRequest *request = ask_list(run, sample->resource, NULL, 1);

	request_add_parameter(request, "skip", psprintf("%d", position));
	return request;
}

static void
take_behind(WalcuCheckRun *run, WalcuCheckSample *sample, const WalcuCheckReply *reply)
{
	json_t *id = json_object_get(json_array_get(reply->json, 0), "_id");

	sample->is_behind_answered = reply->status != 0;
	if (!reply->ok || !json_is_array(reply->json))
		sample->no_behind = reply->failure ? reply->failure : "The reply is no array of documents.";
	else if (json_array_size(reply->json) == 0)
	{
		sample->behind = CHECK_BEHIND_NOTHING;
		sample->most = sample->count;
	}
	else if (json_is_string(id) && sample_find_id(sample, json_string_value(id)) >= 0)
	{
		sample->behind = CHECK_BEHIND_FIRST;
		run->skip_is_ignored = true;
	}
	else
	{
		sample->behind = CHECK_BEHIND_DOCUMENTS;
		sample->least = Max(sample->least, sample->count + 1);
		sample->most = -1;
	}
}

/* Returns how many documents a page has at most; 0 when none was full. */
static int
find_page_cap(WalcuCheckRun *run)
{
	const WalcuCheckSample *sample = run->fullest;
	WalcuCheckReply reply;

	if (sample->behind != CHECK_BEHIND_DOCUMENTS &&
		!(sample->behind != CHECK_BEHIND_NOTHING && sample->has_more == WALCU_MORE_YES))
		return 0;
	if (sample->count < ACCESS_WANTED)
		return sample->count;
	/* it sends as many as it is asked for */
	reply = ask_one(run, ask_list(run, sample->resource, NULL, MOST_WANTED));
	if (!reply.asked)
	{
		run->fullest->no_behind = reply.failure;
		return 0;
	}
	return reply.ok ? (int) Min(Max(json_array_size(reply.json), sample->count), MOST_WANTED) : sample->count;
}

/* Small pages have too few documents to try conditions on. */
static void
read_more_documents(WalcuCheckRun *run)
{
	WalcuCheckSample *sample = run->main;
	WalcuRequest *requests[MORE_PAGES];
	WalcuCheckReply replies[MORE_PAGES];

	if (run->page_cap == 0 || sample->count >= ENOUGH_DOCUMENTS || sample->has_more == WALCU_MORE_NO ||
		sample->behind == CHECK_BEHIND_NOTHING || run->skip_is_ignored)
		return;
	for (int i = 0; i < MORE_PAGES; i++)
	{
		requests[i] = ask_list(run, sample->resource, NULL, run->page_cap);
		request_add_parameter(requests[i], "skip", psprintf("%d", (i + 1) * run->page_cap));
	}
	ask_all(run, requests, replies, MORE_PAGES);
	for (int i = 0; i < MORE_PAGES; i++)
	{
		if (replies[i].ok)
			sample_extend(sample, replies[i].json);
	}
	sample->least = Max(sample->least, sample->count);
}

/* Does MAPP-has-more say what follows? */
void
paging_check_has_more(WalcuCheckRun *run)
{
	const WalcuCheckSample *pages[] = {run->fullest, run->ended};
	const char *words = NULL;
	bool is_verified = false;

	for (int i = 0; i < lengthof(pages); i++)
	{
		is_verified |= pages[i] && pages[i]->behind != CHECK_BEHIND_UNKNOWN;
		if (pages[i] == NULL || pages[i]->has_more == WALCU_MORE_UNKNOWN)
			continue;
		if (pages[i]->has_more == WALCU_MORE_NO && pages[i]->behind == CHECK_BEHIND_DOCUMENTS)
			words =
				"says that nothing follows where documents do: scans end too early, and miss the rest. No "
				"option lets pages be read on; the service has to be mended. With fetch_mode 'job' whole "
				"results are read without the header, if jobs work";
		if (pages[i]->has_more == WALCU_MORE_YES && pages[i]->behind == CHECK_BEHIND_NOTHING)
			words = "says that more follow where nothing does: scans ask once more than needed";
		if (words)
		{
			row_add(run, "has-more", CHECK_FAILED, NULL, "The header MAPP-has-more of %s %s.",
					pages[i]->resource, words);
			return;
		}
	}
	if (run->main->has_more == WALCU_MORE_UNKNOWN)
		row_add(run, "has-more", CHECK_DIFFERS, NULL,
				"Replies lack the header MAPP-has-more. Scans ask on until a page is empty.");
	else if (!is_verified)
		row_add(run, "has-more", CHECK_UNKNOWN, NULL,
				"The header MAPP-has-more is there. Whether it is true was not found out. %s",
				run->fullest->no_behind ? run->fullest->no_behind : "");
	else
		row_add(run, "has-more", CHECK_OK, NULL,
				"The header MAPP-has-more says rightly whether documents follow.");
}

/* Is there nothing behind the last document? */
void
paging_check_end(WalcuCheckRun *run)
{
	const WalcuCheckSample *last = run->fullest->behind == CHECK_BEHIND_NOTHING ? run->fullest : run->ended;

	if (run->skip_is_ignored)
		row_add(
			run, "end of pages", CHECK_FAILED, row_drop_option(run, "paging"),
			"The service ignores skip. Documents cannot be counted, and an OFFSET stays with PostgreSQL.");
	else if (run->is_empty_far || (last && last->behind == CHECK_BEHIND_NOTHING))
		row_add(run, "end of pages", CHECK_OK, NULL, "Behind the last document the service answers [].");
	else if (last && last->no_behind)
		row_add(run, "end of pages", last->is_behind_answered ? CHECK_FAILED : CHECK_UNKNOWN, NULL,
				"Behind the last document: %s", last->no_behind);
	else if (run->ended == NULL && run->no_far)
		row_add(run, "end of pages", run->is_far_answered ? CHECK_FAILED : CHECK_UNKNOWN, NULL,
				"Far behind the last document: %s", run->no_far);
	else if (run->ended == NULL)
		row_add(run, "end of pages", CHECK_FAILED, NULL,
				"Far behind the last document the service does not answer [].");
	else
		row_add(run, "end of pages", CHECK_UNKNOWN, NULL, "No resource is known to end with its first page.");
}
