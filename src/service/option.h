/*
 * option.h
 *	  What CREATE SERVER, USER MAPPING, FOREIGN TABLE and its columns, and IMPORT
 *	  FOREIGN SCHEMA were told.
 */
#ifndef WALCU_OPTION_H
#define WALCU_OPTION_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "nodes/pg_list.h"

/* The service wants `sort` and `project` in one of these formats. */
typedef enum WalcuListFormat
{
	WALCU_FORMAT_MONGOOSE, /* They are written as "-created_at _id". */
	WALCU_FORMAT_COMMA,    /* They are written as "-created_at,_id". */
	WALCU_FORMAT_JSON,     /* They are written as {"created_at":-1,"_id":1}. */
	WALCU_FORMAT_NONE      /* The service knows no such parameter: it is not sent. */
} WalcuListFormat;

/* A scan asks for the next page in one of these ways. */
typedef enum WalcuPaging
{
	WALCU_PAGING_KEY, /* It asks for documents whose _id is greater than the last one seen. */
	WALCU_PAGING_SKIP /* It asks for the documents after the first n. */
} WalcuPaging;

/* A scan that is neither of one document nor limited reads in one of these ways. */
typedef enum WalcuFetchMode
{
	WALCU_FETCH_AUTO,     /* The scan takes the way that is expected to be cheapest. */
	WALCU_FETCH_PAGES,    /* It reads one page after the other. */
	WALCU_FETCH_PARALLEL, /* It reads pages of several ranges of _id at once. */
	WALCU_FETCH_JOB       /* It lets a background job of the service collect the documents. */
} WalcuFetchMode;

/* A redirect of a job's results is followed, without credentials, in one of these ways. */
typedef enum WalcuRedirects
{
	WALCU_REDIRECTS_LISTED, /* It is followed to a host of results_hosts. */
	WALCU_REDIRECTS_HTTPS,  /* It is followed to any place by https. */
	WALCU_REDIRECTS_OFF     /* It is not followed. */
} WalcuRedirects;

/* ANALYZE makes its sample of these documents. */
typedef enum WalcuSampling
{
	WALCU_SAMPLING_OFF,   /* It reads all documents. */
	WALCU_SAMPLING_AUTO,  /* It reads a few pages at random places. */
	WALCU_SAMPLING_RANDOM /* It reads as many pages at random places as the statistics target asks for. */
} WalcuSampling;

/* A value of the wrong JSON type becomes this. */
typedef enum WalcuMismatch
{
	WALCU_MISMATCH_ERROR,
	WALCU_MISMATCH_NULL
} WalcuMismatch;

/* Microseconds that are written are treated so. */
typedef enum WalcuPrecision
{
	WALCU_PRECISION_ROUND,
	WALCU_PRECISION_ERROR
} WalcuPrecision;

/* What the service does not keep of a write is treated so. */
typedef enum WalcuIgnoredWrite
{
	WALCU_IGNORED_WARNING,
	WALCU_IGNORED_ERROR,
	WALCU_IGNORED_IGNORE
} WalcuIgnoredWrite;

/* A column leaves it to its table. */
#define WALCU_PRECISION_NOT_SAID (-1)

/* A document is changed in one of these ways. */
typedef enum WalcuUpdateMethod
{
	WALCU_UPDATE_PATCH, /* What has changed is sent. */
	WALCU_UPDATE_PUT    /* The whole document is sent. */
} WalcuUpdateMethod;

/* Writes are sent at one of these times. */
typedef enum WalcuWriteMode
{
	WALCU_WRITE_IMMEDIATE, /* They are sent at once. */
	WALCU_WRITE_AT_COMMIT, /* They are sent before the transaction commits. */
	WALCU_WRITE_OUTBOX     /* They are recorded in the transaction, and sent after it. */
} WalcuWriteMode;

/* The service's schemas declare a place of ids so. */
typedef enum WalcuIdType
{
	WALCU_ID_AUTO,     /* Nobody knows: only what both types take and mean alike is sent. */
	WALCU_ID_OBJECTID, /* A text that is no ObjectId equals nothing there. */
	WALCU_ID_STRING    /* It is a text as any other. */
} WalcuIdType;

/* A column does not say which; its table or server does. */
#define WALCU_ID_NOT_SAID (-1)

/*
 * The options in force for a server, or for a table of it: what the table says, else what the server says,
 * else the default.  They are allocated in the caller's memory context.
 */
typedef struct WalcuOptions
{
	Oid serverid;                       /* This is the server. */
	Oid relid;                          /* This is the table; InvalidOid for a server. */
	char *server_name;                  /* This is its name. */
	char *endpoint;                     /* This URL has no slash at the end. */
	char *dealer_id;                    /* It is NULL when neither server nor table has one. */
	char *resource;                     /* It is NULL for a server. */
	char *array;                        /* Rows are the elements of lists at this path; NULL: documents. */
	int fetch_size;                     /* A page has so many documents, 1 to 1000. */
	int connect_timeout;                /* It is in milliseconds. */
	int request_timeout;                /* It is in milliseconds. */
	int max_requests;                   /* A statement may send so many; 0 is no limit. */
	int max_connections;                /* So many requests may be under way at once. */
	int max_connections_total;          /* So many connections may all sessions have open; 0 for no limit. */
	int max_retries;                    /* A request is tried again so many times. */
	int max_mishaps;                    /* So many of these follow what is no outage. */
	int max_retry_wait;                 /* It is in milliseconds. */
	int64 max_document_size;            /* It is in bytes. */
	int64 max_reply_size;               /* It is in bytes. */
	int max_document_depth;             /* Documents may have so many levels of nesting. */
	int connection_lifetime;            /* It is in milliseconds. */
	bool keep_connections;              /* Connections are kept after a transaction. */
	bool async_capable;                 /* Several tables may be scanned at once. */
	bool allow_http;                    /* Credentials may be sent unencrypted. */
	char *ca_file;                      /* It is NULL for the system's certificates. */
	List *results_hosts;                /* These are texts (char *); NIL for the default. */
	WalcuRedirects results_redirects;   /* It says which redirects of results are followed. */
	bool updatable;                     /* The table may be written. */
	bool truncatable;                   /* TRUNCATE may delete all documents. */
	int batch_size;                     /* So many rows of an INSERT are sent together, 1 to 1000. */
	bool client_ids;                    /* The _id of a new document is made here. */
	WalcuUpdateMethod update_method;    /* It says how a document is changed. */
	WalcuWriteMode write_mode;          /* It says when writes are sent. */
	WalcuPrecision timestamp_precision; /* It says what becomes of microseconds. */
	WalcuIgnoredWrite on_ignored_write; /* It says what becomes of what the service does not keep. */
	WalcuPaging paging;                 /* It says how the next page is requested. */
	WalcuFetchMode fetch_mode;          /* It says how a scan reads. */
	int job_threshold;                  /* A background job is considered above so many documents. */
	int job_timeout;                    /* It is in milliseconds. */
	WalcuListFormat sort_format;        /* It is the format of `sort`. */
	WalcuListFormat project_format;     /* It is the format of `project`. */
	WalcuMismatch on_type_mismatch;     /* It says what becomes of a value of the wrong type. */
	WalcuIdType id_type;                /* It says what places of ids hold. */
	List *folded_texts;             /* The service folds texts at these places (char *), as "cars.make". */
	bool pushdown;                  /* Conditions and orders may go into requests. */
	int max_url_length;             /* It is in bytes. */
	bool use_remote_estimate;       /* The planner asks the service how many documents match. */
	WalcuSampling analyze_sampling; /* It says what ANALYZE samples. */
	int join_batch_size;            /* A batch has so many keys, 1 to 100000. */
	double fdw_startup_cost;        /* It is the cost of a request. */
	double fdw_tuple_cost;          /* It is the cost of a document. */
	double max_requests_per_second; /* It is 0 for no limit. */
	bool finds_rate; /* No option: who asks finds out what the service grants, and is not held to that. */
} WalcuOptions;

/* IMPORT FOREIGN SCHEMA reads one of these descriptions. */
typedef enum WalcuDescription
{
	WALCU_DESCRIPTION_LIVE,
	WALCU_DESCRIPTION_BUNDLED /* This is the copy that is installed with the extension. */
} WalcuDescription;

/* The options of IMPORT FOREIGN SCHEMA. */
typedef struct WalcuImportOptions
{
	WalcuDescription source; /* The description is read there. */
	bool import_collate;     /* Text columns get COLLATE "C". */
	int flatten;             /* So many levels of nested objects become columns. */
	bool import_document;    /* A column _document has the whole document. */
	bool import_search;      /* A column _search stands for the service's query language. */
	bool arrays;             /* Lists of objects get tables of their own, too. */
} WalcuImportOptions;

/* A column of a foreign table stands for this. */
typedef struct WalcuColumn
{
	char *path;              /* This is the dotted path in the document; "." is the whole of it. */
	char *element_path;      /* This is the path in an element of a list; NULL where none is meant. */
	bool ordinality;         /* It is the position of the element, from 1; path is that of the list then. */
	char *parameter;         /* This is the name of the query parameter (search), or NULL. */
	bool pushdown;           /* Conditions and orders on it may go into requests. */
	bool readonly;           /* It is not written. */
	int id_type;             /* It says what ids it holds (WalcuIdType), or WALCU_ID_NOT_SAID. */
	int timestamp_precision; /* It is of WalcuPrecision, or WALCU_PRECISION_NOT_SAID. */
} WalcuColumn;

/* This is the setting walcu_fdw.enable_pushdown.  Off is as if every server had pushdown 'off'. */
extern bool option_enable_pushdown;

/* This is the setting walcu_fdw.enable_batched_join. */
extern bool option_enable_batched_join;

extern void option_read_server(List *list, WalcuOptions *options);
extern void option_read_table(List *list, WalcuOptions *options);
extern void option_read_column(List *list, WalcuColumn *column);
extern WalcuImportOptions option_for_import(List *list);
extern WalcuOptions *option_copy(const WalcuOptions *options);
extern bool option_equals(const WalcuOptions *one, const WalcuOptions *other);

/* option_in_force.c */
extern WalcuOptions *option_for_server(Oid serverid);
extern WalcuOptions *option_for_table(Oid relid);
extern bool option_table_is_updatable(Oid relid);
extern char *option_resource_of_table(Oid relid);
extern char *option_array_of_table(Oid relid);
extern char *option_credential_header(Oid userid, Oid serverid);

#endif /* WALCU_OPTION_H */
