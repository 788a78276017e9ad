/*
 * objectid.h
 *	  MongoDB's ids: making one, and measuring how far apart two are.
 */
#ifndef WALCU_OBJECTID_H
#define WALCU_OBJECTID_H

#include "postgres.h"

/* Hexadecimal digits of an ObjectId. */
#define OBJECTID_LENGTH 24

extern char *objectid_create(void);
extern bool objectid_is_valid(const char *id);
extern bool objectid_is_cast(const char *id);
extern bool objectid_is_same(const char *one, const char *other);
extern char *objectid_as_written(const char *id);
extern char *objectid_below(const char *text);
extern char *objectid_above(const char *text);
extern char *objectid_behind_prefix(const char *prefix);
extern char *objectid_of_now(void);
extern double objectid_width(const char *from, const char *to);
extern char *objectid_middle(const char *from, const char *to);

#endif /* WALCU_OBJECTID_H */
