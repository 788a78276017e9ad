/*
 * trace.c
 *	  How a request is found again: in the server's log, and in the logs of the service.
 *
 * The settings are those of docs/options.md: walcu_fdw.log_min_request_duration for this side's log,
 * walcu_fdw.traceparent and walcu_fdw.request_id for the service's.  Called by curl_easy.c and transfer.c.
 */
#include "postgres.h"

#include <limits.h>

#include "http/trace.h"

#include "base/text.h"
#include "utils/guc.h"

/* The longest id of a request, in bytes: proxies commonly cut or refuse longer ones. */
#define MAX_REQUEST_ID 128

/* The length of a traceparent of version 00, the one that there is: W3C Trace Context, section 3.2. */
#define TRACEPARENT_LENGTH 55

static int log_min_request_duration = -1;
static char *traceparent = NULL;
static char *request_id = NULL;

static bool check_traceparent(char **value, void **extra, GucSource source);
static bool is_all_zeros(const char *digits, int length);
static bool check_request_id(char **value, void **extra, GucSource source);

/* Defines the settings; called once, when the library is loaded. */
void
trace_init(void)
{
	DefineCustomIntVariable("walcu_fdw.log_min_request_duration",
							"Time above which a request is written to the server's log.",
							"0 writes all of them, -1 none.", &log_min_request_duration,
							log_min_request_duration, -1, INT_MAX, PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomStringVariable("walcu_fdw.traceparent",
							   "The header traceparent that requests to the service have.",
							   "As W3C Trace Context has it; an empty one sends no header.", &traceparent, "",
							   PGC_USERSET, 0, check_traceparent, NULL, NULL);
	DefineCustomStringVariable(
		"walcu_fdw.request_id", "The header X-Request-Id that requests to the service have.",
		"An empty one sends no header.", &request_id, "", PGC_USERSET, 0, check_request_id, NULL, NULL);
}

/* 00-<32 hexadecimal digits>-<16>-<2>, in lower case; ids of zeros alone are none. */
static bool
check_traceparent(char **value, void **extra, GucSource source)
{
	static const char form[] = "00-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
	const char *text = *value;
	bool fits = strlen(text) == TRACEPARENT_LENGTH;

	if (*text == '\0')
		return true;
	for (int i = 0; fits && form[i] != '\0'; i++)
		fits = (form[i] == 'h') ? strchr("0123456789abcdef", text[i]) != NULL : form[i] == text[i];
	if (fits && !is_all_zeros(text + 3, 32) && !is_all_zeros(text + 36, 16))
		return true;
	GUC_check_errdetail(
		"It has the form 00-<32 digits>-<16 digits>-<2 digits>; the digits are hexadecimal, in "
		"lower case, and the first two ids are not zero.");
	return false;
}

static bool
is_all_zeros(const char *digits, int length)
{
	return strspn(digits, "0") >= length;
}

/* What a header can have without quotes, and without ending its line. */
static bool
check_request_id(char **value, void **extra, GucSource source)
{
	bool fits = strlen(*value) <= MAX_REQUEST_ID;

	for (const char *c = *value; fits && *c != '\0'; c++)
		fits = *c > ' ' && *c <= '~';
	if (!fits)
		GUC_check_errdetail("It has %d visible characters of ASCII at most, and no spaces.", MAX_REQUEST_ID);
	return fits;
}

/* The line of a request's head, or NULL for none; good until the next call. */
const char *
trace_parent_line(void)
{
	static char line[sizeof("traceparent: ") + TRACEPARENT_LENGTH];

	if (*traceparent == '\0')
		return NULL;
	snprintf(line, sizeof(line), "traceparent: %s", traceparent);
	return line;
}

/* The line of a request's head, or NULL for none; good until the next call. */
const char *
trace_request_id_line(void)
{
	static char line[sizeof("X-Request-Id: ") + MAX_REQUEST_ID];

	if (*request_id == '\0')
		return NULL;
	snprintf(line, sizeof(line), "X-Request-Id: %s", request_id);
	return line;
}

/*
 * Writes a request that has ended to the server's log, if it took as long as the setting says.  status is
 * that of the reply, of whose body so many bytes came, and 0 where none came.  The time is that from its
 * sending to the end of the reply: waits for a turn are not part of it.
 */
void
trace_log_if_slow(const WalcuCurlEasy *handle, const WalcuRequest *request, int status, uint64 bytes)
{
	double milliseconds = walcu_curl_multi_now() - handle->began_at;
	char outcome[32] = "no reply";

	if (log_min_request_duration < 0 || milliseconds < log_min_request_duration)
		return;
	if (status != 0)
		snprintf(outcome, sizeof(outcome), "status %d", status);
	ereport(LOG,
			errmsg("request to server \"%s\" took %.0f ms: %s, " UINT64_FORMAT " bytes",
				   handle->options->server_name, milliseconds, outcome, bytes),
			errdetail("The request was %s.", text_shown(request->label.data, TEXT_OF_REQUEST)));
}
