/*
 * utf8.c
 *	  Between UTF-8, which the service speaks, and the database's encoding.
 *
 * Everything that comes from the service or goes there in a database that is not in UTF-8 passes here.  An
 * encoding may lack a character, and a text may not be one in UTF-8: then it is the caller who knows
 * whether that is an error, and of what.  Texts also compare otherwise in other encodings, which decides
 * what of a condition can be sent.
 *
 * A database in SQL_ASCII knows bytes only, which are taken as UTF-8.
 */
#include "postgres.h"

#include "base/utf8.h"

#include "base/compat.h"
#include "catalog/namespace.h"
#include "utils/memutils.h"

/* Bytes that are converted at a time, so that what they become has room in one piece of memory. */
#define PIECE (16 * 1024 * 1024)

static int convert_piece(int from, int to, const char *bytes, int length, StringInfo result);
static int measure_ascii(const char *bytes, int length);
static void append_escaped(StringInfo text, const char *character);
static bool is_one_to_one(void);

/*
 * Append bytes, which must be valid UTF-8, to a text in the database's encoding; false when it lacks a
 * character, and then the text is of no use.
 */
bool
utf8_to_server(const char *bytes, size_t length, StringInfo text)
{
	while (length > 0)
	{
		int piece = pg_encoding_mbcliplen(PG_UTF8, bytes, Min(length, PIECE), PIECE);

		if (convert_piece(PG_UTF8, GetDatabaseEncoding(), bytes, piece, text) < piece)
			return false;
		bytes += piece;
		length -= piece;
	}
	return true;
}

/*
 * Bytes, which must be valid UTF-8, as a text in the database's encoding.  What it lacks is written as
 * JSON does, \u20ac: messages show that, and in a string of JSON it means the same.
 */
char *
utf8_to_server_escaped(const char *bytes, size_t length)
{
	StringInfoData text;

	initStringInfo(&text);
	while (length > 0)
	{
		int piece = pg_encoding_mbcliplen(PG_UTF8, bytes, Min(length, PIECE), PIECE);
		int converted = convert_piece(PG_UTF8, GetDatabaseEncoding(), bytes, piece, &text);

		if (converted < piece)
		{
			append_escaped(&text, bytes + converted);
			converted += pg_utf_mblen((const unsigned char *) bytes + converted);
		}
		bytes += converted;
		length -= converted;
	}
	return text.data;
}

/*
 * A text of the database in UTF-8, or the text itself where that is the same; NULL when it is none in
 * UTF-8.
 */
const char *
utf8_from_server(const char *text)
{
	int length;
	StringInfoData utf8;

	if (utf8_is_server_encoding())
		return text;
	length = strlen(text);
	if (measure_ascii(text, length) == length)
		return text;
	initStringInfo(&utf8);
	if (convert_piece(GetDatabaseEncoding(), PG_UTF8, text, length, &utf8) < length)
		return NULL;
	return utf8.data;
}

/* The same, with an error for a text that is none in UTF-8: 22P05. */
const char *
utf8_require(const char *text)
{
	const char *utf8 = utf8_from_server(text);

	if (utf8 == NULL)
		ereport(ERROR, errcode(ERRCODE_UNTRANSLATABLE_CHARACTER), errmsg("text cannot be sent as UTF-8"),
				errdetail("It has bytes or a character of the encoding %s that UTF-8 does not have.",
						  GetDatabaseEncodingName()));
	return utf8;
}

/* Can every text of the service be one in this database? */
bool
utf8_lacks_nothing(void)
{
	return utf8_is_server_encoding() || GetDatabaseEncoding() == PG_SQL_ASCII;
}

/* Is a text the only one here that its text in UTF-8 becomes, and the other way round? */
bool
utf8_means_same(const char *text)
{
	int length = strlen(text);

	if (utf8_is_server_encoding() || measure_ascii(text, length) == length)
		return true;
	return is_one_to_one() && utf8_from_server(text) != NULL;
}

/*
 * Are texts on the same side of this one, or of any for NULL, by their bytes as they are by those in
 * UTF-8?
 */
bool
utf8_orders_alike(const char *text)
{
	if (utf8_lacks_nothing() || GetDatabaseEncoding() == PG_LATIN1)
		return true;
	/* what is not ASCII is behind ASCII in every encoding */
	return text && measure_ascii(text, strlen(text)) == strlen(text);
}

/* Has every text as many characters here as in UTF-8? */
bool
utf8_counts_alike(void)
{
	return is_one_to_one() && GetDatabaseEncoding() != PG_SQL_ASCII;
}

/*
 * Convert as much as there is an equivalent of, and append it to a text; returns how many bytes that were.
 * PostgreSQL has no conversion between UTF-8 and MULE_INTERNAL: there, only ASCII is converted.
 */
static int
convert_piece(int from, int to, const char *bytes, int length, StringInfo result)
{
	int server = (from == PG_UTF8) ? to : from;
	Oid function;
	char *converted;
	int room;
	int taken;

	if (server == PG_SQL_ASCII || server == PG_UTF8)
		taken = (to == PG_UTF8) ? pg_encoding_verifymbstr(PG_UTF8, bytes, length) : length;
	else
		taken = measure_ascii(bytes, length);
	appendBinaryStringInfo(result, bytes, taken);
	if (taken == length || server == PG_SQL_ASCII || server == PG_UTF8)
		return taken;
	function = FindDefaultConversionProc(from, to);
	if (!OidIsValid(function))
		return taken;
	/* the function converts less where it has less room than everything may need */
	room = (length - taken + 2) * MAX_CONVERSION_GROWTH;
	converted = palloc(room);
	taken += pg_do_encoding_conversion_buf(function, from, to, (unsigned char *) bytes + taken,
										   length - taken, (unsigned char *) converted, room, true);
	appendStringInfoString(result, converted);
	pfree(converted);
	return taken;
}

/* How many bytes at the beginning are ASCII? */
static int
measure_ascii(const char *bytes, int length)
{
	int ascii = 0;

	while (ascii < length && !IS_HIGHBIT_SET(bytes[ascii]))
		ascii++;
	return ascii;
}

static void
append_escaped(StringInfo text, const char *character)
{
	pg_wchar code = utf8_to_unicode((const unsigned char *) character);

	if (code >= 0x10000)
	{
		appendStringInfo(text, "\\u%04x", 0xd800 + ((code - 0x10000) >> 10));
		code = 0xdc00 + ((code - 0x10000) & 0x3ff);
	}
	appendStringInfo(text, "\\u%04x", code);
}

/*
 * Some encodings have one character for several of Unicode's, or for two in a row; PostgreSQL's tables for
 * these were looked through.
 */
static bool
is_one_to_one(void)
{
	switch (GetDatabaseEncoding())
	{
		case PG_EUC_JP:
		case PG_EUC_JIS_2004:
		case PG_EUC_TW:
			return false;
		default:
			return !compat_is_mule_internal(GetDatabaseEncoding());
	}
}
