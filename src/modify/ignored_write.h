/*
 * ignored_write.h
 *	  What the service has not kept of what was written.
 */
#ifndef WALCU_IGNORED_WRITE_H
#define WALCU_IGNORED_WRITE_H

#include "postgres.h"

#include "json/decode.h"
#include "lib/stringinfo.h"
#include "service/option.h"

/* This is the SQLSTATE of the warning, and of the error where the option asks for that. */
#define WALCU_WARNING_IGNORED_WRITE MAKE_SQLSTATE('0', '1', 'W', 'F', '2')

/* A column that sets places. */
typedef struct WalcuSetColumn
{
	const char *name; /* This is its name. */
	bool is_json;     /* Its values are JSON, which the service may cast to other types of JSON. */
} WalcuSetColumn;

/* What the service has not kept of the writes of a statement to one table. */
typedef struct WalcuIgnoredWrites
{
	const WalcuOptions *options; /* These are the options of the table. */
	MemoryContext context;       /* The lists are in it. */
	List *columns;               /* These are the columns (of char *). */
	List *missing;               /* These places (of char *) did not come back. */
	List *changed;               /* These places (of char *) came back as something else. */
	List *documents;             /* These are the first of the documents (of char *). */
	int64 count;                 /* There are so many documents. */
	bool is_unread;              /* A reply could not be compared with what was written. */
} WalcuIgnoredWrites;

extern void ignored_write_add_set(StringInfo sets, const WalcuSetColumn *column, const char *path,
								  char separator, const char *value);
extern void ignored_write_add_members(StringInfo sets, const WalcuSetColumn *column, const char *document);
extern char *ignored_write_sets_text(StringInfo sets);
extern bool ignored_write_note(WalcuIgnoredWrites *ignored, const char *sets, StringInfo reply,
							   const char *id);
extern ErrorData *ignored_write_make_error(const WalcuIgnoredWrites *ignored);
extern void ignored_write_raise(const WalcuIgnoredWrites *ignored, int level);

#endif /* WALCU_IGNORED_WRITE_H */
