/*
 * reply_head.c
 *	  What the head of a reply says, line by line.
 *
 * transfer.c passes each line on, from within a callback of libcurl: nothing in here may raise an error.  The
 * status is curl's to read.
 */
#include "postgres.h"

#include <curl/curl.h>
#include <time.h>

#include "http/reply_head.h"

#include "base/text.h"

static bool read_header(const char *line, size_t length, const char *name, char *value, size_t size);
static WalcuHasMore has_more_of(const char *value);
static void take_version(WalcuReplyHead *head, const char *text, size_t length);
static void take_rate(WalcuReplyHead *head, const char *line, size_t length);

/* Note what a line says; a header that comes twice says what it says last. */
void
reply_head_take_line(WalcuReplyHead *head, const char *line, size_t length)
{
	char value[16];

	/* a head begins; one of a status such as 103 may stand before that of the reply */
	if (length > 5 && pg_strncasecmp(line, "HTTP/", 5) == 0)
	{
		*head = (WalcuReplyHead){.is_delimited = line[5] > '1'};
		take_version(head, line + 5, length - 5);
	}
	head->is_delimited |= read_header(line, length, "Content-Length", value, sizeof(value)) ||
						  read_header(line, length, "Transfer-Encoding", value, sizeof(value));
	if (read_header(line, length, "MAPP-has-more", value, sizeof(value)))
		head->has_more = has_more_of(value);
	if (read_header(line, length, "Content-Encoding", value, sizeof(value)))
		head->is_encoded = pg_strcasecmp(value, "identity") != 0;
	read_header(line, length, "Content-Type", head->content_type, sizeof(head->content_type));
	read_header(line, length, "Location", head->location, sizeof(head->location));
	read_header(line, length, "Date", head->date, sizeof(head->date));
	read_header(line, length, "Retry-After", head->retry_after, sizeof(head->retry_after));
	take_rate(head, line, length);
}

/* Is it the empty line, behind which the body begins?  curl hands out one that is cut off, too. */
bool
reply_head_is_end(const char *line, size_t length)
{
	return length > 0 && line[length - 1] == '\n' && (line[0] == '\r' || line[0] == '\n');
}

/* May the body be JSON, as far as the head says?  Media types are of any case. */
bool
reply_head_is_json(const WalcuReplyHead *head)
{
	return head->content_type[0] == '\0' || text_contains(head->content_type, "json");
}

/* Can it be told that the body is whole, whatever it is? */
bool
reply_head_tells_end(const WalcuReplyHead *head)
{
	return head->is_delimited && !head->is_encoded;
}

/*
 * The seconds that the service asks to wait; 0 when it does not, or what it says cannot be read.  A date is
 * compared with the service's own clock where the reply tells it: that of this machine may be another.
 */
double
reply_head_retry_after(const WalcuReplyHead *head)
{
	const char *text = head->retry_after;
	size_t digits = strspn(text, "0123456789");
	time_t until;
	time_t now;

	if (text[0] == '\0')
		return 0;
	/* of any length: what is longer than any number is longer than any limit, too */
	if (text[digits] == '\0')
		return strtod(text, NULL);
	until = curl_getdate(text, NULL);
	now = curl_getdate(head->date, NULL);
	if (until == (time_t) -1)
		return 0;
	if (now == (time_t) -1)
		now = time(NULL);
	return Max(difftime(until, now), 0);
}

/* The value of a header, when the line is of that name; a long one is cut. */
static bool
read_header(const char *line, size_t length, const char *name, char *value, size_t size)
{
	size_t name_length = strlen(name);
	size_t kept;
	const char *start = line + name_length + 1;
	const char *end = line + length;

	if (length <= name_length || line[name_length] != ':' || pg_strncasecmp(line, name, name_length) != 0)
		return false;
	while (start < end && (*start == ' ' || *start == '\t'))
		start++;
	while (end > start && strchr(" \t\r\n", end[-1]) != NULL)
		end--;
	/* nothing ends the line but its length */
	kept = Min(size - 1, (size_t) (end - start));
	memcpy(value, start, kept);
	value[kept] = '\0';
	return true;
}

static WalcuHasMore
has_more_of(const char *value)
{
	if (pg_strcasecmp(value, "true") == 0)
		return WALCU_MORE_YES;
	return pg_strcasecmp(value, "false") == 0 ? WALCU_MORE_NO : WALCU_MORE_UNKNOWN;
}

/* The version stands between "HTTP/" and the first space. */
static void
take_version(WalcuReplyHead *head, const char *text, size_t length)
{
	size_t kept = 0;

	while (kept < Min(length, sizeof(head->version) - 1) && strchr(" \t\r\n", text[kept]) == NULL)
		kept++;
	memcpy(head->version, text, kept);
	head->version[kept] = '\0';
}

/* What the service tells of its limits on requests, in whatever words it has; as far as there is room. */
static void
take_rate(WalcuReplyHead *head, const char *line, size_t length)
{
	size_t used = strlen(head->rate);

	while (length > 0 && strchr("\r\n", line[length - 1]) != NULL)
		length--;
	if ((length > 9 && pg_strncasecmp(line, "RateLimit", 9) == 0) ||
		(length > 11 && pg_strncasecmp(line, "X-RateLimit", 11) == 0))
	{
		if (used + length + 2 > sizeof(head->rate) || memchr(line, '\0', length) != NULL)
			return;
		memcpy(head->rate + used, line, length);
		head->rate[used + length] = '\n';
		head->rate[used + length + 1] = '\0';
	}
}
