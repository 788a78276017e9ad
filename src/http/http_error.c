/*
 * http_error.c
 *	  Turn what the service answers instead of documents into SQL errors.
 *
 * Called by the files of fetch/, by writes and by single calls once the head of a reply
 * is here.  The service's own message is passed on, without credentials.
 */
#include "postgres.h"

#include <jansson.h>

#include "base/compat.h"
#include "base/text.h"
#include "base/url.h"
#include "base/utf8.h"
#include "http/credential_hint.h"
#include "http/curl_error.h"
#include "http/redact.h"
#include "http/http_error.h"

/* Characters of the service's message that are shown. */
#define MESSAGE_SIZE 500

/* Bytes of it that are looked at, as credentials are taken out before it is cut. */
#define MAX_LOOKED_AT 8192

#define NO_JOB_HINT "The option fetch_mode 'parallel' reads pages instead of a background job's results."

#define FORMAT_HINT                                                                                          \
	"The service may understand \"sort\" or \"project\" in another format, or not at all: set the server "   \
	"option sort_format or project_format.  The function walcu_fdw_check tells which."

#define DESCRIPTION_HINT "The service's description is requested without credentials."

/*
 * What an HTTP status means; the descriptions are of walcu-crm-api and RFC 9110.  Calls of
 * walcu_fdw_request and imports have other things to check than a table, where that is said.
 */
static const struct
{
	int status;
	int sqlstate;
	const char *hint;
	const char *call_hint;
	const char *import_hint;
} statuses[] = {
	{304, ERRCODE_PROTOCOL_VIOLATION, "No request is conditional: look for a cache in front of the service."},
	{400, ERRCODE_INVALID_PARAMETER_VALUE},
	{401, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, NULL, NULL, DESCRIPTION_HINT},
	{403, ERRCODE_INSUFFICIENT_PRIVILEGE, NULL, NULL, DESCRIPTION_HINT},
	{404, ERRCODE_FDW_TABLE_NOT_FOUND,
	 "Check the server options endpoint and dealer_id and the table option resource.",
	 "Check the argument path and the server options endpoint and dealer_id; parameters of the URL go into "
	 "the argument query.",
	 "Check the server option endpoint."},
	{408, ERRCODE_CONNECTION_FAILURE},
	{409, ERRCODE_UNIQUE_VIOLATION},
	{413, ERRCODE_PROGRAM_LIMIT_EXCEEDED},
	{414, ERRCODE_PROGRAM_LIMIT_EXCEEDED},
	{422, ERRCODE_CHECK_VIOLATION},
	{429, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
	 "The service limits the number of requests; try again later."},
	{431, ERRCODE_PROGRAM_LIMIT_EXCEEDED},
	{500, ERRCODE_CONNECTION_FAILURE},
};

pg_noreturn static void raise_status(const WalcuTransfer *transfer, const char *credential);
pg_noreturn static void raise_redirect(const WalcuTransfer *transfer, const char *credential);
static const char *find_status_hint(const WalcuTransfer *transfer, const char *credential, int row);
static char *read_json_error(const char *body, size_t length);
static char *make_printable(const char *text, size_t length, bool whole, const char *credential);

/*
 * Is the reply a success that carries JSON, as far as it has come?  Raises the fitting error when
 * not; for a status that is not a success, only once the error body is whole.
 */
void
http_error_check(const WalcuTransfer *transfer, const char *credential)
{
	if (transfer->failure.kind != WALCU_CURL_ERROR_NONE)
		walcu_curl_error_raise(transfer);
	if (transfer->status == 0)
		return;
	if (transfer->status >= 300 && transfer->status < 400 && transfer->head.location[0] != '\0')
		raise_redirect(transfer, credential);
	if (transfer->status >= 300 && transfer->done)
		raise_status(transfer, credential);
	if (transfer->status < 300)
		http_error_check_type(transfer, credential);
}

/* Does the head of a success promise JSON?  Raises an error when not. */
void
http_error_check_type(const WalcuTransfer *transfer, const char *credential)
{
	const char *type = transfer->head.content_type;

	if (transfer->request->is_download || reply_head_is_json(&transfer->head))
		return;
	ereport(ERROR, errcode(ERRCODE_PROTOCOL_VIOLATION),
			errmsg("server \"%s\" answered with content type \"%s\" instead of JSON",
				   transfer->options->server_name,
				   make_printable(type, strlen(type), strlen(type) < sizeof(transfer->head.content_type) - 1,
								  credential)),
			transfer_errdetail(transfer), errhint("Check the server option endpoint."));
}

/*
 * Why a reply is of no use where one can do without it: what http_error_check would raise, in a few words
 * that go on from "it was"; NULL when it is a success, as far as it has come.  A 404 has nothing more to say,
 * and what a failing service says is for its operators.
 */
char *
http_error_obstacle(const WalcuTransfer *transfer, const char *credential)
{
	int status = transfer->status;
	const char *type = transfer->head.content_type;
	char *message;

	if (transfer->failure.kind != WALCU_CURL_ERROR_NONE)
		return psprintf("not answered: %s", walcu_curl_error_text(transfer));
	if (status >= 300 && transfer->done)
	{
		message = (status == 404 || status >= 500) ? "" : http_error_words(transfer, credential);
		return psprintf("answered %d%s%s", status, message[0] ? ": " : "", message);
	}
	if (status == 0 || status >= 300 || transfer->request->is_download || reply_head_is_json(&transfer->head))
		return NULL;
	return psprintf("answered with content type \"%s\"", http_error_printable(type, credential));
}

/* A word of the service as it can stand in a message. */
char *
http_error_printable(const char *text, const char *credential)
{
	return make_printable(text, strlen(text), true, credential);
}

/* A reply whose bytes are not what the API promises. */
void
http_error_raise_malformed(const WalcuTransfer *transfer, const char *reason)
{
	ereport(
		ERROR, errcode(ERRCODE_PROTOCOL_VIOLATION),
		errmsg("server \"%s\" answered with a malformed reply: %s", transfer->options->server_name, reason),
		transfer_errdetail(transfer), transfer->request->is_download ? errhint(NO_JOB_HINT) : 0);
}

static void
raise_status(const WalcuTransfer *transfer, const char *credential)
{
	int sqlstate = (transfer->status >= 500)  ? ERRCODE_CONNECTION_FAILURE
				   : (transfer->status < 400) ? ERRCODE_PROTOCOL_VIOLATION
											  : ERRCODE_FDW_ERROR;
	const char *hint = NULL;
	char *message = http_error_words(transfer, credential);

	for (int i = 0; i < lengthof(statuses); i++)
	{
		if (statuses[i].status == transfer->status)
		{
			sqlstate = statuses[i].sqlstate;
			hint = find_status_hint(transfer, credential, i);
		}
	}
	if (transfer->retry_after * 1000 > transfer->options->max_retry_wait)
		hint = psprintf("The service asks to wait %.0f s, more than the server option max_retry_wait allows.",
						transfer->retry_after);
	else if (transfer->status == 429 && transfer->attempt.held > 0)
		hint = "The service limits the number of requests; try again later, or raise the server option "
			   "max_retry_wait: it was waited for as long as that allows.";
	ereport(ERROR, errcode(sqlstate),
			errmsg("server \"%s\" answered %d%s%s", transfer->options->server_name, transfer->status,
				   message[0] ? ": " : "", message),
			transfer_errdetail(transfer), hint ? errhint("%s", hint) : 0);
}

/* An import sends no credentials, and a single call has no table. */
static const char *
find_status_hint(const WalcuTransfer *transfer, const char *credential, int row)
{
	const char *hint = statuses[row].hint;
	bool is_refused = transfer->status == 400 || transfer->status == 422;

	if (credential == NULL)
		return statuses[row].import_hint ? statuses[row].import_hint : hint;
	if (transfer->status == 401)
		return credential_hint_unknown(transfer->request, credential);
	if (transfer->status == 403)
		return credential_hint_forbidden(transfer->request, credential);
	if (transfer->request->extra && is_refused)
		return psprintf(
			"The service may not take the parameter %s, or not with this value: leave it to SQL to "
			"%s.",
			transfer->request->extra, strcmp(transfer->request->extra, "search") == 0 ? "filter" : "group");
	if (transfer->options->resource == NULL)
		return statuses[row].call_hint ? statuses[row].call_hint : hint;
	if (transfer->request->has_format && is_refused)
		return FORMAT_HINT;
	if (transfer->request->has_format && transfer->status == 500)
		return "If it always answers so: " FORMAT_HINT;
	return hint;
}

/*
 * Redirects are not followed: they would carry credentials to an unnamed place.  Those of a job's results,
 * where none are carried, are followed as far as reply_reader.c lets them.  The place is shown without what
 * others put credentials into.
 */
static void
raise_redirect(const WalcuTransfer *transfer, const char *credential)
{
	const char *location = transfer->head.location;
	bool is_whole = strlen(location) < sizeof(transfer->head.location) - 1 || strchr(location, '?') != NULL;
	const char *place = url_without_secrets(location);

	ereport(ERROR, errcode(ERRCODE_PROTOCOL_VIOLATION),
			errmsg("server \"%s\" answered %d, a redirect, which is not followed",
				   transfer->options->server_name, transfer->status),
			errdetail("The request was %s; the redirect leads to \"%s\".",
					  text_shown(transfer->request->label.data, TEXT_OF_REQUEST),
					  make_printable(place, strlen(place), is_whole, credential)),
			transfer->request->is_download
				? errhint("A redirect of a background job's results is followed as the server option "
						  "results_redirects says. %s",
						  NO_JOB_HINT)
				: errhint("If that place is right, set the server option endpoint to it."));
}

/* The service's words: the "error" of a JSON body, the JSON, or the body's beginning. */
char *
http_error_words(const WalcuTransfer *transfer, const char *credential)
{
	char *text = read_json_error(transfer->data, transfer->length);

	return text ? make_printable(text, strlen(text), true, credential)
				: make_printable(transfer->data, transfer->length, true, credential);
}

/* JSON is written anew, so that what it says stands there in one form. */
static char *
read_json_error(const char *body, size_t length)
{
	json_t *document = length > 0 ? json_loadb(body, length, JSON_ALLOW_NUL, NULL) : NULL;
	json_t *member = json_object_get(document, "error");
	json_t *error = member ? member : document;
	char *dumped = NULL;
	char *text = NULL;

	/* nothing between here and json_decref raises but palloc, when memory is out */
	if (json_is_string(error))
		text = pstrdup(json_string_value(error));
	else if (error && (dumped = json_dumps(error, JSON_COMPACT | JSON_ENCODE_ANY)) != NULL)
		text = pstrdup(dumped);
	free(dumped);
	json_decref(document);
	return text;
}

/*
 * Text from outside as it can stand in a message: one line of valid UTF-8, cut.  Credentials
 * are taken out before, as half of one would not be found; whole tells that none was cut
 * before that.
 */
static char *
make_printable(const char *text, size_t length, bool whole, const char *credential)
{
	size_t looked_at = Min(length, MAX_LOOKED_AT);
	int valid = length > 0 ? pg_encoding_verifymbstr(PG_UTF8, text, (int) looked_at) : 0;
	char *copy = pnstrdup(text ? text : "", valid);

	redact_text(copy, whole && valid == length, credential);
	copy[pg_encoding_mbcliplen(PG_UTF8, copy, valid, MESSAGE_SIZE)] = '\0';
	for (char *c = copy; *c; c++)
	{
		if ((unsigned char) *c < ' ' || *c == 0x7f)
			*c = ' ';
	}
	return utf8_is_server_encoding() ? copy : utf8_to_server_escaped(copy, strlen(copy));
}
