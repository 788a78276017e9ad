/*
 * utf8.h
 *	  Between UTF-8, which the service speaks, and the database's encoding.
 */
#ifndef WALCU_UTF8_H
#define WALCU_UTF8_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

/* Is there nothing to convert? */
static inline bool
utf8_is_server_encoding(void)
{
	return GetDatabaseEncoding() == PG_UTF8;
}

extern bool utf8_to_server(const char *bytes, size_t length, StringInfo text);
extern char *utf8_to_server_escaped(const char *bytes, size_t length);
extern const char *utf8_from_server(const char *text);
extern const char *utf8_require(const char *text);
extern bool utf8_lacks_nothing(void);
extern bool utf8_means_same(const char *text);
extern bool utf8_orders_alike(const char *text);
extern bool utf8_counts_alike(void);

#endif /* WALCU_UTF8_H */
