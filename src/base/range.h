/*
 * range.h
 *	  Ranges of ObjectIds, and how much may be left in one.
 */
#ifndef WALCU_RANGE_H
#define WALCU_RANGE_H

#include "postgres.h"

/* Hexadecimal digits of an ObjectId. */
#define RANGE_ID_LENGTH 24

extern bool range_is_object_id(const char *id);
extern char *range_of_now(void);
extern double range_width(const char *from, const char *to);
extern char *range_middle(const char *from, const char *to);

#endif /* WALCU_RANGE_H */
