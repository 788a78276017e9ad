/*
 * split.h
 *	  Cut the bytes of a reply into documents as they arrive.
 */
#ifndef WALCU_SPLIT_H
#define WALCU_SPLIT_H

#include "postgres.h"

/* Where a document and its _id stand.  Offsets count from the reply's first byte. */
typedef struct WalcuSpan
{
	uint64 start;     /* The document begins here. */
	uint32 length;    /* This is its length in bytes. */
	uint32 id_start;  /* This is the first byte after the quote, from start. */
	uint32 id_length; /* It is 0 when the document has no _id that is a string. */
} WalcuSpan;

typedef enum WalcuSplitResult
{
	WALCU_SPLIT_DOCUMENT, /* The next document is whole. */
	WALCU_SPLIT_MORE,     /* More bytes are needed. */
	WALCU_SPLIT_END,      /* The reply is complete. */
	WALCU_SPLIT_MALFORMED /* The bytes are not a list of documents. */
} WalcuSplitResult;

/* The next byte may be one of these. */
typedef enum WalcuSplitState
{
	SPLIT_START,   /* It begins the array, or a bare document. */
	SPLIT_FIRST,   /* It begins a document, or is the array's end. */
	SPLIT_NEXT,    /* It is a comma, or the array's end. */
	SPLIT_ELEMENT, /* It begins a document. */
	SPLIT_INSIDE,  /* It is anything within a document. */
	SPLIT_NULL,    /* It is one of a null that stands for no document. */
	SPLIT_AFTER    /* It is white space only. */
} WalcuSplitState;

/* How far a reply is taken apart.  When it is zero but for max_depth and null_is_none, it is ready for a
 * reply. */
typedef struct WalcuSplitter
{
	WalcuSplitState state; /* The next byte may be one of these. */
	uint64 position;       /* This is the position of the next byte to look at. */
	bool null_is_none;     /* A null is no document, where one was asked for. */
	bool bare;             /* The reply is one document, not an array. */
	int null_length;       /* So many letters of a null were passed. */
	int depth;             /* So many brackets are open within the document. */
	int max_depth;         /* This is what depth may be; 0 for anything. */
	bool too_deep;         /* It was more. */
	bool in_string;        /* The next byte is within a string. */
	bool in_escape;        /* The byte before was a backslash that escapes. */
	bool opened;           /* The byte before was a string's first quote. */
	uint32 maybe_id;       /* The key _id may stand here, from the document's start; 0 is nowhere. */
	WalcuSpan span;        /* This is the current document. */
} WalcuSplitter;

extern WalcuSplitResult split_next(WalcuSplitter *splitter, const char *data, uint64 base, size_t length,
								   WalcuSpan *span);
extern uint64 split_needed_from(const WalcuSplitter *splitter);

#endif /* WALCU_SPLIT_H */
