/*
 * fuzz_split.c
 *	  Does split.c find the documents that PostgreSQL's parser finds, however the bytes arrive?
 *
 * The first line says how many levels deep a document may be (0 for any), and how many bytes come at a time,
 * in turn ('0' for all that are left).  Whether a document is JSON is not split's business: a reply is good
 * when split takes it to its end and each of its documents is good.
 */
#include "postgres.h"

#include "fuzz.h"
#include "json/split.h"
#include "mb/pg_wchar.h"
#include "truth.h"

/* The documents of a reply, as split.c found them. */
typedef struct Documents
{
	WalcuSplitResult result; /* of the last call */
	bool too_deep;
	int count;
	WalcuSpan *spans;
} Documents;

static Documents split_in_pieces(const char *reply, size_t length, int max_depth, FuzzInput sizes);
static void compare_pieces(const Documents *pieces, const Documents *whole);
static void compare_truth(const Documents *found, const char *reply, size_t length, int max_depth);
static void compare_document(const TruthValue *document, const WalcuSpan *span, const char *reply);
static bool are_documents(const Documents *found, const char *reply);
static const TruthMember *last_id(const TruthValue *document);

void
fuzz_split(FuzzInput *input)
{
	FuzzInput line = fuzz_line(input);
	int max_depth = Max(fuzz_choice(&line), 0);
	size_t length = input->end - input->at;
	FuzzInput all = {NULL, NULL};
	Documents pieces = split_in_pieces(input->at, length, max_depth, line);
	Documents whole = split_in_pieces(input->at, length, max_depth, all);

	compare_pieces(&pieces, &whole);
	/* other bytes are refused later */
	if (pg_verify_mbstr(PG_UTF8, input->at, length, true))
		compare_truth(&whole, input->at, length, max_depth);
}

/* As page.c does: each call has what arrived since the oldest byte that is still needed. */
static Documents
split_in_pieces(const char *reply, size_t length, int max_depth, FuzzInput sizes)
{
	WalcuSplitter splitter = {.max_depth = max_depth};
	Documents found = {.result = WALCU_SPLIT_MORE};
	FuzzInput size = sizes;
	size_t arrived = 0;
	WalcuSpan span;

	found.spans = palloc((length / 2 + 1) * sizeof(WalcuSpan));
	do
	{
		int choice = fuzz_choice(&size);
		uint64 base = split_needed_from(&splitter);
		char *data;

		if (size.at == size.end)
			size = sizes;
		arrived = choice > 0 ? Min(arrived + choice, length) : length;
		data = fuzz_copy(reply + base, arrived - base, 0);
		while ((found.result = split_next(&splitter, data, base, arrived - base, &span)) ==
			   WALCU_SPLIT_DOCUMENT)
			found.spans[found.count++] = span;
	} while (arrived < length && found.result != WALCU_SPLIT_MALFORMED);
	found.too_deep = splitter.too_deep;
	return found;
}

static void
compare_pieces(const Documents *pieces, const Documents *whole)
{
	if (pieces->result != whole->result || pieces->count != whole->count ||
		pieces->too_deep != whole->too_deep)
		fuzz_finding("in pieces %d documents, result %d, too deep %d; at once %d, %d, %d", pieces->count,
					 pieces->result, pieces->too_deep, whole->count, whole->result, whole->too_deep);
	for (int i = 0; i < whole->count; i++)
	{
		if (memcmp(&pieces->spans[i], &whole->spans[i], sizeof(WalcuSpan)) != 0)
			fuzz_finding("document %d in pieces is another one than at once", i);
	}
}

static void
compare_truth(const Documents *found, const char *reply, size_t length, int max_depth)
{
	TruthValue *truth = truth_parse(reply, length);
	List *documents = NIL;
	bool good = false;
	bool too_deep = false;
	ListCell *lc;

	if (truth && truth->text[0] == '{')
		documents = list_make1(truth);
	else if (truth && truth->text[0] == '[')
		documents = truth->elements;
	good = truth && (truth->text[0] == '{' || truth->text[0] == '[');
	foreach(lc, documents)
	{
		const TruthValue *document = lfirst(lc);

		good &= (document->text[0] == '{');
		too_deep |= (max_depth > 0 && document->depth > max_depth);
	}
	if (good != (found->result == WALCU_SPLIT_END && are_documents(found, reply)))
		fuzz_finding("to PostgreSQL a list of documents: %d; result %d", good, found->result);
	if (!good)
		return;
	if (found->count != list_length(documents) || found->too_deep != too_deep)
		fuzz_finding("%d documents, too deep %d, instead of %d, %d", found->count, found->too_deep,
					 list_length(documents), too_deep);
	for (int i = 0; i < found->count; i++)
	{
		const TruthValue *document = list_nth(documents, i);

		if (found->spans[i].start != document->text - truth->text + strspn(reply, " \t\r\n") ||
			found->spans[i].length != document->length)
			fuzz_finding("document %d is not where it stands", i);
		compare_document(document, &found->spans[i], reply);
	}
}

/* Its _id is the last member with that name, if that is a string. */
static void
compare_document(const TruthValue *document, const WalcuSpan *span, const char *reply)
{
	const TruthMember *id = last_id(document);
	const char *text = reply + span->start + span->id_start;

	if (id == NULL || id->value->text[0] != '"')
	{
		if (span->id_length > 0)
			fuzz_finding("there is no _id that is a string, but %.*s is found", span->id_length, text);
	}
	else if (span->id_length != id->value->length - 2 ||
			 (span->id_length > 0 && memcmp(text, id->value->text + 1, span->id_length) != 0))
		fuzz_finding("the _id is %.*s, not %.*s", id->value->length, id->value->text, span->id_length, text);
}

static bool
are_documents(const Documents *found, const char *reply)
{
	for (int i = 0; i < found->count; i++)
	{
		const TruthValue *document = truth_parse(reply + found->spans[i].start, found->spans[i].length);

		if (document == NULL || document->text[0] != '{')
			return false;
	}
	return true;
}

static const TruthMember *
last_id(const TruthValue *document)
{
	const TruthMember *last = NULL;
	ListCell *lc;

	foreach(lc, document->members)
	{
		const TruthMember *member = lfirst(lc);
		char *key = truth_string(member->key, member->key_length);

		if (key && strcmp(key, "_id") == 0)
			last = member;
	}
	return last;
}
