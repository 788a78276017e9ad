/*
 * case_variant.h
 *	  Which characters can be the same as a given one where upper and lower case are.
 */
#ifndef WALCU_CASE_VARIANT_H
#define WALCU_CASE_VARIANT_H

#include "postgres.h"

#include "lib/stringinfo.h"

extern bool case_variant_knows(Oid collation);
extern bool case_variant_drops_dots(Oid collation);
extern const char *case_variant_list(const char *character, bool is_upper);
extern void case_variant_append(StringInfo output, const char *variants);
extern bool case_variant_are_one(const char *variants, const char *next_variants);

#endif /* WALCU_CASE_VARIANT_H */
