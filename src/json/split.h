/*
 * split.h
 *	  Cut the bytes of a reply into documents as they arrive.
 */
#ifndef WALCU_SPLIT_H
#define WALCU_SPLIT_H

#include "postgres.h"

/* Where a document, and its _id, stand.  Offsets count from the reply's first byte. */
typedef struct WalcuSpan
{
	uint64 start;
	uint32 length;
	uint32 id_start;  /* from start; first byte after the quote */
	uint32 id_length; /* 0 when the document has no _id that is a string */
} WalcuSpan;

typedef enum WalcuSplitResult
{
	WALCU_SPLIT_DOCUMENT, /* the next document is whole */
	WALCU_SPLIT_MORE,     /* more bytes are needed */
	WALCU_SPLIT_END,      /* the reply is complete */
	WALCU_SPLIT_MALFORMED /* the bytes are not a list of documents */
} WalcuSplitResult;

/* What the next byte may be. */
typedef enum WalcuSplitState
{
	SPLIT_START,   /* the array, or a bare document */
	SPLIT_FIRST,   /* a document, or the array's end */
	SPLIT_NEXT,    /* a comma, or the array's end */
	SPLIT_ELEMENT, /* a document */
	SPLIT_INSIDE,  /* anything within a document */
	SPLIT_AFTER    /* only white space */
} WalcuSplitState;

/* Zeroed but for max_depth, it is ready for a reply. */
typedef struct WalcuSplitter
{
	WalcuSplitState state;
	uint64 position; /* of the next byte to look at */
	bool bare;       /* the reply is one document, not an array */
	int depth;       /* of open brackets within the document */
	int max_depth;   /* what depth may be; 0 for anything */
	bool too_deep;   /* it was more */
	bool in_string;
	bool in_escape;  /* the byte before was a backslash that escapes */
	bool opened;     /* the byte before was a string's first quote */
	uint32 maybe_id; /* where, from the document's start, the key _id may stand; 0 is nowhere */
	WalcuSpan span;  /* the document under way */
} WalcuSplitter;

extern WalcuSplitResult split_next(WalcuSplitter *splitter, const char *data, uint64 base, size_t length,
								   WalcuSpan *span);
extern uint64 split_needed_from(const WalcuSplitter *splitter);

#endif /* WALCU_SPLIT_H */
