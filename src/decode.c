/*
 * decode.c
 *	  The wanted fields of one document, as Datums.
 *
 * A scan prepares a decoder with the paths of the columns it needs, and hands it
 * each document.  The server's own JSON lexer reads the document; the grammar above
 * it checks every byte, but only wanted values are converted (convert.c).
 *
 * A path names members of objects.  Where something else stands on the way, the document
 * has no such member and the column is NULL.
 */
#include "postgres.h"

#include "decode.h"

#include "convert.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* Characters of a value that a message shows. */
#define SHOWN_VALUE 100

/* A number longer than this, or with an exponent, may be too large for jsonb. */
#define LONG_NUMBER 300

/* A member that is wanted, or leads to one. */
typedef struct PathNode
{
	char *name;
	int name_length;
	List *children; /* of PathNode */
	List *columns;  /* of int: the columns that want this member */
} PathNode;

struct WalcuDecoder
{
	const WalcuOptions *options;
	TupleDesc columns;
	PathNode root;
	WalcuConverter *converters; /* by column */
	char **paths;               /* by column, for messages */
	int64 mismatches;           /* values read as NULL because they did not fit */
	/* of the document under way: */
	const WalcuDocument *document;
	Datum *values;
	bool *nulls;
	JsonLexContext *lex;
	bool suspect; /* a value walked since was not plain; see WalcuJson */
};

static PathNode *find_child(const PathNode *node, const char *name, int length);
static PathNode *add_child(PathNode *node, const char *name, int length);
static void to_server_encoding(WalcuDecoder *decoder, WalcuDocument *document);
static void advance(WalcuDecoder *decoder);
static void expect(WalcuDecoder *decoder, JsonTokenType token);
static void walk_value(WalcuDecoder *decoder, const PathNode *node);
static void walk_object(WalcuDecoder *decoder, const PathNode *node);
static void walk_array(WalcuDecoder *decoder);
static const PathNode *member_node(WalcuDecoder *decoder, const PathNode *node);
static void store(WalcuDecoder *decoder, int column, WalcuJson *value);
pg_noreturn static void raise_mismatch(WalcuDecoder *decoder, int column, const WalcuJson *value);
pg_noreturn static void raise_invalid(WalcuDecoder *decoder, JsonParseErrorType error);
static const char *kind_name(JsonTokenType type);

/* A decoder that wants nothing yet, in the current memory context. */
WalcuDecoder *
decode_prepare(const WalcuOptions *options, TupleDesc columns)
{
	WalcuDecoder *decoder = palloc0(sizeof(WalcuDecoder));

	decoder->options = options;
	decoder->columns = columns;
	decoder->converters = palloc0(columns->natts * sizeof(WalcuConverter));
	decoder->paths = palloc0(columns->natts * sizeof(char *));
	return decoder;
}

/* Column (from 0) is to be the value at a dotted path; "." is the document. */
void
decode_want(WalcuDecoder *decoder, int column, const char *path)
{
	Form_pg_attribute attribute = TupleDescAttr(decoder->columns, column);
	PathNode *node = &decoder->root;

	convert_prepare(&decoder->converters[column], attribute->atttypid, attribute->atttypmod);
	decoder->paths[column] = pstrdup(path);
	if (strcmp(path, ".") != 0)
	{
		const char *name = path;
		const char *dot;

		while ((dot = strchr(name, '.')) != NULL)
		{
			node = add_child(node, name, dot - name);
			name = dot + 1;
		}
		node = add_child(node, name, strlen(name));
	}
	node->columns = lappend_int(node->columns, column);
}

/*
 * Fill in the wanted columns of a document; others are left alone.  What values point to
 * is in the current memory context.
 *
 * Errors: HV004 a value does not fit its column, 22P05 a text has what PostgreSQL
 * cannot store, 22021 the bytes are not UTF-8, 08P01 they are not JSON.
 */
void
decode_document(WalcuDecoder *decoder, const WalcuDocument *original, Datum *values, bool *nulls)
{
	WalcuDocument document = *original;

	to_server_encoding(decoder, &document);
	decoder->document = &document;
	decoder->values = values;
	decoder->nulls = nulls;
	decoder->suspect = false;
	decoder->lex = compat_json_lexer(document.data, document.length, false);
	advance(decoder);
	walk_value(decoder, &decoder->root);
	expect(decoder, JSON_TOKEN_END);
}

/* How many values were read as NULL because they did not fit. */
int64
decode_mismatches(const WalcuDecoder *decoder)
{
	return decoder->mismatches;
}

static PathNode *
find_child(const PathNode *node, const char *name, int length)
{
	ListCell *lc;

	foreach(lc, node->children)
	{
		PathNode *child = lfirst(lc);

		if (child->name_length == length && memcmp(child->name, name, length) == 0)
			return child;
	}
	return NULL;
}

static PathNode *
add_child(PathNode *node, const char *name, int length)
{
	PathNode *child = find_child(node, name, length);

	if (child == NULL)
	{
		child = palloc0(sizeof(PathNode));
		child->name = pnstrdup(name, length);
		child->name_length = length;
		node->children = lappend(node->children, child);
	}
	return child;
}

/* The service speaks UTF-8; nothing else may get further than this. */
static void
to_server_encoding(WalcuDecoder *decoder, WalcuDocument *document)
{
	if (!pg_verify_mbstr(PG_UTF8, document->data, document->length, true))
		ereport(ERROR, errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
				errmsg("document \"%s\" of resource \"%s\" is not valid UTF-8", document->id,
					   decoder->options->resource));
	if (GetDatabaseEncoding() != PG_UTF8)
	{
		document->data = pg_any_to_server(document->data, document->length, PG_UTF8);
		document->length = strlen(document->data);
	}
}

static void
advance(WalcuDecoder *decoder)
{
	JsonParseErrorType error = json_lex(decoder->lex);

	if (error != JSON_SUCCESS)
		raise_invalid(decoder, error);
}

static void
expect(WalcuDecoder *decoder, JsonTokenType token)
{
	if (decoder->lex->token_type != token)
		raise_invalid(decoder, JSON_INVALID_TOKEN);
	if (token != JSON_TOKEN_END)
		advance(decoder);
}

/*
 * Walk over the value that begins with the current token, storing what is wanted of it.
 * node is NULL where nothing is.
 */
static void
walk_value(WalcuDecoder *decoder, const PathNode *node)
{
	JsonLexContext *lex = decoder->lex;
	WalcuJson value = {.type = lex->token_type, .text = (char *) lex->token_start};
	bool suspect_before = decoder->suspect;
	ListCell *lc;

	decoder->suspect = false;
	switch (value.type)
	{
		case JSON_TOKEN_OBJECT_START:
			walk_object(decoder, node);
			break;
		case JSON_TOKEN_ARRAY_START:
			walk_array(decoder);
			break;
		case JSON_TOKEN_STRING:
			decoder->suspect =
				memchr(lex->token_start, '\\', lex->token_terminator - lex->token_start) != NULL;
			advance(decoder);
			break;
		case JSON_TOKEN_NUMBER:
			decoder->suspect =
				lex->token_terminator - lex->token_start > LONG_NUMBER ||
				memchr(lex->token_start, 'e', lex->token_terminator - lex->token_start) != NULL ||
				memchr(lex->token_start, 'E', lex->token_terminator - lex->token_start) != NULL;
			advance(decoder);
			break;
		case JSON_TOKEN_TRUE:
		case JSON_TOKEN_FALSE:
		case JSON_TOKEN_NULL:
			advance(decoder);
			break;
		default:
			raise_invalid(decoder, JSON_EXPECTED_JSON);
	}
	value.length = lex->prev_token_terminator - value.text;
	value.suspect = decoder->suspect;
	decoder->suspect |= suspect_before;
	if (node == NULL)
		return;
	foreach(lc, node->columns)
		store(decoder, lfirst_int(lc), &value);
}

static void
walk_object(WalcuDecoder *decoder, const PathNode *node)
{
	JsonLexContext *lex = decoder->lex;

	check_stack_depth();
	advance(decoder);
	if (lex->token_type != JSON_TOKEN_OBJECT_END)
	{
		for (;;)
		{
			const PathNode *member;

			if (lex->token_type != JSON_TOKEN_STRING)
				raise_invalid(decoder, JSON_EXPECTED_STRING);
			member = member_node(decoder, node);
			advance(decoder);
			expect(decoder, JSON_TOKEN_COLON);
			walk_value(decoder, member);
			if (lex->token_type != JSON_TOKEN_COMMA)
				break;
			advance(decoder);
		}
	}
	expect(decoder, JSON_TOKEN_OBJECT_END);
}

static void
walk_array(WalcuDecoder *decoder)
{
	JsonLexContext *lex = decoder->lex;

	check_stack_depth();
	advance(decoder);
	if (lex->token_type != JSON_TOKEN_ARRAY_END)
	{
		walk_value(decoder, NULL);
		while (lex->token_type == JSON_TOKEN_COMMA)
		{
			advance(decoder);
			walk_value(decoder, NULL);
		}
	}
	expect(decoder, JSON_TOKEN_ARRAY_END);
}

/* What is wanted of the member whose key is the current token. */
static const PathNode *
member_node(WalcuDecoder *decoder, const PathNode *node)
{
	JsonLexContext *lex = decoder->lex;
	WalcuJson key = {.type = JSON_TOKEN_STRING,
					 .text = (char *) lex->token_start,
					 .length = lex->token_terminator - lex->token_start};
	const char *name;
	int length;

	/* a key with an escape may be one that jsonb cannot hold */
	if (memchr(key.text, '\\', key.length) != NULL)
		decoder->suspect = true;
	if (node == NULL || node->children == NIL || !convert_string(&key, &name, &length))
		return NULL;
	return find_child(node, name, length);
}

static void
store(WalcuDecoder *decoder, int column, WalcuJson *value)
{
	decoder->values[column] = (Datum) 0;
	decoder->nulls[column] = true;
	if (value->type == JSON_TOKEN_NULL)
		return;
	if (decoder->converters[column].convert(&decoder->converters[column], value, &decoder->values[column]))
		decoder->nulls[column] = false;
	else if (decoder->options->on_type_mismatch == WALCU_MISMATCH_NULL)
		decoder->mismatches++;
	else
		raise_mismatch(decoder, column, value);
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
					 decoder->paths[column], decoder->document->id, decoder->options->resource,
					 format_type_with_typemod(attribute->atttypid, attribute->atttypmod))
			: errmsg("value of \"%s\" in document \"%s\" of resource \"%s\" cannot be stored by PostgreSQL",
					 decoder->paths[column], decoder->document->id, decoder->options->resource),
		storable ? errdetail("The value is the JSON %s %.*s%s", kind_name(value->type), shown, value->text,
							 shown < value->length ? "..." : "")
				 : errdetail("It holds \\u0000, half of a surrogate pair, or a number out of range: %.*s%s",
							 shown, value->text, shown < value->length ? "..." : ""),
		errhint("Set the option on_type_mismatch to 'null' to read such values as NULL%s.",
				storable ? ", or declare the column as jsonb" : ""));
}

static void
raise_invalid(WalcuDecoder *decoder, JsonParseErrorType error)
{
	ereport(ERROR, errcode(ERRCODE_PROTOCOL_VIOLATION),
			errmsg("document \"%s\" of resource \"%s\" is not valid JSON", decoder->document->id,
				   decoder->options->resource),
			errdetail_internal("%s", json_errdetail(error, decoder->lex)));
}

static const char *
kind_name(JsonTokenType type)
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
