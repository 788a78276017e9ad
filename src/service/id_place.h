/*
 * id_place.h
 *	  Which places of a document may hold ids of MongoDB's own type.
 */
#ifndef WALCU_ID_PLACE_H
#define WALCU_ID_PLACE_H

#include "postgres.h"

extern bool id_place_is_named(const char *path);
extern bool id_place_is_foreign(const char *path);

#endif /* WALCU_ID_PLACE_H */
