/*
 * write_tally.c
 *	  How many documents were written, by resource and kind of write, with the ids of the first.
 *
 * write_log.c counts for a statement, and rollback.c for a transaction.  While a transaction aborts, memory
 * may be out: what is called then raises no error for that.
 */
#include "postgres.h"

#include "modify/write_tally.h"

#include "base/digest_set.h"
#include "base/text.h"

/* So many ids of each kind are kept. */
#define NAMED 5

/* What is done to documents. */
typedef enum WriteKind
{
	KIND_INSERTED,
	KIND_UPDATED,
	KIND_DELETED
} WriteKind;

/* The words for that, in the order of WriteKind. */
static const char *const words[] = {"inserted", "updated", "deleted"};

struct WalcuWriteTally
{
	WalcuWriteTally *next;                     /* This is the next one of the list. */
	char *server;                              /* This is the name of the server. */
	char *dealer;                              /* This is the dealer; it is empty for none. */
	char *resource;                            /* This is the name of the resource. */
	int64 counts[lengthof(words)];             /* So many documents were written, by kind. */
	WalcuDigestSet documents[lengthof(words)]; /* These are they, but for new ones. */
	char *ids[lengthof(words)][NAMED + 1]; /* These are the ids of the first; the one behind them is NULL. */
};

/* A text that is cut where its room ends. */
typedef struct BoundedText
{
	char *data;    /* This is the text. */
	size_t size;   /* It has room for so many bytes. */
	size_t length; /* It has so many. */
	bool is_cut;   /* Something did not fit. */
} BoundedText;

static WriteKind find_kind_of_method(const char *method);
static WalcuWriteTally *find_tally(WalcuWriteTally *tallies, const char *server, const char *dealer,
								   const char *resource);
static bool has_other_dealer(const WalcuWriteTally *tallies, const WalcuWriteTally *tally);
static void append_tally(WalcuWriteTally **tallies, WalcuWriteTally *tally);
static void add_named(WalcuWriteTally *tally, int kind, char *id);
static void describe_kind(BoundedText *text, const WalcuWriteTally *tally, int kind);
static void append_bounded(BoundedText *text, const char *piece);

/*
 * Counts a document that was written by a request of this method, in the current memory context, which is the
 * transaction's.  id is NULL when it is not known.
 */
void
write_tally_note(WalcuWriteTally **tallies, const WalcuOptions *options, const char *resource,
				 const char *method, const char *id)
{
	const char *dealer = options->dealer_id ? options->dealer_id : "";
	WalcuWriteTally *tally = find_tally(*tallies, options->server_name, dealer, resource);
	WriteKind kind = find_kind_of_method(method);

	if (tally == NULL)
	{
		tally = palloc0(sizeof(WalcuWriteTally));
		tally->server = pstrdup(options->server_name);
		tally->dealer = pstrdup(dealer);
		tally->resource = text_shown(resource, TEXT_OF_ID);
		append_tally(tallies, tally);
	}
	/* a new document is made once */
	if (id && kind != KIND_INSERTED && !digest_set_add(&tally->documents[kind], id))
		return;
	tally->counts[kind]++;
	if (id && tally->counts[kind] <= NAMED)
		add_named(tally, kind, text_shown(id, TEXT_OF_ID));
}

/* Moves what one list has into another one.  It is no error when memory is out. */
void
write_tally_merge(WalcuWriteTally **into, WalcuWriteTally **from)
{
	WalcuWriteTally *next;

	for (WalcuWriteTally *tally = *from; tally; tally = next)
	{
		WalcuWriteTally *same = find_tally(*into, tally->server, tally->dealer, tally->resource);

		next = tally->next;
		if (same == NULL)
		{
			append_tally(into, tally);
			continue;
		}
		for (int kind = 0; kind < lengthof(words); kind++)
		{
			same->counts[kind] +=
				tally->counts[kind] - digest_set_merge(&same->documents[kind], &tally->documents[kind]);
			for (int i = 0; tally->ids[kind][i]; i++)
				add_named(same, kind, tally->ids[kind][i]);
		}
		pfree(tally->server);
		pfree(tally->dealer);
		pfree(tally->resource);
		pfree(tally);
	}
	*from = NULL;
}

/* Describes a list in a text of this size, as sentences.  Nothing is allocated. */
void
write_tally_describe(const WalcuWriteTally *tallies, char *text, size_t size)
{
	BoundedText bounded = {.data = text, .size = size};

	text[0] = '\0';
	for (const WalcuWriteTally *tally = tallies; tally; tally = tally->next)
	{
		const char *separator = ": ";

		append_bounded(&bounded, tally == tallies ? "Server \"" : " Server \"");
		append_bounded(&bounded, tally->server);
		if (has_other_dealer(tallies, tally))
		{
			append_bounded(&bounded, "\", dealer \"");
			append_bounded(&bounded, tally->dealer);
		}
		append_bounded(&bounded, "\", resource \"");
		append_bounded(&bounded, tally->resource);
		append_bounded(&bounded, "\"");
		for (int kind = 0; kind < lengthof(words); kind++)
		{
			if (tally->counts[kind] == 0)
				continue;
			append_bounded(&bounded, separator);
			describe_kind(&bounded, tally, kind);
			separator = ", ";
		}
		append_bounded(&bounded, ".");
	}
}

static WriteKind
find_kind_of_method(const char *method)
{
	if (strcmp(method, "POST") == 0)
		return KIND_INSERTED;
	return strcmp(method, "DELETE") == 0 ? KIND_DELETED : KIND_UPDATED;
}

static WalcuWriteTally *
find_tally(WalcuWriteTally *tallies, const char *server, const char *dealer, const char *resource)
{
	while (tallies && (strcmp(tallies->resource, resource) != 0 || strcmp(tallies->server, server) != 0 ||
					   strcmp(tallies->dealer, dealer) != 0))
		tallies = tallies->next;
	return tallies;
}

/* Tells whether another dealer of the same server is in the list. */
static bool
has_other_dealer(const WalcuWriteTally *tallies, const WalcuWriteTally *tally)
{
	while (tallies &&
		   (strcmp(tallies->server, tally->server) != 0 || strcmp(tallies->dealer, tally->dealer) == 0))
		tallies = tallies->next;
	return tallies != NULL;
}

static void
append_tally(WalcuWriteTally **tallies, WalcuWriteTally *tally)
{
	while (*tallies)
		tallies = &(*tallies)->next;
	*tallies = tally;
	tally->next = NULL;
}

/* Takes an id over, or frees it where there are enough, or it is there. */
static void
add_named(WalcuWriteTally *tally, int kind, char *id)
{
	int count = 0;

	while (tally->ids[kind][count] && strcmp(tally->ids[kind][count], id) != 0)
		count++;
	if (count < NAMED && tally->ids[kind][count] == NULL)
		tally->ids[kind][count] = id;
	else
		pfree(id);
}

static void
describe_kind(BoundedText *text, const WalcuWriteTally *tally, int kind)
{
	char number[32];
	char *const *ids = tally->ids[kind];
	int named = 0;

	snprintf(number, sizeof(number), INT64_FORMAT " ", tally->counts[kind]);
	append_bounded(text, number);
	append_bounded(text, words[kind]);
	for (; ids[named]; named++)
	{
		append_bounded(text, named == 0 ? " (" : ", ");
		append_bounded(text, ids[named]);
	}
	if (named > 0)
		append_bounded(text, tally->counts[kind] > named ? ", ...)" : ")");
}

/* Appends all of a piece, or three dots and nothing any more. */
static void
append_bounded(BoundedText *text, const char *piece)
{
	static const char dots[] = "...";
	size_t length = strlen(piece);

	if (text->is_cut)
		return;
	if (text->length + length + sizeof(dots) > text->size)
	{
		piece = dots;
		length = strlen(dots);
		text->is_cut = true;
	}
	memcpy(text->data + text->length, piece, length + 1);
	text->length += length;
}
