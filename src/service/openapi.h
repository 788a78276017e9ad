/*
 * openapi.h
 *	  The service's OpenAPI document as resources and typed fields.
 */
#ifndef WALCU_OPENAPI_H
#define WALCU_OPENAPI_H

#include "postgres.h"

#include "nodes/pg_list.h"

typedef enum WalcuFieldKind
{
	WALCU_FIELD_STRING,
	WALCU_FIELD_NUMBER,
	WALCU_FIELD_BOOLEAN,
	WALCU_FIELD_DATE,
	WALCU_FIELD_OBJECT,
	WALCU_FIELD_FREE /* This is anything else. */
} WalcuFieldKind;

typedef struct WalcuField
{
	char *name;          /* This is its name. */
	WalcuFieldKind kind; /* This is its kind, or that of the elements. */
	bool array;          /* The field is an array of that kind. */
	List *fields;        /* These are the members (of WalcuField) of the object, or of the array's objects. */
	char *note;          /* The description says this of it to people; or NULL. */
	List *values;        /* These texts (char *) it lists as values. */
	bool is_seen;        /* Documents have it, and the description does not. */
	List *seen;          /* Documents have these texts (char *) there, where one of few stands. */
} WalcuField;

typedef struct WalcuResource
{
	char *name;   /* This is the name, as in the path /name. */
	List *fields; /* These are the fields (of WalcuField). */
} WalcuResource;

/* The most that a description may have, in bytes: fifty times as much as the service's own. */
#define OPENAPI_MAX_SIZE (16 * 1024 * 1024)

extern List *openapi_resources(const char *text, size_t length, int levels);
extern List *openapi_bundled_resources(int levels);
extern List *openapi_undescribed_resources(int levels);
extern bool openapi_is_enumeration(const WalcuField *field);
extern void openapi_require_names(List *resources, List *names);
extern const WalcuResource *openapi_find_resource(List *resources, const char *name);
extern const WalcuField *openapi_find_field(List *fields, const char *name, size_t length);
extern const WalcuField *openapi_find_place(List *fields, const char *path, bool *below_free);

#endif /* WALCU_OPENAPI_H */
