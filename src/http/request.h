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
	const char *method;
	const char *body;      /* JSON text, or NULL */
	StringInfoData url;    /* what is sent, percent-encoded */
	StringInfoData label;  /* what people read: "GET /cars?limit=50" */
	bool has_query;        /* a '?' stands in them already */
	bool is_download;      /* of a job's results, whatever type the place says they have */
	const char *before;    /* _id that the documents asked for end before, or NULL */
	const char *unbounded; /* the URL without that, or NULL */
} WalcuRequest;

extern WalcuRequest *request_create(const WalcuOptions *options, const char *method);
extern WalcuRequest *request_description(const WalcuOptions *options);
extern WalcuRequest *request_for_url(const char *url, const char *label);
extern bool request_is_read(const WalcuRequest *request);
extern void request_add_segment(WalcuRequest *request, const char *segment);
extern void request_add_parameter(WalcuRequest *request, const char *name, const char *value);
extern size_t request_encoded_length(const char *text);

#endif /* WALCU_REQUEST_H */
