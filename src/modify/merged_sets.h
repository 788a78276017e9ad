/*
 * merged_sets.h
 *	  What two writes of a document have set.
 */
#ifndef WALCU_MERGED_SETS_H
#define WALCU_MERGED_SETS_H

#include "postgres.h"

extern char *merged_sets(const char *earlier, const char *later);

#endif /* WALCU_MERGED_SETS_H */
