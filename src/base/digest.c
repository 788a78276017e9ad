/*
 * digest.c
 *	  What stands for a text in a hash table.
 *
 * Called by those who remember which documents they have seen (fetch.c, modify.c, commit_queue.c), and
 * what they were answered (reply_cache.c, count_cache.c).
 */
#include "postgres.h"

#include "base/digest.h"

#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"

WalcuDigest
digest_of(const char *text, size_t length)
{
	WalcuDigest digest;

	for (int i = 0; i < lengthof(digest.halves); i++)
		digest.halves[i] = hash_bytes_extended((const unsigned char *) text, (int) length, i);
	return digest;
}

/* Returns what stands for a server where sessions of all databases know it. */
WalcuDigest
digest_of_server(Oid serverid)
{
	Oid server[] = {MyDatabaseId, serverid};

	return digest_of((const char *) server, sizeof(server));
}

/*
 * Returns the digest of what is asked for and with whose credential, as another user may see other
 * documents.
 */
WalcuDigest
digest_of_request(Oid serverid, const char *credential, const char *url)
{
	StringInfoData text;
	WalcuDigest digest;

	initStringInfo(&text);
	appendStringInfo(&text, "%u\n%s\n%s", serverid, credential, url);
	digest = digest_of(text.data, text.len);
	explicit_bzero(text.data, text.len);
	pfree(text.data);
	return digest;
}
