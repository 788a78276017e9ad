/*
 * hint.h
 *	  What to say about a name that is not known.
 */
#ifndef WALCU_HINT_H
#define WALCU_HINT_H

#include "postgres.h"

#include "nodes/pg_list.h"

extern char *hint_name(const char *noun, const char *wrong, List *valid);

#endif /* WALCU_HINT_H */
