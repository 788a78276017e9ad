/*
 * objectid.h
 *	  Ids for new documents.
 */
#ifndef WALCU_OBJECTID_H
#define WALCU_OBJECTID_H

#include "postgres.h"

extern char *objectid_create(void);

#endif /* WALCU_OBJECTID_H */
