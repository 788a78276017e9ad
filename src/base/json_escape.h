/*
 * json_escape.h
 *	  The escapes that JSON has for characters.
 */
#ifndef WALCU_JSON_ESCAPE_H
#define WALCU_JSON_ESCAPE_H

#include "postgres.h"

#include "lib/stringinfo.h"

extern void json_escape_resolve(const char *json, size_t length, StringInfo text);

#endif /* WALCU_JSON_ESCAPE_H */
