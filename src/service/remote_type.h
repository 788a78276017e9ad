/*
 * remote_type.h
 *	  What the service's description says of a place in a document.
 */
#ifndef WALCU_REMOTE_TYPE_H
#define WALCU_REMOTE_TYPE_H

#include "postgres.h"

/* How the service's schema types a place, and so casts the values of a filter on it. */
typedef enum WalcuRemoteType
{
	WALCU_REMOTE_UNKNOWN, /* The description does not have the place, which is treated as free. */
	WALCU_REMOTE_FREE,    /* The place has any JSON value, and nothing is cast. */
	WALCU_REMOTE_STRING,
	WALCU_REMOTE_NUMBER,
	WALCU_REMOTE_BOOLEAN,
	WALCU_REMOTE_DATE,
	WALCU_REMOTE_OBJECT
} WalcuRemoteType;

typedef struct WalcuRemotePlace
{
	WalcuRemoteType type; /* This is the type, or that of the elements. */
	bool array;           /* The place has an array of that type. */
	bool described;       /* The description has this very place, and not only one that it is in. */
	bool id;              /* It may hold ids of MongoDB's own type (id_place.c). */
	/*
	 * The description has an object that the place is in, but not the place; free form is no such object.  Or
	 * it is the id that Mongoose makes of the _id where it shows what it computes, and no document has.
	 */
	bool stray;
	/*
	 * A reply may have something there though the document has nothing: Mongoose shows every array that its
	 * schema declares, empty, and may show the objects that it is in.  Filters see what the document has.
	 */
	bool shown_missing;
} WalcuRemotePlace;

extern WalcuRemotePlace remote_type_at(const char *resource, const char *path);
extern bool remote_type_is_through_array(const char *resource, const char *list, const char *path);

#endif /* WALCU_REMOTE_TYPE_H */
