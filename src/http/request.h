/*
 * request.h
 *	  One call of the API: its method, URL, body, and the words for messages.
 *
 * Nothing here talks to the service.
 */
#ifndef WALCU_REQUEST_H
#define WALCU_REQUEST_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "service/option.h"

typedef struct WalcuRequest
{
	const char *method;    /* It is in capital letters. */
	const char *body;      /* It is JSON text; or NULL. */
	StringInfoData url;    /* This is sent, percent-encoded. */
	StringInfoData label;  /* People read this: "GET /cars?limit=50". */
	const char *extra;     /* The URL has this parameter, which not every service takes; or NULL. */
	bool has_format;       /* The URL has a parameter that services understand in different formats. */
	bool has_query;        /* A '?' stands in both already. */
	bool is_download;      /* It asks for a job's results, whatever type the place says they have. */
	bool is_bare;          /* No credentials go with it. */
	bool tells_tls;        /* Its transfer makes a new connection, and is to tell its version of TLS. */
	const char *before;    /* The documents asked for end before this _id; or NULL. */
	const char *unbounded; /* This is the URL without that; or NULL. */
} WalcuRequest;

extern WalcuRequest *request_create(const WalcuOptions *options, const char *method);
extern WalcuRequest *request_description(const WalcuOptions *options);
extern WalcuRequest *request_for_url(const char *url, const char *label);
extern bool request_is_read(const WalcuRequest *request);
extern void request_add_segment(WalcuRequest *request, const char *segment);
extern void request_add_parameter(WalcuRequest *request, const char *name, const char *value);
extern size_t request_encoded_length(const char *text);

#endif /* WALCU_REQUEST_H */
