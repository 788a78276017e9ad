/*
 * learned_sort.c
 *	  Whether a service sorts, as far as this session has seen.
 *
 * Those who read documents (order_probe.c, last_page.c) note here what they have seen, so that it is asked
 * for once, and later plans and scans do not rely on a sort that is ignored.
 */
#include "postgres.h"

#include "service/learned_sort.h"

#include "service/learned.h"
#include "utils/plancache.h"

static bool tells_of_service(WalcuLearned kind, const WalcuOptions *options);
static void note_of_service(WalcuLearned kind, const WalcuOptions *options);
static WalcuOptions make_service_options(const WalcuOptions *options);
static char *format_service(const WalcuOptions *options);

/* Tells what is known of how the service sorts the documents of the options' resource. */
WalcuLearnedSort
learned_sort(const WalcuOptions *options)
{
	const char *dealer = options->dealer_id;

	if (options->sort_format == WALCU_FORMAT_NONE || learned_tells(WALCU_LEARNED_UNSORTED, options, dealer))
		return WALCU_SORT_IGNORED;
	if (tells_of_service(WALCU_LEARNED_SORTED, options))
		return WALCU_SORT_BY_ANY_KEYS;
	return tells_of_service(WALCU_LEARNED_SORTED_BY_ID, options) ? WALCU_SORT_BY_ID : WALCU_SORT_UNKNOWN;
}

/* Notes that the service was seen to sort so; what is known already may be more. */
void
learned_sort_note(const WalcuOptions *options, WalcuLearnedSort sort)
{
	note_of_service(sort == WALCU_SORT_BY_ID ? WALCU_LEARNED_SORTED_BY_ID : WALCU_LEARNED_SORTED, options);
}

/* Tells whether what is learned of how the one's service sorts holds for the other. */
bool
learned_sort_is_shared(const WalcuOptions *options, const WalcuOptions *other)
{
	return strcmp(options->endpoint, other->endpoint) == 0 && options->sort_format == other->sort_format &&
		   strcmp(options->resource, other->resource) == 0;
}

/*
 * Notes that the service does not sort, and tells the user once for a server.  Plans that rely on an order
 * are made again.
 */
void
learned_sort_note_ignored(const WalcuOptions *options, const char *detail)
{
	WalcuOptions server = *options;

	learned_note(WALCU_LEARNED_UNSORTED, options, options->dealer_id);
	ResetPlanCache();
	server.resource = "";
	if (learned_tells(WALCU_LEARNED_UNSORTED, &server, ""))
		return;
	learned_note(WALCU_LEARNED_UNSORTED, &server, "");
	ereport(WARNING, errcode(ERRCODE_WARNING),
			errmsg("server \"%s\" does not sort as it is asked to", options->server_name),
			errdetail("%s", detail),
			errhint("Rows are sorted here in this session, which may take more requests.  Set the server "
					"option sort_format to the format that the service understands, or to 'none'."));
}

/* Tells whether to ask the service may be in vain, as it was once, where there were too few documents. */
bool
learned_sort_probe_is_idle(const WalcuOptions *options)
{
	return learned_tells(WALCU_LEARNED_IDLE_PROBE, options, options->dealer_id);
}

void
learned_sort_note_idle_probe(const WalcuOptions *options)
{
	learned_note(WALCU_LEARNED_IDLE_PROBE, options, options->dealer_id);
}

/* One service sorts alike for all dealers, whose servers may be many. */
static bool
tells_of_service(WalcuLearned kind, const WalcuOptions *options)
{
	WalcuOptions service = make_service_options(options);
	char *about = format_service(options);
	bool is_known = learned_tells(kind, &service, about);

	pfree(about);
	return is_known;
}

static void
note_of_service(WalcuLearned kind, const WalcuOptions *options)
{
	WalcuOptions service = make_service_options(options);
	char *about = format_service(options);

	learned_note(kind, &service, about);
	pfree(about);
}

static WalcuOptions
make_service_options(const WalcuOptions *options)
{
	WalcuOptions service = *options;

	service.serverid = InvalidOid;
	return service;
}

static char *
format_service(const WalcuOptions *options)
{
	return psprintf("%d %s", options->sort_format, options->endpoint);
}
