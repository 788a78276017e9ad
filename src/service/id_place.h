/*
 * id_place.h
 *	  Which places of a document may hold ids of MongoDB's own type.
 */
#ifndef WALCU_ID_PLACE_H
#define WALCU_ID_PLACE_H

#include "postgres.h"

#include "service/option.h"

extern bool id_place_is_named(const char *path);
extern bool id_place_is_foreign(const char *path);
extern int id_place_own_type(const WalcuOptions *options);

#endif /* WALCU_ID_PLACE_H */
