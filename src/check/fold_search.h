/*
 * fold_search.h
 *	  The search for places whose texts the service changes before it compares them.
 */
#ifndef WALCU_CHECK_FOLD_SEARCH_H
#define WALCU_CHECK_FOLD_SEARCH_H

#include "postgres.h"

#include "check/sample.h"

/* What is known of a place. */
typedef enum WalcuFoldState
{
	FOLD_UNTRIED, /* It was not asked about, or there was no answer. */
	FOLD_SUSPECT, /* It is one of several on a document that came. */
	FOLD_NONE,    /* Texts are compared there as they are. */
	FOLD_FOUND    /* They are changed before that. */
} WalcuFoldState;

/* A place of texts. */
typedef struct WalcuTextPlace
{
	const char *path;     /* It is dotted. */
	bool in_array;        /* An array of objects is on the way. */
	const char **texts;   /* By document, these texts tell whether they are compared as they are; or NULL. */
	WalcuFoldState state; /* This is known of it. */
	int document;         /* It is asked about on this document; -1 when it is not. */
} WalcuTextPlace;

/* The search of one resource. */
typedef struct WalcuFoldSearch
{
	WalcuCheckSample *sample; /* It is of this resource. */
	List *places;             /* These (WalcuTextPlace) may have texts. */
	bool is_refused;          /* The service did not answer with documents. */
	bool is_left_out;         /* It was not asked for want of requests. */
	bool is_unsure;           /* Some that were found may be none, for want of requests or documents. */
} WalcuFoldSearch;

extern void fold_search_samples(WalcuCheckRun *run, List *samples);
extern int fold_search_count(List *searches, WalcuFoldState state);

#endif /* WALCU_CHECK_FOLD_SEARCH_H */
