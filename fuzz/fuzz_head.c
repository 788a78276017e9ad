/*
 * fuzz_head.c
 *	  Does the head of a reply say what regular expressions of PostgreSQL find in its lines?
 *
 * Each line is handed over as curl does: in memory of its own, which nothing ends.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "fuzz.h"
#include "http/reply_head.h"
#include "truth.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

/* What the lines since the last status say, by the regular expressions. */
typedef struct HeadTruth
{
	char *has_more;
	char *encoding;
	char *content_type;
	char *location;
	char *date;
	char *retry_after;
	bool is_delimited;
} HeadTruth;

static void take_line(HeadTruth *truth, const char *line);
static void note_header(const char *line, const char *name, char **value);
static bool matches(const char *text, const char *pattern);
static void compare_head(const WalcuReplyHead *head, const HeadTruth *truth);
static double read_number(const char *text);
static void compare_text(const char *name, const char *found, const char *truth, size_t size);

void
fuzz_head(FuzzInput *input)
{
	WalcuReplyHead head = {WALCU_MORE_UNKNOWN};
	HeadTruth truth = {NULL};
	bool is_text = true;

	while (input->at < input->end)
	{
		FuzzInput line = fuzz_line(input);
		size_t length = Min(line.end + 1, input->end) - line.at;
		char *bytes = fuzz_copy(line.at, length, 0);
		char *text = fuzz_copy(line.at, length, 1);

		reply_head_take_line(&head, bytes, length);
		for (size_t i = 0; i < length; i++)
			is_text &= (text[i] != '\0' && (unsigned char) text[i] < 0x80);
		if (!is_text)
			continue;
		take_line(&truth, text);
		if (reply_head_is_end(bytes, length) != matches(text, "^(\\r.*)?\\n$"))
			fuzz_finding("%s is the end", fuzz_shown(text, length));
	}
	if (is_text)
		compare_head(&head, &truth);
	else
		(void) (reply_head_is_json(&head) && reply_head_retry_after(&head) > 0);
}

static void
take_line(HeadTruth *truth, const char *line)
{
	if (matches(line, "(?i)^HTTP/."))
	{
		memset(truth, 0, sizeof(*truth));
		truth->is_delimited = matches(line, "(?i)^HTTP/[2-9:-~]");
	}
	truth->is_delimited |= matches(line, "(?i)^(Content-Length|Transfer-Encoding):");
	note_header(line, "MAPP-has-more", &truth->has_more);
	note_header(line, "Content-Encoding", &truth->encoding);
	note_header(line, "Content-Type", &truth->content_type);
	note_header(line, "Location", &truth->location);
	note_header(line, "Date", &truth->date);
	note_header(line, "Retry-After", &truth->retry_after);
}

/* The header's value in a line, without the blanks around it, if the line has that header. */
static void
note_header(const char *line, const char *name, char **value)
{
	char *pattern = psprintf("(?i)^%s:[ \t]*(.*?)[ \t\r\n]*$", name);

	if (matches(line, pattern))
		*value = TextDatumGetCString(DirectFunctionCall2Coll(
			textregexsubstr, C_COLLATION_OID, CStringGetTextDatum(line), CStringGetTextDatum(pattern)));
}

static bool
matches(const char *text, const char *pattern)
{
	return DatumGetBool(DirectFunctionCall2Coll(textregexeq, C_COLLATION_OID, CStringGetTextDatum(text),
												CStringGetTextDatum(pattern)));
}

static void
compare_head(const WalcuReplyHead *head, const HeadTruth *truth)
{
	const char *more = truth->has_more ? truth->has_more : "";
	const char *wait = truth->retry_after ? truth->retry_after : "";
	WalcuHasMore has_more = matches(more, "(?i)^true$")    ? WALCU_MORE_YES
							: matches(more, "(?i)^false$") ? WALCU_MORE_NO
														   : WALCU_MORE_UNKNOWN;

	if (head->has_more != has_more)
		fuzz_finding("more documents: %d, not %d", head->has_more, has_more);
	if (head->is_encoded != (truth->encoding && !matches(truth->encoding, "(?i)^identity$")))
		fuzz_finding("the body is compressed: %d", head->is_encoded);
	if (head->is_delimited != truth->is_delimited)
		fuzz_finding("the body has an end of its own: %d", head->is_delimited);
	compare_text("Content-Type", head->content_type, truth->content_type, sizeof(head->content_type));
	compare_text("Location", head->location, truth->location, sizeof(head->location));
	compare_text("Date", head->date, truth->date, sizeof(head->date));
	compare_text("Retry-After", head->retry_after, truth->retry_after, sizeof(head->retry_after));
	if (reply_head_is_json(head) !=
		(head->content_type[0] == '\0' || matches(head->content_type, "(?i)json")))
		fuzz_finding("the body may be JSON: %d", reply_head_is_json(head));
	if (matches(wait, "^[0-9]+$") && strlen(wait) < 20 && reply_head_retry_after(head) != read_number(wait))
		fuzz_finding("to be waited for: %g s, not %s", reply_head_retry_after(head), wait);
	if (!(reply_head_retry_after(head) >= 0))
		fuzz_finding("to be waited for: %g s", reply_head_retry_after(head));
}

static double
read_number(const char *text)
{
	Datum number;

	if (!truth_input("float8", text, &number))
		fuzz_finding("PostgreSQL does not take the number %s", text);
	return DatumGetFloat8(number);
}

/* A long value is cut. */
static void
compare_text(const char *name, const char *found, const char *truth, size_t size)
{
	const char *cut = truth ? pnstrdup(truth, size - 1) : "";

	if (strcmp(found, cut) != 0)
		fuzz_finding("%s is %s, not %s", name, fuzz_shown(found, strlen(found)),
					 fuzz_shown(cut, strlen(cut)));
}
