/*
 * reply.c
 *	  Turn what the service answers instead of documents into SQL errors.
 *
 * Called by the sources of a scan and by single calls once the head of a reply
 * is here.  The service's own message is passed on, without credentials.
 */
#include "postgres.h"

#include <jansson.h>

#include "compat.h"
#include "mb/pg_wchar.h"
#include "reply.h"

/* Characters of the service's message that are shown. */
#define MESSAGE_SIZE 500

/* What an HTTP status means; the descriptions are of walcu-crm-api and RFC 9110. */
static const struct
{
	int status;
	int sqlstate;
	const char *hint;
} statuses[] = {
	{400, ERRCODE_INVALID_PARAMETER_VALUE, NULL},
	{401, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, "Check the credentials of the user mapping."},
	{403, ERRCODE_INSUFFICIENT_PRIVILEGE,
	 "The credentials of the user mapping do not allow this; check them and dealer_id."},
	{404, ERRCODE_FDW_TABLE_NOT_FOUND,
	 "Check the server options endpoint and dealer_id and the table option resource."},
	{408, ERRCODE_CONNECTION_FAILURE, NULL},
	{409, ERRCODE_UNIQUE_VIOLATION, NULL},
	{413, ERRCODE_PROGRAM_LIMIT_EXCEEDED, NULL},
	{414, ERRCODE_PROGRAM_LIMIT_EXCEEDED, NULL},
	{422, ERRCODE_CHECK_VIOLATION, NULL},
	{429, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
	 "The service limits the number of requests; try again later."},
	{431, ERRCODE_PROGRAM_LIMIT_EXCEEDED, NULL},
};

pg_noreturn static void raise_status(const WalcuTransfer *transfer, const char *credential);
pg_noreturn static void raise_redirect(const WalcuTransfer *transfer, const char *credential);
static char *service_message(const WalcuTransfer *transfer, const char *credential);
static char *json_error_text(const char *body, size_t length);
static char *printable(const char *text, size_t length, const char *credential);
static void redact(char *message, const char *credential);

/*
 * Is the reply a success that carries JSON?  Raises the fitting error when not; for a
 * status that is not a success, only once the error body is whole.
 */
void
reply_check(const WalcuTransfer *transfer, const char *credential)
{
	if (transfer->status >= 300 && transfer->status < 400)
		raise_redirect(transfer, credential);
	if (transfer->status >= 400 && transfer->done)
		raise_status(transfer, credential);
	if (transfer->status < 300 && transfer->content_type[0] != '\0' &&
		strstr(transfer->content_type, "json") == NULL)
		ereport(ERROR, errcode(ERRCODE_PROTOCOL_VIOLATION),
				errmsg("server \"%s\" answered with content type \"%s\" instead of JSON",
					   transfer->options->server_name,
					   printable(transfer->content_type, strlen(transfer->content_type), credential)),
				errdetail("The request was %s.", transfer->request->label.data),
				errhint("Check the server option endpoint."));
}

/* A reply whose bytes are not what the API promises. */
void
reply_raise_malformed(const WalcuTransfer *transfer, const char *reason)
{
	ereport(
		ERROR, errcode(ERRCODE_PROTOCOL_VIOLATION),
		errmsg("server \"%s\" answered with a malformed reply: %s", transfer->options->server_name, reason),
		errdetail("The request was %s.", transfer->request->label.data));
}

static void
raise_status(const WalcuTransfer *transfer, const char *credential)
{
	int sqlstate = (transfer->status >= 500) ? ERRCODE_CONNECTION_FAILURE : ERRCODE_FDW_ERROR;
	const char *hint = NULL;
	char *message = service_message(transfer, credential);

	for (int i = 0; i < lengthof(statuses); i++)
	{
		if (statuses[i].status == transfer->status)
		{
			sqlstate = statuses[i].sqlstate;
			hint = statuses[i].hint;
		}
	}
	ereport(ERROR, errcode(sqlstate),
			errmsg("server \"%s\" answered %d%s%s", transfer->options->server_name, transfer->status,
				   message[0] ? ": " : "", message),
			errdetail("The request was %s.", transfer->request->label.data), hint ? errhint("%s", hint) : 0);
}

/* Redirects are not followed: they would carry credentials to an unnamed place. */
static void
raise_redirect(const WalcuTransfer *transfer, const char *credential)
{
	ereport(ERROR, errcode(ERRCODE_PROTOCOL_VIOLATION),
			errmsg("server \"%s\" answered %d, a redirect, which is not followed",
				   transfer->options->server_name, transfer->status),
			errdetail("The request was %s; the redirect leads to \"%s\".", transfer->request->label.data,
					  printable(transfer->location, strlen(transfer->location), credential)),
			errhint("If that place is right, set the server option endpoint to it."));
}

/* The service's words: the "error" of a JSON body, else the body's beginning. */
static char *
service_message(const WalcuTransfer *transfer, const char *credential)
{
	char *text = json_error_text(transfer->data, transfer->length);

	return text ? printable(text, strlen(text), credential)
				: printable(transfer->data, transfer->length, credential);
}

static char *
json_error_text(const char *body, size_t length)
{
	json_t *document = length > 0 ? json_loadb(body, length, JSON_ALLOW_NUL, NULL) : NULL;
	json_t *error = json_object_get(document, "error");
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
 * are taken out before, as half of one would not be found.
 */
static char *
printable(const char *text, size_t length, const char *credential)
{
	int valid = length > 0 ? pg_encoding_verifymbstr(PG_UTF8, text, (int) length) : 0;
	char *copy = pnstrdup(text ? text : "", valid);

	redact(copy, credential);
	copy[pg_encoding_mbcliplen(PG_UTF8, copy, valid, MESSAGE_SIZE)] = '\0';
	for (char *c = copy; *c; c++)
	{
		if ((unsigned char) *c < ' ' || *c == 0x7f)
			*c = ' ';
	}
	return copy;
}

/*
 * A service that repeats what it was sent must not put credentials into a message: a header's
 * value, the token in it, nor what HTTP Basic has encoded.
 */
static void
redact(char *message, const char *credential)
{
	const char *value = credential ? strchr(credential, ':') + 2 : NULL;
	const char *word = value ? strrchr(value, ' ') : NULL;
	bool basic = word && strncmp(value, "Basic ", 6) == 0;
	const char *plain = basic ? compat_base64_text(word + 1, strlen(word + 1)) : NULL;
	const char *password = plain ? strchr(plain, ':') : NULL;
	const char *secrets[] = {value, word ? word + 1 : NULL, plain, password ? password + 1 : NULL};

	for (int i = 0; i < lengthof(secrets); i++)
	{
		size_t length = secrets[i] ? strlen(secrets[i]) : 0;
		char *found = message;

		while (length > 0 && (found = strstr(found, secrets[i])) != NULL)
		{
			memset(found, '*', length);
			found += length; /* the secret may itself be of asterisks */
		}
	}
}
