/*
 * reference.h
 *	  Which resources the ids in a document lead to.
 */
#ifndef WALCU_REFERENCE_H
#define WALCU_REFERENCE_H

#include "postgres.h"

#include "nodes/pg_list.h"

extern List *reference_read(void);
extern List *reference_targets(List *references, const char *resource, const char *path);

#endif /* WALCU_REFERENCE_H */
