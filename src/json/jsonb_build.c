/*
 * jsonb_build.c
 *	  A jsonb of JSON text, in one walk over the text and one over what it holds.
 *
 * Called by convert.c for each value of a jsonb column. jsonb_in() would check the text, which skim.c
 * has done, and would make a tree of allocations of it. Here the tree is one array, whose nodes stand in the
 * order of the text; then the bytes are written that jsonb_in() would write, so that no one can tell the two
 * apart: t/860_jsonb.pl compares them. How jsonb is stored is what utils/jsonb.h describes. It cannot change
 * between majors, as pg_upgrade leaves tables as they are.
 */
#include "postgres.h"

#include "json/jsonb_build.h"

#include "base/compat.h"
#include "json/block.h"
#include "json/number.h"
#include "lib/stringinfo.h"
#include "port/pg_bitutils.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

/* An integer of so many characters fits int64. */
#define SURELY_INT64 18

/* Fewer members than this are sorted by insertion; the service has them in much the same order each time. */
#define FEW_MEMBERS 24

/* A value, or the key of a member, which stands in front of the member's value. */
typedef struct JsonbNode
{
	char kind;        /* This is its first character in the text. Of a string that is the quote. */
	int length;       /* This is the length of a string's characters, or of a number's. */
	int count;        /* A list has so many elements, an object so many members. */
	int next;         /* What comes behind it and all that it holds has this index. */
	const char *text; /* These are a string's characters, without escapes, or a number's. */
} JsonbNode;

/* The walk over the text. */
typedef struct JsonbReader
{
	const char *at;   /* This has not been read yet. */
	const char *end;  /* This is behind the last byte. */
	JsonbNode *nodes; /* This has been found. */
	int count;        /* These are so many. */
	int size;         /* There is room for so many. */
	bool is_refused;  /* One of them is nothing that jsonb can hold. */
} JsonbReader;

/* The walk over the nodes. */
typedef struct JsonbWriter
{
	const JsonbNode *nodes; /* These are written. */
	StringInfoData jsonb;   /* This is what has been written. */
} JsonbWriter;

/* The entries of a container, which say where each child ends. */
typedef struct JsonbEntries
{
	int offset; /* They begin at this byte of the jsonb. */
	int count;  /* So many are written. */
	int total;  /* Their children take so many bytes. */
} JsonbEntries;

static void read_jsonb_value(JsonbReader *reader);
static JsonbNode *add_jsonb_node(JsonbReader *reader, char kind);
static void read_jsonb_container(JsonbReader *reader, char kind, char closing);
static void read_jsonb_key(JsonbReader *reader);
static void read_jsonb_string(JsonbReader *reader);
static const char *find_closing_quote(const JsonbReader *reader, bool *escaped);
static void read_jsonb_number(JsonbReader *reader);
static void pass_over_space(JsonbReader *reader);
static void write_jsonb_root(JsonbWriter *writer);
static JEntry write_jsonb_value(JsonbWriter *writer, int index);
static JEntry write_jsonb_number(JsonbWriter *writer, const JsonbNode *node);
static JEntry write_jsonb_array(JsonbWriter *writer, int index);
static JEntry write_jsonb_object(JsonbWriter *writer, int index);
static int sort_members(const JsonbNode *nodes, int index, int *keys);
static void insert_member(const JsonbNode *nodes, int *keys, int count, int key);
static int compare_members(const void *left, const void *right, void *nodes);
static int compare_keys(const JsonbNode *left, const JsonbNode *right);
static JsonbEntries begin_entries(JsonbWriter *writer, uint32 header, int count);
static void write_entry(JsonbWriter *writer, JsonbEntries *entries, JEntry entry);
static int pad_jsonb(JsonbWriter *writer);

/*
 * Makes a jsonb of the text, as jsonb_in() would; returns false when jsonb cannot hold it. The text has to be
 * a well-formed value in the database's encoding without white space around it, and no longer than some
 * megabytes, so that its jsonb is within the limits. The result is in the current memory context, as are the
 * arrays that are made on the way.
 */
bool
jsonb_build(const char *text, int length, Datum *result)
{
	JsonbReader reader = {.at = text, .end = text + length, .size = 16 + length / 16};
	JsonbWriter writer;

	reader.nodes = palloc(reader.size * sizeof(JsonbNode));
	read_jsonb_value(&reader);
	if (reader.is_refused)
		return false;
	writer.nodes = reader.nodes;
	initStringInfo(&writer.jsonb);
	enlargeStringInfo(&writer.jsonb, VARHDRSZ + length);
	writer.jsonb.len = VARHDRSZ;
	write_jsonb_root(&writer);
	SET_VARSIZE(writer.jsonb.data, writer.jsonb.len);
	*result = PointerGetDatum(writer.jsonb.data);
	return true;
}

static void
read_jsonb_value(JsonbReader *reader)
{
	char kind = *reader->at;

	switch (kind)
	{
		case '"':
			read_jsonb_string(reader);
			return;
		case '{':
			read_jsonb_container(reader, kind, '}');
			return;
		case '[':
			read_jsonb_container(reader, kind, ']');
			return;
		case 't':
		case 'n':
			add_jsonb_node(reader, kind);
			reader->at += strlen("true");
			return;
		case 'f':
			add_jsonb_node(reader, kind);
			reader->at += strlen("false");
			return;
		default:
			read_jsonb_number(reader);
	}
}

/* Returns a new node, which holds nothing so far. It stays where it is until the next one is added. */
static JsonbNode *
add_jsonb_node(JsonbReader *reader, char kind)
{
	JsonbNode *node;

	if (reader->count == reader->size)
	{
		reader->size *= 2;
		reader->nodes = repalloc(reader->nodes, reader->size * sizeof(JsonbNode));
	}
	node = &reader->nodes[reader->count++];
	node->kind = kind;
	node->count = 0;
	node->next = reader->count;
	return node;
}

/* Reads an object or a list, which opens here with its kind, up to the bracket that closes it. */
static void
read_jsonb_container(JsonbReader *reader, char kind, char closing)
{
	int index = reader->count;
	int count = 0;

	check_stack_depth();
	add_jsonb_node(reader, kind);
	reader->at++;
	for (;;)
	{
		pass_over_space(reader);
		if (*reader->at == closing)
			break;
		if (*reader->at == ',')
		{
			reader->at++;
			pass_over_space(reader);
		}
		if (kind == '{')
			read_jsonb_key(reader);
		read_jsonb_value(reader);
		count++;
	}
	reader->at++;
	reader->nodes[index].count = count;
	reader->nodes[index].next = reader->count;
}

/* Reads the key of a member, and the colon behind it. */
static void
read_jsonb_key(JsonbReader *reader)
{
	read_jsonb_string(reader);
	pass_over_space(reader);
	reader->at++; /* this is the colon */
	pass_over_space(reader);
}

static void
read_jsonb_string(JsonbReader *reader)
{
	JsonbNode *node = add_jsonb_node(reader, '"');
	bool escaped = false;
	const char *quote = find_closing_quote(reader, &escaped);

	node->text = reader->at + 1;
	node->length = quote - node->text;
	if (escaped)
	{
		JsonLexContext *lex = compat_json_lexer(reader->at, quote + 1 - reader->at, true);

		if (json_lex(lex) == JSON_SUCCESS)
		{
			node->text = lex->strval->data;
			node->length = lex->strval->len;
		}
		else
			reader->is_refused = true;
	}
	reader->at = quote + 1;
}

/* Returns the quote that ends the string, and tells whether a backslash is in it. */
static const char *
find_closing_quote(const JsonbReader *reader, bool *escaped)
{
	const char *at = reader->at + 1;

	for (;;)
	{
		while (reader->end - at >= BLOCK_PART)
		{
			uint64 special = block_find_part(at, 0, '"') | block_find_part(at, 0, '\\');

			if (special != 0)
			{
				at += pg_rightmost_one_pos64(special);
				break;
			}
			at += BLOCK_PART;
		}
		while (*at != '"' && *at != '\\')
			at++;
		if (*at == '"')
			return at;
		*escaped = true;
		at += 2;
	}
}

static void
read_jsonb_number(JsonbReader *reader)
{
	JsonbNode *node = add_jsonb_node(reader, '0');
	const char *at = reader->at;

	while (at < reader->end && *at != ',' && *at != '}' && *at != ']' && !isspace((unsigned char) *at))
		at++;
	node->text = reader->at;
	node->length = at - reader->at;
	reader->at = at;
	if (!number_fits_numeric(node->text, node->length))
		reader->is_refused = true;
}

static void
pass_over_space(JsonbReader *reader)
{
	while (*reader->at == ' ' || *reader->at == '\n' || *reader->at == '\t' || *reader->at == '\r')
		reader->at++;
}

/* Writes the first node. A scalar is stored as an array that says of itself that it is none. */
static void
write_jsonb_root(JsonbWriter *writer)
{
	if (writer->nodes[0].kind == '{' || writer->nodes[0].kind == '[')
		write_jsonb_value(writer, 0);
	else
	{
		JsonbEntries entries = begin_entries(writer, 1 | JB_FARRAY | JB_FSCALAR, 1);

		write_entry(writer, &entries, write_jsonb_value(writer, 0));
	}
}

/* Writes a node, and returns its entry, with its length. */
static JEntry
write_jsonb_value(JsonbWriter *writer, int index)
{
	const JsonbNode *node = &writer->nodes[index];

	switch (node->kind)
	{
		case '"':
			appendBinaryStringInfoNT(&writer->jsonb, node->text, node->length);
			return JENTRY_ISSTRING | node->length;
		case '{':
			return write_jsonb_object(writer, index);
		case '[':
			return write_jsonb_array(writer, index);
		case 't':
			return JENTRY_ISBOOL_TRUE;
		case 'f':
			return JENTRY_ISBOOL_FALSE;
		case 'n':
			return JENTRY_ISNULL;
		default:
			return write_jsonb_number(writer, node);
	}
}

static JEntry
write_jsonb_number(JsonbWriter *writer, const JsonbNode *node)
{
	int start = writer->jsonb.len;
	bool is_integer = (node->length <= SURELY_INT64);
	int64 integer = 0;
	Datum number;

	for (int i = (node->text[0] == '-') ? 1 : 0; is_integer && i < node->length; i++)
	{
		is_integer = (node->text[i] >= '0' && node->text[i] <= '9');
		integer = integer * 10 + (node->text[i] - '0');
	}
	if (is_integer)
		number = NumericGetDatum(int64_to_numeric(node->text[0] == '-' ? -integer : integer));
	else
		number = DirectFunctionCall3(numeric_in, CStringGetDatum(pnstrdup(node->text, node->length)),
									 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	pad_jsonb(writer);
	appendBinaryStringInfoNT(&writer->jsonb, DatumGetPointer(number), VARSIZE_ANY(DatumGetPointer(number)));
	return JENTRY_ISNUMERIC | (writer->jsonb.len - start);
}

static JEntry
write_jsonb_array(JsonbWriter *writer, int index)
{
	int start = pad_jsonb(writer);
	int count = writer->nodes[index].count;
	JsonbEntries entries = begin_entries(writer, count | JB_FARRAY, count);

	check_stack_depth();
	for (int child = index + 1; child < writer->nodes[index].next; child = writer->nodes[child].next)
		write_entry(writer, &entries, write_jsonb_value(writer, child));
	return JENTRY_ISCONTAINER | (writer->jsonb.len - start);
}

/* Writes an object: its keys in order, then their values. */
static JEntry
write_jsonb_object(JsonbWriter *writer, int index)
{
	int few[FEW_MEMBERS];
	int start = pad_jsonb(writer);
	int count = writer->nodes[index].count;
	int *keys = (count <= FEW_MEMBERS) ? few : palloc(count * sizeof(int));
	JsonbEntries entries;

	check_stack_depth();
	count = sort_members(writer->nodes, index, keys);
	entries = begin_entries(writer, count | JB_FOBJECT, count * 2);
	for (int i = 0; i < count; i++)
		write_entry(writer, &entries, write_jsonb_value(writer, keys[i]));
	for (int i = 0; i < count; i++)
		write_entry(writer, &entries, write_jsonb_value(writer, keys[i] + 1));
	if (keys != few)
		pfree(keys);
	return JENTRY_ISCONTAINER | (writer->jsonb.len - start);
}

/*
 * Fills in the nodes of an object's keys, in jsonb's order; of equal ones the last counts. Returns how many
 * there are.
 */
static int
sort_members(const JsonbNode *nodes, int index, int *keys)
{
	int count = 0;
	int different = 0;

	for (int key = index + 1; key < nodes[index].next; key = nodes[key + 1].next)
	{
		if (nodes[index].count <= FEW_MEMBERS)
			insert_member(nodes, keys, count++, key);
		else
			keys[count++] = key;
	}
	if (count > FEW_MEMBERS)
		qsort_arg(keys, count, sizeof(int), compare_members, (void *) nodes);
	for (int i = 0; i < count; i++)
	{
		if (different > 0 && compare_keys(&nodes[keys[different - 1]], &nodes[keys[i]]) == 0)
			different--;
		keys[different++] = keys[i];
	}
	return different;
}

/* Puts a key behind those that are not greater. */
static void
insert_member(const JsonbNode *nodes, int *keys, int count, int key)
{
	while (count > 0 && compare_keys(&nodes[keys[count - 1]], &nodes[key]) > 0)
	{
		keys[count] = keys[count - 1];
		count--;
	}
	keys[count] = key;
}

/* Compares two keys by jsonb's order, and equal ones by their places in the text. */
static int
compare_members(const void *left, const void *right, void *nodes)
{
	int first = *(const int *) left;
	int second = *(const int *) right;
	int order = compare_keys((const JsonbNode *) nodes + first, (const JsonbNode *) nodes + second);

	return order != 0 ? order : first - second;
}

/* jsonb has shorter keys first. */
static int
compare_keys(const JsonbNode *left, const JsonbNode *right)
{
	if (left->length != right->length)
		return left->length - right->length;
	return memcmp(left->text, right->text, left->length);
}

/* Writes the header of a container, and leaves room for the entries of its children. */
static JsonbEntries
begin_entries(JsonbWriter *writer, uint32 header, int count)
{
	JsonbEntries entries = {0};

	appendBinaryStringInfoNT(&writer->jsonb, (char *) &header, sizeof(header));
	entries.offset = writer->jsonb.len;
	enlargeStringInfo(&writer->jsonb, count * sizeof(JEntry));
	writer->jsonb.len += count * sizeof(JEntry);
	return entries;
}

/* Writes the entry of the child that has just been written. Some have its end instead of its length. */
static void
write_entry(JsonbWriter *writer, JsonbEntries *entries, JEntry entry)
{
	entries->total += JBE_OFFLENFLD(entry);
	if (entries->count % JB_OFFSET_STRIDE == 0)
		entry = (entry & JENTRY_TYPEMASK) | entries->total | JENTRY_HAS_OFF;
	memcpy(writer->jsonb.data + entries->offset + entries->count * sizeof(JEntry), &entry, sizeof(JEntry));
	entries->count++;
}

/* Aligns what comes next, and returns where the gap before it begins, which belongs to the child. */
static int
pad_jsonb(JsonbWriter *writer)
{
	int start = writer->jsonb.len;
	int padding = INTALIGN(start) - start;

	enlargeStringInfo(&writer->jsonb, padding);
	memset(writer->jsonb.data + start, 0, padding);
	writer->jsonb.len += padding;
	return start;
}
