/*
 * run.h
 *	  One run of walcu_fdw_check: whom it asks, and what it has found so far.
 */
#ifndef WALCU_CHECK_RUN_H
#define WALCU_CHECK_RUN_H

#include "postgres.h"

#include "http/reply_head.h"
#include "nodes/pg_list.h"
#include "service/option.h"

/* It is jansson's value: its header and PostgreSQL's builtins.h cannot be included together. */
typedef struct json_t json_t;

/* A run without writes sends so many requests at most. */
#define CHECK_MAX_REQUESTS 60

/* A run that writes may send so many more. */
#define CHECK_MAX_WRITES 30

/* What a check has come to. */
typedef enum WalcuCheckResult
{
	CHECK_OK,      /* It is as the extension takes it to be. */
	CHECK_DIFFERS, /* It is otherwise: an option says so, or the extension has to work around it. */
	CHECK_FAILED,  /* The service does not do it. */
	CHECK_UNKNOWN  /* It could not be found out. */
} WalcuCheckResult;

/* A row of the answer. */
typedef struct WalcuCheckRow
{
	const char *check;       /* This is the name of the check. */
	WalcuCheckResult result; /* This is what it has come to. */
	const char *detail;      /* This was found. */
	const char *advice;      /* This command helps; or NULL. */
	int place;               /* It is that of the check in the table of all. */
	int number;              /* So many rows were added before. */
} WalcuCheckRow;

/* What a page behind others has. */
typedef enum WalcuCheckBehind
{
	CHECK_BEHIND_UNKNOWN,   /* It did not come. */
	CHECK_BEHIND_NOTHING,   /* It is empty. */
	CHECK_BEHIND_DOCUMENTS, /* It has documents. */
	CHECK_BEHIND_FIRST      /* It has the first document again. */
} WalcuCheckBehind;

/* A page of documents of a resource, as it came. */
typedef struct WalcuCheckSample
{
	const char *resource;    /* This is the name. */
	List *fields;            /* The description has these (WalcuField); NIL when it has none. */
	bool readable;           /* The page came. */
	bool is_asked;           /* It was asked for, and not refused by a limit on requests. */
	const char *failure;     /* It says why it did not; or NULL. */
	int status;              /* The service answered this. */
	json_t *documents;       /* It is the array of documents. */
	int count;               /* There are so many. */
	WalcuHasMore has_more;   /* The reply said this. */
	List *folded;            /* At these places (char *) the service changes texts before it compares them. */
	WalcuCheckBehind behind; /* The page behind it has this. */
	const char *no_behind;   /* It says why the page behind it did not come; or NULL. */
	bool is_behind_answered; /* The service answered something when it was asked for that. */
	int64 least;             /* The resource has so many documents, or more. */
	int64 most;              /* It has so many at most; -1 when that is not known. */
} WalcuCheckSample;

typedef struct WalcuCheckRun
{
	MemoryContext context;  /* It holds what the run finds. */
	WalcuOptions *options;  /* These are the server's, with a limit on replies and retries of our own. */
	List *server_options;   /* These (DefElem) the server was told. */
	const char *credential; /* Requests have this header line; NULL while there is none. */
	const char *resource;   /* The user asks for this resource only; NULL for all. */
	bool writes;            /* The user lets a note be written. */
	List *rows;             /* These (WalcuCheckRow) were found, in no order. */
	int place;              /* The check that is under way stands there in the table. */
	bool stopped;           /* Nothing further can be learnt. */
	int sent;               /* So many requests were sent. */
	int limit;              /* So many may be sent. */
	bool is_starved;        /* Something was not asked for want of requests. */
	int refused;            /* So many were answered 429. */
	int served_in_row;      /* Since the last of them so many were not. */
	int served;             /* Since the first of them so many were not. */
	double served_at[CHECK_MAX_REQUESTS + CHECK_MAX_WRITES]; /* These came then. */
	double spacing;         /* So many milliseconds are left between two requests, once one was. */
	double retry_after;     /* The service asked to wait so many seconds at most. */
	double began;           /* The run began then (by walcu_curl_multi_now). */
	double took_least;      /* The quickest request took so many milliseconds; 0 before the first. */
	double took_sum;        /* All together took so many. */
	int took_count;         /* So many were measured. */
	bool is_encoded;        /* A reply was compressed. */
	char version[4];        /* Replies are of this version of HTTP. */
	char tls[16];           /* This version of TLS was agreed upon; empty for none. */
	char rate[256];         /* The service tells of its limits in these lines; empty when it does not. */
	int description_status; /* The request for the served description was answered this; 0 for nothing. */
	const char *description_failure; /* It says why the description cannot be used; or NULL. */
	List *live;             /* The served description has these (WalcuResource); NIL when it did not come. */
	List *bundled;          /* So has the one that is installed with the extension. */
	List *samples;          /* These (WalcuCheckSample) were read, in the description's order. */
	WalcuCheckSample *main; /* It has most of what can be tried; NULL without documents. */
	WalcuCheckSample *fullest; /* It has most documents, and the page behind it was asked for. */
	WalcuCheckSample *ended;   /* So it was for this one, behind which nothing should be; or NULL. */
	const char *no_far;        /* It says why what is far behind all documents did not come; or NULL. */
	bool is_far_answered;      /* The service answered something when it was asked for that. */
	bool is_empty_far;         /* Far behind all documents of the main sample there are none. */
	bool asks_once;            /* What fails is not asked again: the check does so in another way. */
	bool skip_is_ignored;      /* The service does not pass over documents as skip says. */
	List *searches;            /* folds.c has looked for places of texts in these ways. */
	bool q_is_ignored;         /* The service does not look at conditions. */
	int page_cap;              /* A page has so many documents at most; 0 when no page was full. */
} WalcuCheckRun;

#endif /* WALCU_CHECK_RUN_H */
