/*
 * digest.h
 *	  What stands for a text in a hash table: 128 bits, so that two are never the same, and memory is small.
 */
#ifndef WALCU_DIGEST_H
#define WALCU_DIGEST_H

#include "postgres.h"

typedef struct WalcuDigest
{
	uint64 halves[2]; /* These are two hashes of the text. */
} WalcuDigest;

extern WalcuDigest digest_of(const char *text, size_t length);
extern WalcuDigest digest_of_server(Oid serverid);
extern WalcuDigest digest_of_request(Oid serverid, const char *credential, const char *url);

#endif /* WALCU_DIGEST_H */
