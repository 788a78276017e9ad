/*
 * range.h
 *	  Ranges of ObjectIds, and how much may be left in one.
 */
#ifndef WALCU_RANGE_H
#define WALCU_RANGE_H

#include "postgres.h"

/* Hexadecimal digits of an ObjectId. */
#define RANGE_ID_LENGTH 24

extern bool objectid_is_valid(const char *id);
extern char *objectid_of_now(void);
extern double objectid_width(const char *from, const char *to);
extern char *objectid_middle(const char *from, const char *to);

#endif /* WALCU_RANGE_H */
