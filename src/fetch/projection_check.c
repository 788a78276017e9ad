/*
 * projection_check.c
 *	  Does the service send the fields that it is asked for?
 *
 * A service that understands `project` in another format sends documents with nothing but an _id, and each
 * column would be NULL.  So fetch.c holds documents back here until one has another member; then that is
 * known for the session.  If none of the first ones has, the fetch begins again with whole documents, which
 * is right in any case; and when a field that was missing is found in one of them, the service is not asked
 * for fields any more.
 */
#include "postgres.h"

#include "fetch/projection_check.h"

#include "base/compat.h"
#include "catalog/pg_type.h"
#include "fetch/document_values.h"
#include "pushdown/projection.h"
#include "service/learned.h"
#include "utils/memutils.h"

/* So many documents with nothing but an _id are enough, of a reply that may be long. */
#define ENOUGH_DOCUMENTS 50

static bool names_fields(const WalcuQuery *query);
static bool has_missed(WalcuProjectionCheck *check, const WalcuQuery *query, const WalcuDocument *document);
static char *make_sparse_key(const WalcuQuery *query);
static void prepare_missed(WalcuProjectionCheck *check, const WalcuQuery *query);
static void note_misunderstood(const WalcuOptions *options);

/* Begins with what is known already: a query may not ask for fields any more. */
void
projection_check_begin(WalcuProjectionCheck *check, WalcuQuery *query)
{
	if (!names_fields(query))
		return;
	if (query_is_unprojected(query) ||
		learned_tells(WALCU_LEARNED_SPARSE, query->options, make_sparse_key(query)))
		query->project = NIL;
	else
		check->open = !learned_tells(WALCU_LEARNED_PROJECTED, query->options, query->options->dealer_id);
}

/*
 * Looks at documents that were not given yet.  Returns true when they lack all fields, so that the cursors
 * have to begin again: the query asks for whole documents from then on.
 */
bool
projection_check_settle(WalcuProjectionCheck *check, WalcuQuery *query, List *cursors)
{
	bool is_suspicious = false;
	ListCell *lc;

	if (!check->open)
		return false;
	foreach(lc, cursors)
	{
		const WalcuPage *page = ((WalcuCursor *) lfirst(lc))->page;

		for (int i = 0; page && i < page->documents && i < ENOUGH_DOCUMENTS; i++)
		{
			if (page_has_only_id(page, i))
				continue;
			check->open = false;
			learned_note(WALCU_LEARNED_PROJECTED, query->options, query->options->dealer_id);
			return false;
		}
		is_suspicious |= page && page->documents > 0 &&
						 (page->whole || page->broken || page->documents >= ENOUGH_DOCUMENTS);
	}
	if (!is_suspicious)
		return false;
	/* if they are not there, they are not asked for again */
	learned_note(WALCU_LEARNED_SPARSE, query->options, make_sparse_key(query));
	check->open = false;
	check->missed = query->project;
	prepare_missed(check, query);
	query->project = NIL;
	return true;
}

/* Are documents of a cursor that are here not given yet? */
bool
projection_check_holds(const WalcuProjectionCheck *check, const WalcuCursor *cursor)
{
	return check->open && cursor->page && cursor->page->documents > 0;
}

/* Looks for the fields that were missing in a whole document. */
void
projection_check_document(WalcuProjectionCheck *check, const WalcuQuery *query, const WalcuDocument *document)
{
	MemoryContext before = MemoryContextSwitchTo(check->context);

	if (has_missed(check, query, document))
	{
		check->missed = NIL;
		note_misunderstood(query->options);
	}
	MemoryContextSwitchTo(before);
	MemoryContextReset(check->context);
}

static bool
has_missed(WalcuProjectionCheck *check, const WalcuQuery *query, const WalcuDocument *document)
{
	int fields = list_length(check->missed);
	Datum *values = palloc0(fields * sizeof(Datum));
	bool *nulls = palloc0(fields * sizeof(bool));

	for (int i = 0; i < fields; i++)
		nulls[i] = true;
	document_values(check->decoder, document, query->credential, values, nulls);
	for (int i = 0; i < fields; i++)
	{
		if (!nulls[i] && strcmp(list_nth(check->missed, i), "_id") != 0)
			return true;
	}
	return false;
}

static bool
names_fields(const WalcuQuery *query)
{
	return list_length(query->project) > 1 && query->strategy != WALCU_BY_ID &&
		   query->options->project_format != WALCU_FORMAT_NONE;
}

/* Says which fields of which dealer's documents are often missing. */
static char *
make_sparse_key(const WalcuQuery *query)
{
	return psprintf("%s\n%s", query->options->dealer_id,
					projection_field_list(query->options->project_format, query->project));
}

static void
prepare_missed(WalcuProjectionCheck *check, const WalcuQuery *query)
{
	int fields = list_length(check->missed);
	TupleDesc columns = CreateTemplateTupleDesc(fields);

	for (int i = 0; i < fields; i++)
		TupleDescInitEntry(columns, i + 1, "field", JSONOID, -1, 0);
	compat_finish_descriptor(columns);
	check->context = AllocSetContextCreate(CurrentMemoryContext, "walcu fields", ALLOCSET_SMALL_SIZES);
	check->decoder = decode_prepare(query->options, columns);
	for (int i = 0; i < fields; i++)
		decode_want(check->decoder, i, list_nth(check->missed, i));
}

static void
note_misunderstood(const WalcuOptions *options)
{
	WalcuOptions server = *options;

	server.resource = "";
	learned_note(WALCU_LEARNED_UNPROJECTED, &server, "");
	ereport(WARNING, errcode(ERRCODE_WARNING),
			errmsg("server \"%s\" does not send the fields that it is asked for", options->server_name),
			errdetail("Documents of resource \"%s\" had nothing but an _id when other fields of theirs were "
					  "asked for.",
					  options->resource),
			errhint("Whole documents are read in this session.  Set the server option project_format to the "
					"format that the service understands, or to 'none'."));
}
