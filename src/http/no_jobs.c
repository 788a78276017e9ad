/*
 * no_jobs.c
 *	  Which servers' background jobs are of no use, as far as this backend has seen.
 *
 * Where a job came to nothing and pages had to be read (fetch.c), the next one would most likely come to the
 * same, after the same wait.  So that is remembered, with the reason, until a server or a user mapping is
 * changed: the planner (path.c, join_path.c) then counts on pages, and a plan that was made before reads them
 * at once.  With fetch_mode 'job' the user wants jobs, whatever came of them.
 */
#include "postgres.h"

#include "http/no_jobs.h"

#include "mb/pg_wchar.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/syscache.h"

typedef struct NoJobsEntry
{
	Oid serverid;                     /* This is the hash key. */
	char reason[NO_JOBS_REASON_SIZE]; /* It says why jobs are of no use. */
} NoJobsEntry;

/* The servers whose jobs are of no use; NULL before the first. */
static HTAB *servers = NULL;

static void create_servers(void);
static void forget_servers(Datum arg, int cache, uint32 hash);

/* Returns why jobs of a server are of no use; NULL where they may be, or fetch_mode 'job' wants them. */
const char *
no_jobs_reason(const WalcuOptions *options)
{
	const NoJobsEntry *entry;

	if (servers == NULL || options->fetch_mode == WALCU_FETCH_JOB)
		return NULL;
	entry = hash_search(servers, &options->serverid, HASH_FIND, NULL);
	return entry ? entry->reason : NULL;
}

/* Remembers why a server's jobs are of no use.  The reason is cut between two characters. */
void
no_jobs_note(const WalcuOptions *options, const char *reason)
{
	int length = pg_mbcliplen(reason, strlen(reason), NO_JOBS_REASON_SIZE - 1);
	NoJobsEntry *entry;

	if (servers == NULL)
		create_servers();
	entry = hash_search(servers, &options->serverid, HASH_ENTER, NULL);
	memcpy(entry->reason, reason, length);
	entry->reason[length] = '\0';
}

static void
create_servers(void)
{
	HASHCTL control = {.keysize = sizeof(Oid), .entrysize = sizeof(NoJobsEntry)};

	servers = hash_create("walcu_fdw servers without jobs", 8, &control, HASH_ELEM | HASH_BLOBS);
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, forget_servers, (Datum) 0);
	CacheRegisterSyscacheCallback(USERMAPPINGOID, forget_servers, (Datum) 0);
}

/*
 * PostgreSQL tells of a changed or dropped server, or user mapping, at any time.  Which one it was does not
 * matter: changes are rare, and one job more is all that forgetting costs.
 */
static void
forget_servers(Datum arg, int cache, uint32 hash)
{
	HASH_SEQ_STATUS status;
	NoJobsEntry *entry;

	hash_seq_init(&status, servers);
	while ((entry = hash_seq_search(&status)) != NULL)
		hash_search(servers, &entry->serverid, HASH_REMOVE, NULL);
}
