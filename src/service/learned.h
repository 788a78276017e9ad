/*
 * learned.h
 *	  What this session has learned of a server, beside what its options and its description say.
 */
#ifndef WALCU_LEARNED_H
#define WALCU_LEARNED_H

#include "postgres.h"

#include "service/option.h"

/* A fact is of one of these kinds; what it is about is a text. */
typedef enum WalcuLearned
{
	WALCU_LEARNED_OBJECTIDS, /* A place of a resource holds ObjectIds; its path. */
	WALCU_LEARNED_TEXTS,     /* The service took values that are no ObjectIds for a place; its path. */
	WALCU_LEARNED_SORTED,    /* Documents of a resource came as the service was asked to sort; the service. */
	WALCU_LEARNED_SORTED_BY_ID, /* They did where that was by _id alone; the service. */
	WALCU_LEARNED_UNSORTED,     /* They did not; its dealer, or nothing if the user was told of the server. */
	WALCU_LEARNED_IDLE_PROBE,   /* There were too few of them to see; its dealer. */
	WALCU_LEARNED_PROJECTED,    /* They came with fields that were asked for; its dealer. */
	WALCU_LEARNED_SPARSE,       /* They lacked all of them; its dealer, and the fields. */
	WALCU_LEARNED_UNPROJECTED,  /* A server does not send fields that it is asked for; of no resource. */
	WALCU_LEARNED_UNSIZED,      /* The service did not tell how many of them there are; its dealer. */
	WALCU_LEARNED_WARNED        /* The user was told of a refused filter; its shape. */
} WalcuLearned;

extern bool learned_tells(WalcuLearned kind, const WalcuOptions *options, const char *about);
extern void learned_note(WalcuLearned kind, const WalcuOptions *options, const char *about);

#endif /* WALCU_LEARNED_H */
