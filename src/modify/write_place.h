/*
 * write_place.h
 *	  How messages name writes: by server and dealer, too, where there are several.
 */
#ifndef WALCU_WRITE_PLACE_H
#define WALCU_WRITE_PLACE_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* A server and a dealer of it. */
typedef struct WalcuWritePlace
{
	char *server; /* This is the name of the server. */
	char *dealer; /* This is the dealer; NULL for none. */
} WalcuWritePlace;

/* The places that messages are about. */
typedef struct WalcuWritePlaces
{
	List *places;     /* These are the places (of WalcuWritePlace *). */
	bool has_servers; /* There are several servers. */
	bool has_dealers; /* There are several dealers of one server. */
} WalcuWritePlaces;

/* A write, as messages name it. */
typedef struct WalcuNamedWrite
{
	char *request;                /* This is the request; NULL where the document alone is named. */
	char *document;               /* This is the document; NULL where the request alone is named. */
	const WalcuWritePlace *place; /* It is there. */
} WalcuNamedWrite;

extern const WalcuWritePlace *write_place_add(WalcuWritePlaces *places, const char *server,
											  const char *dealer);
extern WalcuNamedWrite *write_place_name_document(const WalcuWritePlace *place, const char *resource,
												  const char *id);
extern WalcuNamedWrite *write_place_name_request(const WalcuWritePlace *place, const char *request,
												 const char *resource, const char *new_id);
extern List *write_place_texts(const WalcuWritePlaces *places, List *writes);
extern void write_place_free_names(List *writes);
extern void write_place_free(WalcuWritePlaces *places);

#endif /* WALCU_WRITE_PLACE_H */
