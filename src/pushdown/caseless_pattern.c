/*
 * caseless_pattern.c
 *	  Patterns of texts in which upper and lower case are the same, by any collation.
 *
 * deparse_caseless.c asks for ILIKE, and for LIKE and = of lower() and upper(), where the collation is not
 * "C".  Each character becomes a class of all that it can be made of (case_variant.c), and those of which
 * that is not known become any characters.  All texts are in UTF-8, as a class may have characters that the
 * database's encoding lacks.
 */
#include "postgres.h"

#include <ctype.h>

#include "pushdown/caseless_pattern.h"

#include "mb/pg_wchar.h"
#include "pushdown/case_variant.h"
#include "pushdown/pattern_runs.h"

/* Any characters, at most two, and the end. */
#define ANY_CHARACTERS "[\\d\\D]*"
#define TWO_AT_MOST    "[\\d\\D]{0,2}"
#define ONE_OF_ASCII   "[\\x00-\\x7f]"
#define END_OF_TEXT    "(?![\\d\\D])"
#define DOTTED_I       "\xC4\xB0"
#define COMBINING_DOT  "\xCC\x87"

typedef struct CaselessLike
{
	const WalcuCaseless *caseless;
	WalcuPatternBound bound;
	StringInfoData output; /* This is the pattern so far. */
	const char *before;    /* These are the variants of the character before; NULL for another thing. */
	bool is_open;          /* The pattern ends with any characters. */
} CaselessLike;

static void append_any(CaselessLike *like);
static bool append_letter(CaselessLike *like, const char *c);
static bool append_certain(CaselessLike *like, char c);

/*
 * A LIKE pattern, of which upper() or lower() may have been made; NULL when it is none, or when what may
 * match less is asked for and it has more than ASCII.
 */
char *
caseless_pattern_from_like(const char *pattern, const WalcuCaseless *caseless, WalcuPatternBound bound)
{
	CaselessLike like = {.caseless = caseless, .bound = bound};

	initStringInfo(&like.output);
	if (*pattern != '%')
		appendStringInfoChar(&like.output, '^');
	for (const char *c = pattern; *c; c += pg_utf_mblen((const unsigned char *) c))
	{
		if (*c == '%')
			append_any(&like);
		else if (*c == '_')
		{
			/* one character may become two, and two may become one */
			appendStringInfoString(&like.output, bound == WALCU_PATTERN_MOST ? TWO_AT_MOST : ONE_OF_ASCII);
			like.before = NULL;
			like.is_open = false;
		}
		else
		{
			if (*c == '\\' && *++c == '\0')
				return NULL;
			if (bound == WALCU_PATTERN_LEAST ? !append_certain(&like, *c) : !append_letter(&like, c))
				return NULL;
		}
	}
	if (!like.is_open)
		appendStringInfoString(&like.output, END_OF_TEXT);
	else if (like.output.len > 0)
		like.output.data[like.output.len -= strlen(ANY_CHARACTERS)] = '\0';
	return pattern_runs_gather(like.output.data);
}

static void
append_any(CaselessLike *like)
{
	/* a pattern that is not anchored begins with any as it is */
	if (!like->is_open && like->output.len > 0)
		appendStringInfoString(&like->output, ANY_CHARACTERS);
	like->is_open = true;
	like->before = NULL;
}

/* A character in whatever case. */
static bool
append_letter(CaselessLike *like, const char *c)
{
	const char *variants = case_variant_list(c, like->caseless->is_upper);

	if (variants == NULL)
	{
		append_any(like);
		return true;
	}
	case_variant_append(&like->output, variants);
	if (like->before && case_variant_are_one(like->before, variants))
		appendStringInfoChar(&like->output, '?');
	/* lower() makes an i and a dot of the one that has it, and some make one of these two */
	if (strncmp(c, DOTTED_I, strlen(DOTTED_I)) == 0 ||
		(like->caseless->drops_dots && strchr("iI", *c) != NULL))
		appendStringInfoString(&like->output, COMBINING_DOT "?");
	like->before = variants;
	like->is_open = false;
	return true;
}

/* A character as all collations have it; false when they differ about it. */
static bool
append_certain(CaselessLike *like, char c)
{
	if ((unsigned char) c >= 0x80 || c == 'I')
		return false;
	if (isalpha((unsigned char) c) && c != 'i')
		appendStringInfo(&like->output, "[%c%c]", tolower((unsigned char) c), toupper((unsigned char) c));
	else
		case_variant_append(&like->output, (char[]){c, '\0'});
	like->is_open = false;
	return true;
}
