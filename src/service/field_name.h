/*
 * field_name.h
 *	  Which members of a document the service can be told of by their names.
 */
#ifndef WALCU_FIELD_NAME_H
#define WALCU_FIELD_NAME_H

#include "postgres.h"

extern bool field_name_is_addressable(const char *name, size_t length);
extern bool field_name_is_within(const char *path, const char *outer);
extern bool field_name_is_path_addressable(const char *path);

#endif /* WALCU_FIELD_NAME_H */
