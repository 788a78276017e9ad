/*
 * granted_rate.c
 *	  When may the next request to a server be sent that answers 429 to too many?
 *
 * Services do not tell the rate that they grant, and the time in Retry-After is the same for all who come
 * too soon: they would come back together, and most of them be refused again.  So once several were
 * refused, all sessions together keep a rate that is learned: it grows with what is served and shrinks with
 * what is refused. Requests draw tickets, and begin in their order, evenly spaced; so each session gets the
 * same share.
 *
 * A rate is kept only while there is reason to: a service may answer 429 now and then whatever the rate is.
 *
 * transfer.c notes what was served and refused, and line.c asks before a request begins.  Nothing here
 * waits. All backends share what is known (shared_table.c); where PostgreSQL can spare no memory for it,
 * each learns for itself.
 */
#include "postgres.h"

#include "http/granted_rate.h"

#include "base/shared_table.h"
#include "http/curl_multi.h"

/* So many servers can be known at once. */
#define ENTRIES 128

/* By this name backends find the table: another layout needs another name. */
#define TABLE_NAME "walcu_fdw rates granted"

/* Nothing is known any more of a server that was not asked for so many milliseconds. */
#define LIFETIME (60 * 1000)

/* Requests a second: what a server begins with that has refused one, and what is not worth keeping. */
#define FIRST_RATE   10.0
#define HIGHEST_RATE 1000.0

/*
 * The way to the rate: each request that is served raises it by so many a second, but by this part at most.
 */
#define RISE      2.0
#define RISE_PART 0.25

/*
 * Refused while it rose: it was a little too much.  The third one in a row: it was far too much, and rises
 * anew.
 */
#define AFTER_RISE_CROWDED 0.95
#define AFTER_RISE_ALONE   0.8
#define IN_A_ROW           3
#define FAR_LESS           0.7

/* Who waits for a ticket looks again after so many milliseconds, as the rate may have changed. */
#define LONGEST_LOOK 250.0

/* A request that comes late must not be followed too closely: this much of the time between two stays. */
#define LEAST_GAP 0.95

/*
 * A rate is kept once there is so much doubt: each refusal adds so much, and each request served takes 1
 * away.
 */
#define DOUBT_OF_REFUSAL 10
#define DOUBT_TO_LIMIT   30

/*
 * In so many milliseconds without a refusal a rate grows by that part, and the faster the longer there is
 * none. Where others wait for their turn, so many at least, a refusal costs little, as they send meanwhile.
 * Who is nearly alone loses the whole pause that the service asks for: so many of them pass for one that is
 * lost.
 */
#define CROWD          4
#define GROWTH         0.05
#define CROWDED_PERIOD 2000
#define PAUSES         20

/* What is no pause to speak of, in milliseconds. */
#define SHORTEST_PAUSE 200

/*
 * Each refusal leaves this part of a rate; and when this is left of one that had been good, it rises again.
 */
#define DECLINE_CROWDED 0.98
#define DECLINE_ALONE   0.95
#define DECLINE_MOST    0.8

typedef struct GrantedRate
{
	WalcuSharedEntry entry; /* The server was last asked at its age (by walcu_curl_multi_now). */
	double rate;            /* So many requests a second are sent; 0 as long as none was refused. */
	bool is_rising;         /* None was refused yet since it began to rise. */
	int64 last;             /* So many tickets were drawn. */
	int64 sent;             /* Of those whose requests were sent, this is the last one. */
	double turn;            /* It is the turn of this ticket, */
	double turned_at;       /* by then. */
	double sent_at;         /* A request was sent then. */
	double lowered_at;      /* The rate was lowered then; what began before says nothing of it. */
	double proved;          /* Since it began to rise, requests that were sent at this rate were served. */
	double settled;         /* This rate seemed to be the right one. */
	double pause;           /* The service last asked for a pause of so many milliseconds. */
	int doubt;              /* There is so much reason to keep a rate. */
	int served;             /* So many requests were served since then. */
	int refused;            /* So many were refused in a row. */
} GrantedRate;

static WalcuSharedTable rates = {
	.name = TABLE_NAME, .entry_size = sizeof(GrantedRate), .entries = ENTRIES, .is_small = true};

static GrantedRate *find_rate(Oid serverid, double now);
static void turn_tickets(GrantedRate *granted, double now);
static void raise_rate(GrantedRate *granted, double now);
static void lower_rate(GrantedRate *granted);
static void begin_rise(GrantedRate *granted, double rate);
static bool is_crowded(const GrantedRate *granted);

/* Called from _PG_init. */
void
granted_rate_init(void)
{
	shared_table_announce(&rates);
}

/*
 * Returns the milliseconds after which to ask again; 0 when a request is to be sent now.  ticket is 0 at
 * first, and then that of the request; whoever does not send it gives it back.  A session has one at a
 * time.  rate becomes the rate at which the request is sent, for granted_rate_note_served.
 */
double
granted_rate_wait(Oid serverid, int64 *ticket, double *rate)
{
	double now = walcu_curl_multi_now();
	double wait = 0;
	GrantedRate *granted;

	*rate = 0;
	shared_table_lock(&rates);
	granted = find_rate(serverid, now);
	if (granted && granted->rate > 0)
	{
		double gap = 1000 / granted->rate;

		granted->entry.age = Max(granted->entry.age, (int64) now);
		turn_tickets(granted, now);
		if (*ticket == 0)
			*ticket = ++granted->last;
		wait = Max((*ticket - granted->turn) * gap, granted->sent_at + LEAST_GAP * gap - now);
		if (wait <= 0)
		{
			/* the next one has its turn after this one, which may be late */
			granted->sent = Max(granted->sent, *ticket);
			granted->turn = Min(granted->turn, granted->sent);
			granted->sent_at = now;
			*ticket = 0;
			*rate = granted->rate;
		}
	}
	shared_table_unlock(&rates);
	return Max(Min(wait, LONGEST_LOOK), 0);
}

/*
 * Draw a ticket beforehand for a request that may be sent in so many milliseconds, where so many others wait
 * that it would not have its turn before: whoever was refused does not stand behind all who have come since.
 */
void
granted_rate_draw(Oid serverid, int64 *ticket, double delay)
{
	double now = walcu_curl_multi_now();
	GrantedRate *granted;

	shared_table_lock(&rates);
	granted = find_rate(serverid, now);
	if (granted && granted->rate > 0 && *ticket == 0)
	{
		turn_tickets(granted, now);
		if ((granted->last + 1 - granted->turn) * 1000 / granted->rate > delay)
			*ticket = ++granted->last;
	}
	shared_table_unlock(&rates);
}

/* Give back a ticket that was not used, which is of use for the last one drawn.  Raises nothing. */
void
granted_rate_give_back(Oid serverid, int64 *ticket)
{
	GrantedRate *granted;

	if (*ticket == 0)
		return;
	shared_table_lock(&rates);
	granted = find_rate(serverid, walcu_curl_multi_now());
	if (granted && granted->last == *ticket && granted->sent < *ticket)
	{
		granted->last--;
		granted->turn = Min(granted->turn, granted->last + 1);
	}
	shared_table_unlock(&rates);
	*ticket = 0;
}

/* A server has answered a request that was sent at this rate, and did not refuse it as one too many. */
void
granted_rate_note_served(Oid serverid, double rate)
{
	double now = walcu_curl_multi_now();
	GrantedRate *granted;

	shared_table_lock(&rates);
	granted = find_rate(serverid, now);
	if (granted && granted->rate > 0)
	{
		turn_tickets(granted, now);
		granted->proved = Max(granted->proved, rate);
		raise_rate(granted, now);
	}
	if (granted)
		granted->doubt = Max(granted->doubt - 1, 0);
	shared_table_unlock(&rates);
}

/*
 * A server has refused a request that began then, and asks for a pause of so many milliseconds; 0 for none.
 */
void
granted_rate_note_refused(Oid serverid, double began_at, double pause)
{
	double now = walcu_curl_multi_now();
	WalcuDigest key = digest_of_server(serverid);
	GrantedRate *granted;

	shared_table_lock(&rates);
	granted = find_rate(serverid, now);
	if (granted == NULL)
		granted = shared_table_enter(&rates, &key);
	turn_tickets(granted, now);
	pause = Min(pause, LIFETIME);
	granted->pause = pause;
	granted->doubt = Min(granted->doubt + DOUBT_OF_REFUSAL, DOUBT_TO_LIMIT);
	if (granted->rate == 0 && granted->doubt == DOUBT_TO_LIMIT)
	{
		granted->settled = FIRST_RATE;
		begin_rise(granted, FIRST_RATE);
		granted->sent_at = granted->lowered_at = granted->turned_at = now;
		granted->turn = granted->sent = granted->last;
		granted->served = granted->refused = 0;
	}
	else if (granted->rate > 0 && began_at > granted->lowered_at)
	{
		lower_rate(granted);
		granted->lowered_at = now;
	}
	granted->entry.age = Max(granted->entry.age, (int64) (now + pause));
	shared_table_unlock(&rates);
}

/* What is known of a server; NULL for nothing, or nothing that is not too old.  The table is locked. */
static GrantedRate *
find_rate(Oid serverid, double now)
{
	WalcuDigest key = digest_of_server(serverid);
	GrantedRate *granted = shared_table_find(&rates, &key);

	if (granted && now - granted->entry.age > LIFETIME)
		granted->rate = granted->doubt = 0;
	return granted;
}

/*
 * Lets the turn come to as many tickets as the time allows; where all had theirs, the next one may go at
 * once.
 */
static void
turn_tickets(GrantedRate *granted, double now)
{
	granted->turn += (now - granted->turned_at) * granted->rate / 1000;
	granted->turn = Min(granted->turn, granted->last + 1);
	granted->turned_at = now;
}

static void
raise_rate(GrantedRate *granted, double now)
{
	double period = is_crowded(granted) ? CROWDED_PERIOD : Max(PAUSES * granted->pause, CROWDED_PERIOD);
	double passed = (now - granted->lowered_at) / period;

	granted->served++;
	granted->refused = 0;
	if (granted->is_rising)
		granted->rate += Min(RISE, granted->rate * RISE_PART);
	else
		granted->rate += GROWTH * (1 + passed * passed) * 1000 / period;
	if (granted->is_rising || passed > 1)
		granted->settled = granted->rate;
	if (granted->rate > HIGHEST_RATE)
		granted->rate = 0;
}

static void
lower_rate(GrantedRate *granted)
{
	granted->refused++;
	if (granted->refused >= IN_A_ROW || (granted->is_rising && granted->served == 0))
		begin_rise(granted, granted->rate * FAR_LESS);
	else if (granted->is_rising)
	{
		/* while the refusal was on its way it rose on */
		if (granted->proved > 0)
			granted->rate = Min(granted->rate, granted->proved);
		granted->rate *= is_crowded(granted) ? AFTER_RISE_CROWDED : AFTER_RISE_ALONE;
		granted->settled = granted->rate;
		granted->is_rising = false;
	}
	else
	{
		granted->rate *= is_crowded(granted) ? DECLINE_CROWDED : DECLINE_ALONE;
		if (granted->rate < DECLINE_MOST * granted->settled)
			begin_rise(granted, granted->rate);
	}
	granted->served = 0;
	/* that often the service has asked to come itself */
	granted->rate = Max(granted->rate, 1000 / Max(granted->pause, SHORTEST_PAUSE));
}

/* From this rate. */
static void
begin_rise(GrantedRate *granted, double rate)
{
	granted->rate = rate;
	granted->is_rising = true;
	granted->proved = 0;
}

static bool
is_crowded(const GrantedRate *granted)
{
	return granted->last - granted->turn >= CROWD;
}
