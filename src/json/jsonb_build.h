/*
 * jsonb_build.h
 *	  A jsonb of JSON text that is known to be well-formed.
 */
#ifndef WALCU_JSONB_BUILD_H
#define WALCU_JSONB_BUILD_H

#include "postgres.h"

extern bool jsonb_build(const char *text, int length, Datum *result);

#endif /* WALCU_JSONB_BUILD_H */
