/*
 * option_value.h
 *	  The values of options: read and checked one at a time.
 */
#ifndef WALCU_OPTION_VALUE_H
#define WALCU_OPTION_VALUE_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* The service's own endpoint. */
#define WALCU_PUBLIC_ENDPOINT "https://api.crm.walcu.com"

extern char *option_value_of(List *list, const char *name);
extern bool option_value_boolean(const char *name, const char *text);
extern int option_value_integer(const char *name, const char *text, int min, int max);
extern double option_value_cost(const char *name, const char *text);
extern double option_value_rate(const char *name, const char *text);
extern int option_value_duration(const char *name, const char *text);
extern int64 option_value_size(const char *name, const char *text);
extern int64 option_value_large_size(const char *name, const char *text);
extern int option_value_choice(const char *name, const char *text, const char *const *choices);

extern void option_check_endpoint(const char *name, const char *text);
extern void option_check_segment(const char *name, const char *text);
extern void option_check_absolute_path(const char *name, const char *text);
extern void option_check_hosts(const char *name, const char *text);
extern void option_check_places(const char *name, const char *text);
extern void option_check_path(const char *name, const char *text);
extern void option_check_list_path(const char *name, const char *text);
extern void option_check_parameter(const char *name, const char *text);
extern void option_check_column(List *list);
extern const char *option_secret_fault(const char *name, const char *text);
extern void option_check_secret(const char *name, const char *text);
extern void option_check_username(const char *name, const char *text);
extern void option_check_header_name(const char *name, const char *text);

extern List *option_split_list(const char *text);

#endif /* WALCU_OPTION_VALUE_H */
