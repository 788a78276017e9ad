/*
 * projection.h
 *	  Which fields a scan asks the service for.
 */
#ifndef WALCU_PROJECTION_H
#define WALCU_PROJECTION_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "service/option.h"

extern List *projection_fields(List *paths);
extern bool projection_can_name(const char *path);
extern char *projection_sort_list(WalcuListFormat format, List *fields, List *descending);
extern char *projection_field_list(WalcuListFormat format, List *fields);

#endif /* WALCU_PROJECTION_H */
