/*
 * extension.h
 *	  Where the extension's objects are.
 */
#ifndef WALCU_EXTENSION_H
#define WALCU_EXTENSION_H

#include "postgres.h"

extern Oid extension_schema(void);

#endif /* WALCU_EXTENSION_H */
