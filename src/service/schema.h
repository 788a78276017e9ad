/*
 * schema.h
 *	  A JSON schema of the service's description, in whichever words it is said.
 */
#ifndef WALCU_SCHEMA_H
#define WALCU_SCHEMA_H

#include "postgres.h"

#include <jansson.h>

#include "base/compat.h"

/* The types that a value may be of, as a set.  A set of none says nothing of the type. */
#define SCHEMA_STRING  1
#define SCHEMA_NUMBER  2
#define SCHEMA_BOOLEAN 4
#define SCHEMA_OBJECT  8
#define SCHEMA_ARRAY   16
#define SCHEMA_NULL    32
#define SCHEMA_ANY     63

/* A description whose schemas are read. */
typedef struct WalcuSchemaReader
{
	json_t *document; /* This is the whole description. */
	json_t *made;     /* These schemas were made of others of it; they live as long as it. */
	int64 steps;      /* So many schemas, and members of objects, were looked at. */
} WalcuSchemaReader;

/* What a schema says of a value, with references followed, parts merged and alternatives united. */
typedef struct WalcuSchema
{
	int types;          /* The value is of one of these types. */
	const char *format; /* A string has this format; NULL when that is not said. */
	json_t *properties; /* An object has these members, each with its schema; NULL when none is said. */
	json_t *items;      /* This is the schema of an array's elements; NULL when none is said. */
} WalcuSchema;

extern WalcuSchema schema_read(WalcuSchemaReader *reader, json_t *schema);
extern json_t *schema_member(const WalcuSchemaReader *reader, json_t *object, const char *name);
extern json_t *schema_follow_reference(const WalcuSchemaReader *reader, json_t *value);
extern const char *schema_text(json_t *object, const char *name);
pg_noreturn extern void schema_raise_too_large(const char *detail);

#endif /* WALCU_SCHEMA_H */
