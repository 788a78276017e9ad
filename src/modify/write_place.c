/*
 * write_place.c
 *	  How messages name writes: by server and dealer, too, where there are several.
 *
 * "tasks/64f0" names a document where the message is about one server and one dealer.  Where a statement
 * writes to others, or reads them, the error may be theirs: then a name says whose document it is.
 * write_log.c and commit_queue.c keep names here until a message needs them, as others may come later.
 */
#include "postgres.h"

#include "modify/write_place.h"

#include "base/text.h"
#include "lib/stringinfo.h"

static bool are_same_dealers(const char *one, const char *other);

/*
 * Adds a place, if it is not there yet, in the current memory context.  A dealer that is NULL is none that
 * documents could be taken for.
 */
const WalcuWritePlace *
write_place_add(WalcuWritePlaces *places, const char *server, const char *dealer)
{
	WalcuWritePlace *added;
	ListCell *lc;

	foreach(lc, places->places)
	{
		const WalcuWritePlace *place = lfirst(lc);

		if (strcmp(place->server, server) == 0 && are_same_dealers(place->dealer, dealer))
			return place;
	}
	foreach(lc, places->places)
	{
		const WalcuWritePlace *place = lfirst(lc);
		bool is_same = strcmp(place->server, server) == 0;

		places->has_servers |= !is_same;
		places->has_dealers |= is_same && place->dealer && dealer;
	}
	added = palloc(sizeof(WalcuWritePlace));
	added->server = pstrdup(server);
	added->dealer = dealer ? pstrdup(dealer) : NULL;
	places->places = lappend(places->places, added);
	return added;
}

/* Names a document.  id is NULL when it is not known. */
WalcuNamedWrite *
write_place_name_document(const WalcuWritePlace *place, const char *resource, const char *id)
{
	WalcuNamedWrite *write = palloc0(sizeof(WalcuNamedWrite));

	write->document = id ? psprintf("%s/%s", resource, text_shown(id, TEXT_OF_ID))
						 : psprintf("one of \"%s\" whose _id is not known", resource);
	write->place = place;
	return write;
}

/* Names a request, and the document that it makes if the _id of that is known; else new_id is NULL. */
WalcuNamedWrite *
write_place_name_request(const WalcuWritePlace *place, const char *request, const char *resource,
						 const char *new_id)
{
	WalcuNamedWrite *write = palloc0(sizeof(WalcuNamedWrite));

	write->request = text_shown(request, TEXT_OF_REQUEST);
	if (new_id)
		write->document = psprintf("%s/%s", resource, text_shown(new_id, TEXT_OF_ID));
	write->place = place;
	return write;
}

/* Returns texts (of char *) for writes (of WalcuNamedWrite *). */
List *
write_place_texts(const WalcuWritePlaces *places, List *writes)
{
	List *texts = NIL;
	ListCell *lc;

	foreach(lc, writes)
	{
		const WalcuNamedWrite *write = lfirst(lc);
		const char *separator = " (";
		StringInfoData text;

		initStringInfo(&text);
		appendStringInfoString(&text, write->request ? write->request : write->document);
		if (write->request && write->document)
		{
			appendStringInfo(&text, "%s%s", separator, write->document);
			separator = ", ";
		}
		if (places->has_servers)
		{
			appendStringInfo(&text, "%sserver \"%s\"", separator, write->place->server);
			separator = ", ";
		}
		if (places->has_dealers && write->place->dealer)
		{
			appendStringInfo(&text, "%sdealer \"%s\"", separator, write->place->dealer);
			separator = ", ";
		}
		if (separator[0] == ',')
			appendStringInfoChar(&text, ')');
		texts = lappend(texts, text.data);
	}
	return texts;
}

void
write_place_free_names(List *writes)
{
	ListCell *lc;

	foreach(lc, writes)
	{
		WalcuNamedWrite *write = lfirst(lc);

		if (write->request)
			pfree(write->request);
		if (write->document)
			pfree(write->document);
		pfree(write);
	}
	list_free(writes);
}

void
write_place_free(WalcuWritePlaces *places)
{
	ListCell *lc;

	foreach(lc, places->places)
	{
		WalcuWritePlace *place = lfirst(lc);

		pfree(place->server);
		if (place->dealer)
			pfree(place->dealer);
		pfree(place);
	}
	list_free(places->places);
	memset(places, 0, sizeof(*places));
}

static bool
are_same_dealers(const char *one, const char *other)
{
	return one && other ? strcmp(one, other) == 0 : one == other;
}
