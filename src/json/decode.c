/*
 * decode.c
 *	  The wanted fields of one document, as Datums.
 *
 * A scan prepares a decoder with the paths of the columns it needs, and hands it
 * each document.  Every byte of it is checked (skim.c), but only wanted values are
 * converted (convert.c).
 *
 * A path names members of objects.  Where something else stands on the way, the document
 * has no such member and the column is NULL.  Of equal members the last one counts, as it does in
 * jsonb, so that what an earlier one brought is taken back.
 *
 * A column of an array type goes on through arrays of objects that are on its way (gather.c).  Where the
 * service's description has such an array and the document has nothing, the column is the empty array:
 * services show one there, or do not, by their version and by what they are asked for, and the answer must
 * not depend on that.
 */
#include "postgres.h"

#include "json/decode.h"

#include "base/fixed_settings.h"
#include "base/text.h"
#include "base/utf8.h"
#include "json/convert.h"
#include "json/gather.h"
#include "json/path_tree.h"
#include "json/skim.h"
#include "json/transcode.h"
#include "service/remote_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* A message shows so many characters of a value. */
#define SHOWN_VALUE 100

/* A value that does not fit its column. */
typedef struct Mismatch
{
	int column;      /* It is in this column (from 0). */
	WalcuJson value; /* This value does not fit. */
	bool lacking;    /* The database's encoding lacks a character of it. */
} Mismatch;

/* A column whose path goes on below the objects of an array. */
typedef struct Continuation
{
	int column;       /* It is this column (from 0). */
	const char *path; /* This is the rest of its path, in UTF-8. */
} Continuation;

struct WalcuDecoder
{
	const WalcuOptions *options; /* These are the options of the table. */
	TupleDesc columns;           /* These are the columns of the table. */
	const char *list;            /* What is decoded are elements of the list at this path; or NULL. */
	WalcuPathNode root;          /* The values of wanted members are lists of int: their columns. */
	List *lists;                 /* These columns (of int, from 0) go through an array of the description. */
	WalcuConverter *converters;  /* These are by column. */
	char **paths;                /* These are by column, for messages. */
	bool transcodes;             /* The database is not in UTF-8. */
	uint32 settings;             /* These settings are fixed while values are converted. */
	int64 mismatches;            /* So many values were read as NULL because they did not fit. */
	uint64 documents;            /* So many documents were begun. */
	/* The members from here on are of the current document. */
	const WalcuDocument *document; /* This is the current document. */
	List *unfit;                   /* These are the mismatches (of Mismatch) that count. */
	Datum *values;                 /* These are its values, by column. */
	bool *nulls;                   /* These tell, by column, which values are NULL. */
	WalcuSkimmer skimmer;          /* It passes over the bytes. */
};

static char *make_shown_path(const WalcuDecoder *decoder, const char *path);
static void check_encoding(const WalcuDecoder *decoder, const WalcuDocument *document);
static char *walk_value(WalcuDecoder *decoder, const WalcuPathNode *node, char *at);
static char *walk_object(WalcuDecoder *decoder, const WalcuPathNode *node, char *at);
static WalcuPathNode *find_member_node(const WalcuDecoder *decoder, const WalcuPathNode *node, char *text,
									   int size);
static void begin_member(WalcuDecoder *decoder, WalcuPathNode *member);
static void forget_values(WalcuDecoder *decoder, const WalcuPathNode *node);
static void forget_mismatch(WalcuDecoder *decoder, int column);
static void add_continuations(WalcuDecoder *decoder, int column, const char *path);
static void store_value(WalcuDecoder *decoder, int column, WalcuJson value);
static void store_gathered(WalcuDecoder *decoder, const Continuation *continuation, const WalcuJson *array);
static void fill_lists(WalcuDecoder *decoder);
static void note_mismatch(WalcuDecoder *decoder, int column, const WalcuJson *value, bool lacking);
static bool convert_encoding(const WalcuConverter *converter, WalcuJson *value);
static void settle_mismatches(WalcuDecoder *decoder);
pg_noreturn static void raise_lacking(const WalcuDecoder *decoder, int column, WalcuJson value);
pg_noreturn static void raise_mismatch(WalcuDecoder *decoder, int column, const WalcuJson *value);
pg_noreturn static void raise_invalid(WalcuDecoder *decoder);
static const char *get_kind_name(JsonTokenType type);

/* Makes a decoder that wants nothing yet, in the current memory context. */
WalcuDecoder *
decode_prepare(const WalcuOptions *options, TupleDesc columns)
{
	WalcuDecoder *decoder = palloc0(sizeof(WalcuDecoder));

	decoder->options = options;
	decoder->columns = columns;
	decoder->transcodes = !utf8_is_server_encoding();
	decoder->converters = palloc0(columns->natts * sizeof(WalcuConverter));
	decoder->paths = palloc0(columns->natts * sizeof(char *));
	return decoder;
}

/* Makes one that is handed the elements of a list, each as if it were a document of its own. */
WalcuDecoder *
decode_prepare_elements(const WalcuOptions *options, TupleDesc columns, const char *list)
{
	WalcuDecoder *decoder = decode_prepare(options, columns);

	decoder->list = list;
	return decoder;
}

/* Lets a column (from 0) be the value at a dotted path; "." is the whole document. */
void
decode_want(WalcuDecoder *decoder, int column, const char *path)
{
	Form_pg_attribute attribute = TupleDescAttr(decoder->columns, column);
	const char *utf8_path = utf8_from_server(path);

	convert_prepare(&decoder->converters[column], attribute->atttypid, attribute->atttypmod);
	decoder->settings |= decoder->converters[column].settings;
	decoder->paths[column] = make_shown_path(decoder, path);
	/* else no document has such a member */
	if (utf8_path)
	{
		WalcuPathNode *node = path_tree_add(&decoder->root, utf8_path);

		node->value = lappend_int(node->value, column);
		if (OidIsValid(decoder->converters[column].element_type))
			add_continuations(decoder, column, utf8_path);
	}
}

/* Returns a path as messages show it, which begins at the document. */
static char *
make_shown_path(const WalcuDecoder *decoder, const char *path)
{
	if (decoder->list == NULL)
		return pstrdup(path);
	return strcmp(path, ".") == 0 ? pstrdup(decoder->list) : psprintf("%s.%s", decoder->list, path);
}

/* Lets a column go through arrays at each place that its path leads through, but for indexes of them. */
static void
add_continuations(WalcuDecoder *decoder, int column, const char *path)
{
	for (const char *dot = strchr(path, '.'); dot && dot[1] != '\0'; dot = strchr(dot + 1, '.'))
	{
		WalcuPathNode *node = path_tree_add(&decoder->root, pnstrdup(path, dot - path));
		Continuation *continuation = palloc(sizeof(Continuation));

		if (strspn(dot + 1, "0123456789") == strcspn(dot + 1, "."))
			return;
		*continuation = (Continuation){.column = column, .path = pstrdup(dot + 1)};
		node->through = lappend(node->through, continuation);
	}
	if (remote_type_is_through_array(decoder->options->resource, decoder->list, path))
		decoder->lists = lappend_int(decoder->lists, column);
}

/*
 * Fills in the wanted columns of a document, and leaves the others alone.  What values point to is in the
 * current memory context.
 *
 * Errors: HV004 a value does not fit its column, 22P05 a text has what PostgreSQL, or the database's
 * encoding, cannot store, 22021 the bytes are not UTF-8, 08P01 they are not JSON.
 */
void
decode_document(WalcuDecoder *decoder, const WalcuDocument *document, Datum *values, bool *nulls)
{
	int level = decoder->settings ? fixed_settings_enter(decoder->settings) : 0;
	char *at;

	check_encoding(decoder, document);
	decoder->document = document;
	decoder->values = values;
	decoder->nulls = nulls;
	decoder->documents++;
	decoder->unfit = NIL;
	decoder->skimmer = (WalcuSkimmer){.end = document->data + document->length};
	at = skim_space(&decoder->skimmer, document->data);
	at = skim_space(&decoder->skimmer, walk_value(decoder, &decoder->root, at));
	if (at != decoder->skimmer.end)
		raise_invalid(decoder);
	if (decoder->lists != NIL)
		fill_lists(decoder);
	if (decoder->unfit != NIL)
		settle_mismatches(decoder);
	fixed_settings_leave(level);
}

/*
 * Notes that something in a document is no list, or no object in one, where rows are the elements of that
 * list: it is passed over, and counts as a value that was read as NULL.  Error: HV004, which says the fault,
 * where on_type_mismatch asks for one.
 */
void
decode_note_misfit(WalcuDecoder *decoder, const WalcuDocument *document, const WalcuJson *value,
				   const char *fault)
{
	const WalcuOptions *options = decoder->options;
	WalcuJson shown = *value;
	int length;

	decoder->mismatches++;
	if (options->on_type_mismatch == WALCU_MISMATCH_NULL)
		return;
	if (decoder->transcodes)
		transcode_to_server_escaped(&shown);
	length = pg_mbcharcliplen(shown.text, shown.length, SHOWN_VALUE);
	ereport(
		ERROR, errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
		errmsg("\"%s\" in document \"%s\" of resource \"%s\" %s", decoder->list,
			   text_shown(document->id, TEXT_OF_ID), options->resource, fault),
		errdetail("There is the JSON %s %.*s%s", get_kind_name(value->type), length, shown.text,
				  length < shown.length ? "..." : ""),
		errhint("Set the option on_type_mismatch to 'null' to pass over such values. Elements of any kind "
				"are rows where a column of type jsonb has the path \".\"."));
}

/* Returns how many values were read as NULL because they did not fit. */
int64
decode_mismatches(const WalcuDecoder *decoder)
{
	return decoder->mismatches;
}

/* The service sends UTF-8; raises an error for anything else. */
static void
check_encoding(const WalcuDecoder *decoder, const WalcuDocument *document)
{
	if (!pg_verify_mbstr(PG_UTF8, document->data, document->length, true))
		ereport(ERROR, errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
				errmsg("document \"%s\" of resource \"%s\" is not valid UTF-8",
					   text_shown(document->id, TEXT_OF_ID), decoder->options->resource));
}

/* Walks over the value at a byte, and stores what is wanted of it; node is NULL where nothing is. */
static char *
walk_value(WalcuDecoder *decoder, const WalcuPathNode *node, char *at)
{
	WalcuSkimmer *skimmer = &decoder->skimmer;
	WalcuJson value = {.text = at};
	bool suspect_before = skimmer->suspect;
	ListCell *lc;

	skimmer->suspect = false;
	if (node && node->slots && skim_peek(skimmer, at) == '{')
		at = walk_object(decoder, node, at);
	else if ((at = skim_value(skimmer, at)) == NULL)
		raise_invalid(decoder);
	value.length = at - value.text;
	value.suspect = skimmer->suspect;
	skimmer->suspect |= suspect_before;
	if (node && node->value)
	{
		value.type = convert_token_type(value.text[0]);
		foreach(lc, (List *) node->value)
			store_value(decoder, lfirst_int(lc), value);
	}
	if (node && node->through && value.text[0] == '[')
	{
		foreach(lc, (List *) node->through)
			store_gathered(decoder, lfirst(lc), &value);
	}
	return at;
}

static char *
walk_object(WalcuDecoder *decoder, const WalcuPathNode *node, char *at)
{
	WalcuSkimmer *skimmer = &decoder->skimmer;

	check_stack_depth();
	at = skim_space(skimmer, at + 1);
	if (skim_peek(skimmer, at) == '}')
		return at + 1;
	for (;;)
	{
		char *key = at;
		WalcuPathNode *member;

		if ((at = skim_string(skimmer, at)) == NULL)
			raise_invalid(decoder);
		member = find_member_node(decoder, node, key, at - key);
		if (member)
			begin_member(decoder, member);
		if ((at = skim_colon(skimmer, at)) == NULL)
			raise_invalid(decoder);
		at = skim_space(skimmer, walk_value(decoder, member, at));
		if (skim_peek(skimmer, at) == '}')
			return at + 1;
		if (skim_peek(skimmer, at) != ',')
			raise_invalid(decoder);
		at = skim_space(skimmer, at + 1);
	}
}

/* Returns the node of the member with this key, which is in its quotes; NULL when nothing of it is wanted. */
static WalcuPathNode *
find_member_node(const WalcuDecoder *decoder, const WalcuPathNode *node, char *text, int size)
{
	const char *name;
	int length;

	return transcode_key(text, size, decoder->transcodes, &name, &length)
			   ? path_tree_find_child(node, name, length)
			   : NULL;
}

/* Begins a member.  One that is in the document a second time takes the place of the first. */
static void
begin_member(WalcuDecoder *decoder, WalcuPathNode *member)
{
	if (member->visit == decoder->documents)
		forget_values(decoder, member);
	member->visit = decoder->documents;
}

/* Forgets what the member, and those within it, have brought. */
static void
forget_values(WalcuDecoder *decoder, const WalcuPathNode *node)
{
	ListCell *lc;

	foreach(lc, node->value)
	{
		int column = lfirst_int(lc);

		decoder->values[column] = (Datum) 0;
		decoder->nulls[column] = true;
		forget_mismatch(decoder, column);
	}
	foreach(lc, node->children)
		forget_values(decoder, lfirst(lc));
}

static void
forget_mismatch(WalcuDecoder *decoder, int column)
{
	ListCell *lc;

	foreach(lc, decoder->unfit)
	{
		if (((Mismatch *) lfirst(lc))->column == column)
			decoder->unfit = foreach_delete_current(decoder->unfit, lc);
	}
}

static void
store_value(WalcuDecoder *decoder, int column, WalcuJson value)
{
	const WalcuConverter *converter = &decoder->converters[column];
	bool lacking;

	decoder->values[column] = (Datum) 0;
	decoder->nulls[column] = true;
	if (value.type == JSON_TOKEN_NULL)
		return;
	lacking = decoder->transcodes && !convert_encoding(converter, &value);
	if (!lacking && converter->convert(converter, &value, &decoder->values[column]))
		decoder->nulls[column] = false;
	else
		note_mismatch(decoder, column, &value, lacking);
}

/* Stores what a column's path leads to below the objects of an array. */
static void
store_gathered(WalcuDecoder *decoder, const Continuation *continuation, const WalcuJson *array)
{
	const WalcuConverter *converter = &decoder->converters[continuation->column];
	List *values = gather_values(array, continuation->path, decoder->transcodes);
	WalcuArrayDraft draft = {0};
	ListCell *lc;

	foreach(lc, values)
	{
		WalcuJson *value = lfirst(lc);
		bool lacking = value->type != JSON_TOKEN_NULL && decoder->transcodes &&
					   !convert_encoding(converter->element, value);

		if (lacking || !convert_add_element(converter, &draft, value))
		{
			note_mismatch(decoder, continuation->column, value, lacking);
			return;
		}
	}
	decoder->values[continuation->column] = convert_make_array(converter, &draft);
	decoder->nulls[continuation->column] = false;
}

/* Gives the empty array to columns that go through an array which the document does not have. */
static void
fill_lists(WalcuDecoder *decoder)
{
	ListCell *lc;

	foreach(lc, decoder->lists)
	{
		int column = lfirst_int(lc);
		bool is_unfit = false;
		ListCell *mismatch;

		foreach(mismatch, decoder->unfit)
			is_unfit |= ((Mismatch *) lfirst(mismatch))->column == column;
		if (!decoder->nulls[column] || is_unfit)
			continue;
		decoder->values[column] =
			PointerGetDatum(construct_empty_array(decoder->converters[column].element_type));
		decoder->nulls[column] = false;
	}
}

static void
note_mismatch(WalcuDecoder *decoder, int column, const WalcuJson *value, bool lacking)
{
	Mismatch *mismatch = palloc(sizeof(Mismatch));

	*mismatch = (Mismatch){.column = column, .value = *value, .lacking = lacking};
	decoder->unfit = lappend(decoder->unfit, mismatch);
}

/* Converts a value to the database's encoding; returns false when that lacks a character. */
static bool
convert_encoding(const WalcuConverter *converter, WalcuJson *value)
{
	if (!converter->keeps_text)
		return transcode_to_server(value);
	transcode_to_server_escaped(value);
	return true;
}

/*
 * Counts the values that do not fit, or raises an error for one.  Only at the document's end is it known
 * which of them count.
 */
static void
settle_mismatches(WalcuDecoder *decoder)
{
	const Mismatch *first = linitial(decoder->unfit);

	if (decoder->options->on_type_mismatch == WALCU_MISMATCH_NULL)
		decoder->mismatches += list_length(decoder->unfit);
	else if (first->lacking)
		raise_lacking(decoder, first->column, first->value);
	else
		raise_mismatch(decoder, first->column, &first->value);
}

static void
raise_lacking(const WalcuDecoder *decoder, int column, WalcuJson value)
{
	int shown;

	transcode_to_server_escaped(&value);
	shown = pg_mbcharcliplen(value.text, value.length, SHOWN_VALUE);
	ereport(ERROR, errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
			errmsg("value of \"%s\" in document \"%s\" of resource \"%s\" cannot be stored in this database",
				   decoder->paths[column], decoder->document->id, decoder->options->resource),
			errdetail("It has a character that the encoding %s does not have: %.*s%s",
					  GetDatabaseEncodingName(), shown, value.text, shown < value.length ? "..." : ""),
			errhint("Set the option on_type_mismatch to 'null' to read such values as NULL, or declare the "
					"column as json, which has them as escapes."));
}

static void
raise_mismatch(WalcuDecoder *decoder, int column, const WalcuJson *value)
{
	Form_pg_attribute attribute = TupleDescAttr(decoder->columns, column);
	int shown = pg_mbcharcliplen(value->text, value->length, SHOWN_VALUE);
	bool storable = value->type == JSON_TOKEN_NUMBER || convert_is_storable(value);

	ereport(
		ERROR, errcode(storable ? ERRCODE_FDW_INVALID_DATA_TYPE : ERRCODE_UNTRANSLATABLE_CHARACTER),
		storable
			? errmsg("value of \"%s\" in document \"%s\" of resource \"%s\" does not fit type %s",
					 decoder->paths[column], text_shown(decoder->document->id, TEXT_OF_ID),
					 decoder->options->resource,
					 format_type_with_typemod(attribute->atttypid, attribute->atttypmod))
			: errmsg("value of \"%s\" in document \"%s\" of resource \"%s\" cannot be stored by PostgreSQL",
					 decoder->paths[column], text_shown(decoder->document->id, TEXT_OF_ID),
					 decoder->options->resource),
		storable ? errdetail("The value is the JSON %s %.*s%s", get_kind_name(value->type), shown,
							 value->text, shown < value->length ? "..." : "")
				 : errdetail("It holds \\u0000, half of a surrogate pair, or a number out of range: %.*s%s",
							 shown, value->text, shown < value->length ? "..." : ""),
		errhint("Set the option on_type_mismatch to 'null' to read such values as NULL%s%s.",
				storable ? ", or declare the column as jsonb" : "",
				storable && list_member_int(decoder->lists, column) ? "[]" : ""));
}

/* Raises the error for what is not JSON.  The server's own parser has the words for what is wrong. */
static void
raise_invalid(WalcuDecoder *decoder)
{
	const WalcuDocument *document = decoder->document;
	char *text =
		decoder->transcodes ? utf8_to_server_escaped(document->data, document->length) : document->data;
	JsonLexContext *lex =
		compat_json_lexer(text, decoder->transcodes ? strlen(text) : document->length, false);
	JsonParseErrorType error = pg_parse_json(lex, &nullSemAction);

	ereport(ERROR, errcode(ERRCODE_PROTOCOL_VIOLATION),
			errmsg("document \"%s\" of resource \"%s\" is not valid JSON",
				   text_shown(document->id, TEXT_OF_ID), decoder->options->resource),
			error == JSON_SUCCESS ? 0 : errdetail_internal("%s", json_errdetail(error, lex)));
}

static const char *
get_kind_name(JsonTokenType type)
{
	switch (type)
	{
		case JSON_TOKEN_STRING:
			return "string";
		case JSON_TOKEN_NUMBER:
			return "number";
		case JSON_TOKEN_OBJECT_START:
			return "object";
		case JSON_TOKEN_ARRAY_START:
			return "array";
		default:
			return "boolean";
	}
}
