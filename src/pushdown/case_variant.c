/*
 * case_variant.c
 *	  Which characters can be the same as a given one where upper and lower case are.
 *
 * caseless_pattern.c asks.  What PostgreSQL takes for the same depends on the collation, its provider and the
 * versions of these; so a list has all that any of them takes, now or when Unicode has more letters: a
 * character whose letters are not listed here may be anything.  Texts are in UTF-8.
 *
 * Turkish and Azeri have i with and without a dot, German has no single letter for an upper ß, final sigma
 * is a letter of its own, and compatibility characters (the signs of Kelvin and Angstrom) are letters in
 * the other case.  By the full mappings of ICU one character becomes two or three; lower() has one of these
 * (İ), and upper() those of the table of expanding characters.  Lithuanian adds dots to letters with
 * accents: its collations are not known here.
 */
#include "postgres.h"

#include "pushdown/case_variant.h"

#include "base/utf8.h"
#include "mb/pg_wchar.h"
#include "utils/formatting.h"

/* How the letters of a range pair up. */
typedef enum Pairing
{
	ALONE,      /* They have no other case. */
	UPPER_HERE, /* The lower one is so many places behind. */
	LOWER_HERE, /* The upper one is so many places before. */
	EVEN_UPPER, /* The lower one of an even character is the next one. */
	ODD_UPPER,  /* The lower one of an odd character is the next one. */
} Pairing;

/* Unicode does not change these: a pair stays one, and a letter that has its partner gets no other. */
static const struct
{
	pg_wchar first;
	pg_wchar last;
	Pairing pairing;
	int distance;
} ranges[] = {
	{0x0000, 0x0040, ALONE},
	{0x0041, 0x005A, UPPER_HERE, 0x20},
	{0x005B, 0x0060, ALONE},
	{0x0061, 0x007A, LOWER_HERE, 0x20},
	{0x007B, 0x00B4, ALONE},
	{0x00B6, 0x00BF, ALONE},
	{0x00C0, 0x00D6, UPPER_HERE, 0x20},
	{0x00D7, 0x00D7, ALONE},
	{0x00D8, 0x00DE, UPPER_HERE, 0x20},
	{0x00E0, 0x00F6, LOWER_HERE, 0x20},
	{0x00F7, 0x00F7, ALONE},
	{0x00F8, 0x00FE, LOWER_HERE, 0x20},
	{0x0100, 0x012F, EVEN_UPPER},
	{0x0132, 0x0137, EVEN_UPPER},
	{0x0139, 0x0148, ODD_UPPER},
	{0x014A, 0x0177, EVEN_UPPER},
	{0x0179, 0x017E, ODD_UPPER},
	{0x01CD, 0x01DC, ODD_UPPER},
	{0x0200, 0x021F, EVEN_UPPER},
	{0x0391, 0x03A1, UPPER_HERE, 0x20},
	{0x03A4, 0x03A9, UPPER_HERE, 0x20},
	{0x03B1, 0x03C1, LOWER_HERE, 0x20},
	{0x03C4, 0x03C9, LOWER_HERE, 0x20},
	{0x0400, 0x040F, UPPER_HERE, 0x50},
	{0x0410, 0x042F, UPPER_HERE, 0x20},
	{0x0430, 0x044F, LOWER_HERE, 0x20},
	{0x0450, 0x045F, LOWER_HERE, 0x50},
	{0x048A, 0x04BF, EVEN_UPPER},
	{0x04D0, 0x04FF, EVEN_UPPER},
	{0x05D0, 0x05EA, ALONE}, /* Hebrew */
	{0x0620, 0x064A, ALONE}, /* Arabic */
	{0x0904, 0x0939, ALONE}, /* Devanagari */
	{0x0E01, 0x0E30, ALONE}, /* Thai */
	{0x1EA0, 0x1EFF, EVEN_UPPER},
	{0x2000, 0x206F, ALONE},   /* punctuation */
	{0x20A0, 0x20C0, ALONE},   /* currencies */
	{0x2190, 0x23FF, ALONE},   /* arrows, mathematics */
	{0x2500, 0x27BF, ALONE},   /* symbols */
	{0x3000, 0x30FF, ALONE},   /* kana, and the punctuation of CJK */
	{0x4E00, 0x9FFF, ALONE},   /* CJK */
	{0xAC00, 0xD7A3, ALONE},   /* Hangul */
	{0xFE0F, 0xFE0F, ALONE},   /* It makes an emoji of a symbol. */
	{0x1F300, 0x1FAFF, ALONE}, /* emoji */
};

/* Characters that look like others, and that Unicode's normal forms replace by these. */
#define KELVIN_SIGN   "\xE2\x84\xAA"
#define ANGSTROM_SIGN "\xE2\x84\xAB"
#define OHM_SIGN      "\xE2\x84\xA6"
#define IOTA_BELOW    "\xCD\x85"
#define IOTA_BESIDE   "\xE1\xBE\xBE"

/* Letters of which there are more than two, or that no range has. */
static const char *const families[] = {
	"iIıİ",        "kK" KELVIN_SIGN,
	"sSſ",         "åÅ" ANGSTROM_SIGN,
	"ßẞ",          "ÿŸ",
	"σΣς",         "вВᲀ",
	"дДᲁ",     "оОᲂ",
	"сСᲃ",     "тТᲄᲅ",
	"ъЪᲆ",     "µμΜ",
	"βΒϐ",         "εΕϵ",
	"θΘϑϴ",        "ιΙ" IOTA_BELOW IOTA_BESIDE,
	"κΚϰ",         "πΠϖ",
	"ρΡϱ",         "φΦϕ",
	"ωΩ" OHM_SIGN,
};

/* clang-format off */
/* Characters that upper() may make several of, each with the first letters of these in lower case. */
static const struct
{
	const char *character;
	const char *letters;
} expanding[] = {
	{"ß", "ss"}, {"ŉ", "n"}, {"ǰ", "j"}, {"ẖ", "h"}, {"ẗ", "t"},
	{"ẘ", "w"}, {"ẙ", "y"}, {"ẚ", "a"}, {"ﬀ", "ff"}, {"ﬁ", "fi"},
	{"ﬂ", "fl"}, {"ﬃ", "ffi"}, {"ﬄ", "ffl"}, {"ﬅ", "st"}, {"ﬆ", "st"},
};
/* clang-format on */

/* The Greek letters, whose accents and iotas upper() takes apart in many ways. */
#define IS_GREEK(code) ((code) >= 0x0370 && (code) <= 0x03FF)

static char *lower_text(const char *utf8, Oid collation);
static const char *find_family(const char *character, int length);
static const char *list_pair(pg_wchar code);
static const char *list_codes(pg_wchar code, pg_wchar other);

/* Are the letters of a collation among those that are listed here? */
bool
case_variant_knows(Oid collation)
{
	char *lower;

	if (!OidIsValid(collation))
		return false;
	/* Lithuanian has a dot between the i and its accent */
	lower = lower_text("Í", collation);
	return lower == NULL || strlen(lower) <= strlen("í");
}

/* Does lower() make one character of an I and a dot above it, as for Turkish? */
bool
case_variant_drops_dots(Oid collation)
{
	char *lower = lower_text("I\xCC\x87", collation);

	return lower && strcmp(lower, "i") == 0;
}

/* A text in lower case by a collation, in UTF-8; NULL when the database's encoding lacks it. */
static char *
lower_text(const char *utf8, Oid collation)
{
	StringInfoData text;
	char *lower;

	initStringInfo(&text);
	if (!utf8_to_server(utf8, strlen(utf8), &text))
		return NULL;
	lower = str_tolower(text.data, text.len, collation);
	return unconstify(char *, utf8_from_server(lower));
}

/*
 * All characters that a character can be made of, or that are made the same, in no order; NULL when these can
 * be any, and more than one.  is_upper tells whether upper() makes the texts that are compared.
 */
const char *
case_variant_list(const char *character, bool is_upper)
{
	int length = pg_utf_mblen((const unsigned char *) character);
	pg_wchar code = utf8_to_unicode((const unsigned char *) character);
	const char *variants;
	StringInfoData list;

	if (is_upper && IS_GREEK(code))
		return NULL;
	variants = find_family(character, length);
	if (variants == NULL)
		variants = list_pair(code);
	if (variants == NULL || !is_upper)
		return variants;
	initStringInfo(&list);
	appendStringInfoString(&list, variants);
	for (int i = 0; i < lengthof(expanding); i++)
	{
		if (code < 0x80 && strchr(expanding[i].letters, pg_ascii_tolower(code)) != NULL && code != 0)
			appendStringInfoString(&list, expanding[i].character);
	}
	return list.data;
}

/*
 * Can two characters that follow one another be made of one, so that the second may be missing?  Their
 * variants are given.
 */
bool
case_variant_are_one(const char *variants, const char *next_variants)
{
	for (int i = 0; i < lengthof(expanding); i++)
	{
		if (strstr(variants, expanding[i].character) && strstr(next_variants, expanding[i].character))
			return true;
	}
	return false;
}

/* One of some characters, of which none is wide or needs an escape if there are several. */
void
case_variant_append(StringInfo output, const char *variants)
{
	int length = pg_utf_mblen((const unsigned char *) variants);

	if (variants[length] != '\0')
		appendStringInfo(output, "[%s]", variants);
	else
	{
		if (length == 1 && strchr("\\^$.|?*+()[]{}", *variants) != NULL)
			appendStringInfoChar(output, '\\');
		appendStringInfoString(output, variants);
	}
}

static const char *
find_family(const char *character, int length)
{
	for (int i = 0; i < lengthof(families); i++)
	{
		for (const char *c = families[i]; *c; c += pg_utf_mblen((const unsigned char *) c))
		{
			if (pg_utf_mblen((const unsigned char *) c) == length && strncmp(c, character, length) == 0)
				return families[i];
		}
	}
	return NULL;
}

/* A character with the other one of its pair, if it has one; NULL when that is not known. */
static const char *
list_pair(pg_wchar code)
{
	for (int i = 0; i < lengthof(ranges); i++)
	{
		if (code < ranges[i].first || code > ranges[i].last)
			continue;
		switch (ranges[i].pairing)
		{
			case ALONE:
				return list_codes(code, code);
			case UPPER_HERE:
				return list_codes(code, code + ranges[i].distance);
			case LOWER_HERE:
				return list_codes(code, code - ranges[i].distance);
			case EVEN_UPPER:
				return list_codes(code, code ^ 1);
			case ODD_UPPER:
				return list_codes(code, ((code + 1) ^ 1) - 1);
		}
	}
	return NULL;
}

/* The lower one of a pair stands behind the upper one in every range. */
static const char *
list_codes(pg_wchar code, pg_wchar other)
{
	unsigned char utf8[2 * 4 + 1] = {0};

	unicode_to_utf8(Max(code, other), utf8);
	if (other != code)
		unicode_to_utf8(Min(code, other), utf8 + pg_utf_mblen(utf8));
	return pstrdup((char *) utf8);
}
