/*
 * text.h
 *	  Texts from outside: how messages show them, and what is in them.
 */
#ifndef WALCU_TEXT_H
#define WALCU_TEXT_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

/* A message shows so many bytes of an _id, and of a request. */
#define TEXT_OF_ID      200
#define TEXT_OF_REQUEST 4000

extern char *text_shown(const char *text, int limit);
extern bool text_contains(const char *text, const char *word);
extern char *text_counted(int64 count, const char *noun);
extern bool text_in_list(List *texts, const char *text);
extern List *text_lacking(List *texts, List *others);
extern List *text_sort_unique(List *texts, list_sort_comparator compare);
extern int text_compare_bytes(const ListCell *one, const ListCell *other);
extern char *text_escape_like(const char *text);
extern char *text_take(StringInfo buffer);
extern StringInfo text_make_short(void);
extern void text_init(StringInfo buffer, int room);

#endif /* WALCU_TEXT_H */
