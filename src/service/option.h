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

/* How the service wants `sort` and `project` to be written. */
typedef enum WalcuListFormat
{
	WALCU_FORMAT_MONGOOSE, /* -created_at _id */
	WALCU_FORMAT_COMMA,    /* -created_at,_id */
	WALCU_FORMAT_JSON      /* {"created_at":-1,"_id":1} */
} WalcuListFormat;

/* How a scan asks for the page after this one. */
typedef enum WalcuPaging
{
	WALCU_PAGING_KEY, /* documents whose _id is greater than the last one seen */
	WALCU_PAGING_SKIP /* documents after the first n */
} WalcuPaging;

/* The way a scan reads what is neither one document nor limited. */
typedef enum WalcuFetchMode
{
	WALCU_FETCH_AUTO,     /* whichever is expected to be cheapest */
	WALCU_FETCH_PAGES,    /* one page after the other */
	WALCU_FETCH_PARALLEL, /* pages of several ranges of _id at once */
	WALCU_FETCH_JOB       /* a background job of the service */
} WalcuFetchMode;

/* What ANALYZE makes its sample of. */
typedef enum WalcuSampling
{
	WALCU_SAMPLING_OFF,   /* all documents */
	WALCU_SAMPLING_AUTO,  /* pages at random places, not many of them */
	WALCU_SAMPLING_RANDOM /* pages at random places, as many as the statistics target asks for */
} WalcuSampling;

/* What a value of the wrong JSON type becomes. */
typedef enum WalcuMismatch
{
	WALCU_MISMATCH_ERROR,
	WALCU_MISMATCH_NULL
} WalcuMismatch;

/* What becomes of microseconds that are written. */
typedef enum WalcuPrecision
{
	WALCU_PRECISION_ROUND,
	WALCU_PRECISION_ERROR
} WalcuPrecision;

/* How a document is changed. */
typedef enum WalcuUpdateMethod
{
	WALCU_UPDATE_PATCH, /* what changed is sent */
	WALCU_UPDATE_PUT    /* the whole document is */
} WalcuUpdateMethod;

/* When writes are sent. */
typedef enum WalcuWriteMode
{
	WALCU_WRITE_IMMEDIATE, /* at once */
	WALCU_WRITE_AT_COMMIT
} WalcuWriteMode;

/*
 * The options in force for a server, or for a table of it: what the table
 * says, else what the server says, else the default.  Allocated in the caller's
 * memory context.
 */
typedef struct WalcuOptions
{
	Oid serverid;
	char *server_name;
	char *endpoint;          /* no slash at the end */
	char *dealer_id;         /* NULL when neither server nor table has one */
	char *resource;          /* NULL for a server */
	int fetch_size;          /* documents a page, 1 to 1000 */
	int connect_timeout;     /* milliseconds */
	int request_timeout;     /* milliseconds */
	int max_requests;        /* requests a statement; 0 is no limit */
	int max_connections;     /* requests under way at once */
	int max_retries;         /* times that a request is tried again */
	int max_retry_wait;      /* milliseconds */
	int64 max_document_size; /* bytes */
	int64 max_reply_size;    /* bytes */
	int max_document_depth;  /* levels of nesting */
	bool keep_connections;   /* after a transaction */
	bool async_capable;      /* several tables may be scanned at once */
	bool allow_http;
	char *ca_file;       /* NULL for the system's certificates */
	List *results_hosts; /* of char *; NIL for the default */
	bool updatable;
	bool truncatable;
	int batch_size;  /* rows of an INSERT that are sent together, 1 to 1000 */
	bool client_ids; /* the _id of a new document is made here */
	WalcuUpdateMethod update_method;
	WalcuWriteMode write_mode;
	WalcuPrecision timestamp_precision;
	WalcuPaging paging;
	WalcuFetchMode fetch_mode;
	int job_threshold; /* documents above which a background job is thought of */
	int job_timeout;   /* milliseconds */
	WalcuListFormat sort_format;
	WalcuListFormat project_format;
	WalcuMismatch on_type_mismatch;
	bool pushdown;      /* conditions and orders may go into requests; as walcu_fdw.enable_pushdown says */
	int max_url_length; /* bytes */
	bool use_remote_estimate; /* the planner asks the service how many documents match */
	WalcuSampling analyze_sampling;
	int join_batch_size; /* keys, 1 to 100000 */
	double fdw_startup_cost;
	double fdw_tuple_cost;
	double max_requests_per_second; /* 0 is no limit */
} WalcuOptions;

/* Where IMPORT FOREIGN SCHEMA reads the service's description. */
typedef enum WalcuDescription
{
	WALCU_DESCRIPTION_LIVE,
	WALCU_DESCRIPTION_BUNDLED /* the copy installed with the extension */
} WalcuDescription;

/* The options of IMPORT FOREIGN SCHEMA. */
typedef struct WalcuImportOptions
{
	WalcuDescription source;
	bool import_collate;  /* text columns get COLLATE "C" */
	int flatten;          /* levels of nested objects that become columns */
	bool import_document; /* add _document, the whole document */
	bool import_search;   /* add _search, the service's query language */
} WalcuImportOptions;

/* What a column of a foreign table stands for. */
typedef struct WalcuColumn
{
	char *path;      /* dotted path in the document; "." is the whole of it */
	char *parameter; /* name of the query parameter (search), or NULL */
	bool pushdown;
	bool readonly; /* it is not written */
} WalcuColumn;

/* The setting walcu_fdw.enable_pushdown: off is as if every server had pushdown 'off'. */
extern bool option_enable_pushdown;

extern WalcuOptions *option_for_server(Oid serverid);
extern const WalcuOptions *option_for_table(Oid relid);
extern bool option_table_is_updatable(Oid relid);
extern WalcuColumn *option_for_column(Oid relid, AttrNumber attnum);
extern AttrNumber option_id_column(Oid relid, TupleDesc descriptor);
extern WalcuImportOptions option_for_import(List *list);
extern char *option_credential_header(Oid userid, Oid serverid);

#endif /* WALCU_OPTION_H */
