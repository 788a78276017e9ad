/*
 * request_function.c
 *	  walcu_fdw_request(), which offers any call of the API to SQL.
 *
 * SQL calls in here.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/json_escape.h"
#include "base/read_only.h"
#include "base/utf8.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "http/call.h"
#include "http/redact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "modify/rollback.h"
#include "service/foreign_server.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

/* The most that a reply may have, in bytes: what a value may have. */
#define MAX_REPLY ((size_t) 1023 * 1024 * 1024)

static char *convert_body(const WalcuRequest *request, StringInfo body);
static WalcuRequest *request_from_arguments(const WalcuOptions *options, const char *method,
											const char *path);
static const char *find_method(const char *method);
static void add_segments(WalcuRequest *request, const char *path);
static void add_query(WalcuRequest *request, Jsonb *query);

PG_FUNCTION_INFO_V1(walcu_fdw_request);

/*
 * walcu_fdw_request(server name, method text, path text, query jsonb, body jsonb)
 * returns jsonb
 *
 * Any call of the API with the caller's user mapping.  path is relative to the dealer
 * ("/cars/5f2b..."); query is an object of parameters, whose strings are sent as they
 * are and whose other values are sent as JSON.  Returns the reply, NULL when it is empty.
 *
 * Errors: 42501 without USAGE on the server, 22023 for a wrong argument, those of read_only_refuse for any
 * method but GET, and what the service's status means.
 */
Datum
walcu_fdw_request(PG_FUNCTION_ARGS)
{
	ForeignServer *server;
	AclResult acl;
	WalcuOptions *options;
	WalcuRequest *request;
	char *credential;
	bool volatile is_empty = true;
	Datum volatile json = (Datum) 0;

	for (int i = 0; i < 3; i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("server, method and path must not be null"));
	}
	server = GetForeignServerByName(NameStr(*PG_GETARG_NAME(0)), false);
	acl = compat_aclcheck(ForeignServerRelationId, server->serverid, GetUserId(), ACL_USAGE);
	if (acl != ACLCHECK_OK)
		aclcheck_error(acl, OBJECT_FOREIGN_SERVER, server->servername);

	options = option_for_server(server->serverid);
	request = request_from_arguments(options, text_to_cstring(PG_GETARG_TEXT_PP(1)),
									 text_to_cstring(PG_GETARG_TEXT_PP(2)));
	if (!PG_ARGISNULL(3))
		add_query(request, PG_GETARG_JSONB_P(3));
	if (!PG_ARGISNULL(4))
	{
		Jsonb *body = PG_GETARG_JSONB_P(4);
		char *text = JsonbToCString(NULL, &body->root, VARSIZE(body));

		request->body = utf8_require(text);
	}
	credential = option_credential_header(GetUserId(), server->serverid);
	REDACT_TRY();
	{
		StringInfo reply = call_perform(options, credential, request, MAX_REPLY);

		if (!request_is_read(request))
			rollback_note_call(options, request->method, text_to_cstring(PG_GETARG_TEXT_PP(2)), reply);
		is_empty = reply->len == 0;
		if (!is_empty)
			json = DirectFunctionCall1(jsonb_in, CStringGetDatum(convert_body(request, reply)));
	}
	REDACT_END(credential);
	if (is_empty)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(json);
}

/*
 * A reply's body in the database's encoding.  Errors: 22021 it is not UTF-8, 22P05 the encoding lacks a
 * character.
 */
static char *
convert_body(const WalcuRequest *request, StringInfo body)
{
	StringInfoData resolved;
	StringInfoData text;

	if (!pg_verify_mbstr(PG_UTF8, body->data, body->len, true))
		ereport(ERROR, errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE), errmsg("the reply is not valid UTF-8"),
				errdetail("The request was %s.", request->label.data));
	if (utf8_is_server_encoding())
		return body->data;
	initStringInfo(&resolved);
	json_escape_resolve(body->data, body->len, &resolved);
	initStringInfo(&text);
	if (!utf8_to_server(resolved.data, resolved.len, &text))
		ereport(ERROR, errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
				errmsg("the reply cannot be stored in this database"),
				errdetail("It has a character that the encoding %s does not have. The request was %s.",
						  GetDatabaseEncodingName(), request->label.data),
				errhint("Ask for less of the document with the parameter project."));
	return text.data;
}

static WalcuRequest *
request_from_arguments(const WalcuOptions *options, const char *method, const char *path)
{
	WalcuRequest *request;

	foreign_server_require_dealer(options);
	method = find_method(method);
	if (strcmp(method, "GET") != 0)
		read_only_refuse(psprintf("%s by walcu_fdw_request", method));
	request = request_create(options, method);
	add_segments(request, path);
	return request;
}

static const char *
find_method(const char *method)
{
	static const char *const methods[] = {"GET", "POST", "PATCH", "PUT", "DELETE"};

	for (int i = 0; i < lengthof(methods); i++)
	{
		if (pg_strcasecmp(method, methods[i]) == 0)
			return methods[i];
	}
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid HTTP method \"%s\"", method),
			errhint("Valid methods are GET, POST, PATCH, PUT and DELETE."));
}

/* Add the segments of a path that SQL gave; it must stay below the dealer. */
static void
add_segments(WalcuRequest *request, const char *path)
{
	char *copy = pstrdup(path[0] == '/' ? path + 1 : path);
	char *segment = copy;

	while (segment)
	{
		char *slash = strchr(segment, '/');

		if (slash)
			*slash = '\0';
		if (segment[0] == '\0' || strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0)
			ereport(
				ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid path \"%s\"", path),
				errdetail("A segment of it is empty, \".\" or \"..\"."),
				errhint("Give the path below the dealer, such as '/cars' or '/cars/5f2b1c9e8d3a4b0012345678';"
						" parameters go into the argument query."));
		request_add_segment(request, segment);
		segment = slash ? slash + 1 : NULL;
	}
}

static void
add_query(WalcuRequest *request, Jsonb *query)
{
	JsonbIterator *iterator;
	JsonbValue key;
	JsonbValue value;

	if (!JB_ROOT_IS_OBJECT(query))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("query must be a JSON object"),
				errhint("Give an object such as '{\"q\": {\"make\": \"SEAT\"}, \"limit\": 10}'."));
	iterator = JsonbIteratorInit(&query->root);
	JsonbIteratorNext(&iterator, &key, false);
	while (JsonbIteratorNext(&iterator, &key, true) == WJB_KEY)
	{
		Jsonb *json;

		JsonbIteratorNext(&iterator, &value, true);
		json = JsonbValueToJsonb(&value);
		request_add_parameter(request, pnstrdup(key.val.string.val, key.val.string.len),
							  value.type == jbvString ? pnstrdup(value.val.string.val, value.val.string.len)
													  : JsonbToCString(NULL, &json->root, VARSIZE(json)));
	}
}
