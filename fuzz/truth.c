/*
 * truth.c
 *	  What PostgreSQL itself makes of JSON, and of values.
 *
 * The structure of a text is what the server's parser says of it; strings are what jsonb_in reads,
 * values what the input functions of types do.
 */
#include "postgres.h"

#include "truth.h"

#include "catalog/pg_type.h"
#include "base/compat.h"
#include "mb/pg_wchar.h"
#include "parser/parse_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

/* 16 lets the actions of the parser fail. */
#if PG_VERSION_NUM >= 160000
typedef JsonParseErrorType TruthAction;
#define ACTION_DONE return JSON_SUCCESS
#else
typedef void TruthAction;
#define ACTION_DONE return
#endif

/* A text being parsed. */
typedef struct TruthParse
{
	JsonLexContext *lex;
	JsonParseErrorType error;
	List *open;         /* of TruthValue: the values under way, the innermost one last */
	TruthValue *result; /* the whole */
	const char *behind; /* what was read last */
} TruthParse;

typedef struct InputCall
{
	Oid function;
	Oid ioparam;
	int32 typmod;
	const char *text;
	Datum result;
} InputCall;

static void parse_text(void *argument);
static TruthAction begin_member(void *state, char *name, bool is_null);
static int key_length(const char *key, const char *value);
static TruthAction end_value_of_member(void *state, char *name, bool is_null);
static TruthAction begin_element(void *state, bool is_null);
static TruthAction end_element(void *state, bool is_null);
static TruthAction begin_brackets(void *state);
static TruthAction end_object(void *state);
static void begin_value(TruthParse *parse);
static void end_value(TruthParse *parse);
static const char *pass_blanks(const char *at);
static void call_input(void *argument);

/* The parts of a JSON text; NULL when it is none. */
TruthValue *
truth_parse(const char *text, int length)
{
	TruthParse parse = {NULL};
	TruthValue *whole = palloc0(sizeof(TruthValue));
	FuzzError error;
	char *copy;

	/* with a zero behind it, for pass_blanks */
	copy = palloc0(length + 1);
	text = memcpy(copy, text, length);
	parse.lex = compat_json_lexer(text, length, false);
	parse.result = whole;
	parse.open = list_make1(whole);
	parse.behind = text;
	whole->text = pass_blanks(text);
	error = fuzz_call(parse_text, &parse);
	if (error.sqlstate != 0)
		fuzz_finding("PostgreSQL's parser raised: %s", error.message);
	if (parse.error != JSON_SUCCESS)
		return NULL;
	for (whole->length = text + length - whole->text; whole->length > 0; whole->length--)
	{
		if (strchr(" \t\n\r", whole->text[whole->length - 1]) == NULL)
			break;
	}
	return whole;
}

static void
parse_text(void *argument)
{
	TruthParse *parse = argument;
	JsonSemAction actions = {
		.semstate = parse,
		.object_start = begin_brackets,
		.object_end = end_object,
		.array_start = begin_brackets,
		.object_field_start = begin_member,
		.object_field_end = end_value_of_member,
		.array_element_start = begin_element,
		.array_element_end = end_element,
	};

	parse->error = pg_parse_json(parse->lex, &actions);
}

static TruthAction
begin_member(void *state, char *name, bool is_null)
{
	TruthParse *parse = state;
	TruthValue *object = llast(parse->open);
	TruthMember *member = palloc0(sizeof(TruthMember));

	begin_value(parse);
	/* between what was read before and this value: a comma, the key, the colon */
	member->key = pass_blanks(parse->behind);
	if (*member->key == ',')
		member->key = pass_blanks(member->key + 1);
	member->key_length = key_length(member->key, ((TruthValue *) llast(parse->open))->text);
	member->value = llast(parse->open);
	object->members = lappend(object->members, member);
	ACTION_DONE;
}

/* Of a key, with its quotes, behind which there are a colon and a value. */
static int
key_length(const char *key, const char *value)
{
	const char *end = value - 1;

	while (*end != ':')
		end--;
	while (*end != '"')
		end--;
	return end + 1 - key;
}

static TruthAction
end_value_of_member(void *state, char *name, bool is_null)
{
	end_value(state);
	ACTION_DONE;
}

static TruthAction
begin_element(void *state, bool is_null)
{
	TruthParse *parse = state;
	TruthValue *array = llast(parse->open);

	begin_value(parse);
	array->elements = lappend(array->elements, llast(parse->open));
	ACTION_DONE;
}

static TruthAction
end_element(void *state, bool is_null)
{
	end_value(state);
	ACTION_DONE;
}

static TruthAction
begin_brackets(void *state)
{
	TruthParse *parse = state;
	TruthValue *value = llast(parse->open);

	value->depth = 1;
	parse->behind = parse->lex->token_start + 1;
	ACTION_DONE;
}

static TruthAction
end_object(void *state)
{
	ACTION_DONE;
}

static void
begin_value(TruthParse *parse)
{
	TruthValue *value = palloc0(sizeof(TruthValue));

	/* at the end of the text, where a value is missing, there is no token */
	value->text =
		parse->lex->token_start ? parse->lex->token_start : parse->lex->input + parse->lex->input_length;
	parse->open = lappend(parse->open, value);
}

static void
end_value(TruthParse *parse)
{
	TruthValue *value = llast(parse->open);
	TruthValue *around;

	value->length = parse->lex->prev_token_terminator - value->text;
	parse->behind = parse->lex->prev_token_terminator;
	parse->open = list_delete_last(parse->open);
	around = llast(parse->open);
	around->depth = Max(around->depth, value->depth + 1);
}

static const char *
pass_blanks(const char *at)
{
	while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')
		at++;
	return at;
}

/* The member that counts of those with a name, the last one; NULL when there is none, or no object. */
const TruthValue *
truth_member(const TruthValue *object, const char *name)
{
	const TruthValue *found = NULL;
	ListCell *lc;

	foreach(lc, object->members)
	{
		const TruthMember *member = lfirst(lc);
		char *key = truth_string(member->key, member->key_length);

		if (key && strcmp(key, name) == 0)
			found = member->value;
	}
	return found;
}

/* The characters of a JSON string; NULL when the text is none, or has what PostgreSQL cannot store. */
char *
truth_string(const char *text, int length)
{
	Datum value;
	JsonbValue scalar;

	if (length == 0 || text[0] != '"' || !truth_input("jsonb", pnstrdup(text, length), &value))
		return NULL;
	JsonbExtractScalar(&DatumGetJsonbP(value)->root, &scalar);
	return pnstrdup(scalar.val.string.val, scalar.val.string.len);
}

/* What a type's input function makes of a text; false when it refuses it. */
bool
truth_input(const char *type, const char *text, Datum *result)
{
	Oid oid;
	int32 typmod;

	truth_type(type, &oid, &typmod);
	return truth_input_oid(oid, typmod, text, result);
}

bool
truth_input_oid(Oid type, int32 typmod, const char *text, Datum *result)
{
	InputCall call = {.typmod = typmod, .text = text};
	FuzzError error;

	getTypeInputInfo(type, &call.function, &call.ioparam);
	error = fuzz_call(call_input, &call);
	*result = call.result;
	return error.sqlstate == 0;
}

static void
call_input(void *argument)
{
	InputCall *call = argument;

	call->result = OidInputFunctionCall(call->function, (char *) call->text, call->ioparam, call->typmod);
}

char *
truth_output(Oid type, Datum value)
{
	Oid function;
	bool is_varlena;

	getTypeOutputInfo(type, &function, &is_varlena);
	return OidOutputFunctionCall(function, value);
}

/* A type by its name in SQL, looked up once. */
void
truth_type(const char *name, Oid *type, int32 *typmod)
{
	static struct
	{
		const char *name;
		Oid type;
		int32 typmod;
	} known[64];
	int i;

	for (i = 0; i < lengthof(known) && known[i].name; i++)
	{
		if (strcmp(known[i].name, name) == 0)
			break;
	}
	if (i == lengthof(known))
		elog(ERROR, "too many types");
	if (known[i].name == NULL)
	{
#if PG_VERSION_NUM >= 160000
		parseTypeString(name, &known[i].type, &known[i].typmod, NULL);
#else
		parseTypeString(name, &known[i].type, &known[i].typmod, false);
#endif
		known[i].name = strdup(name);
	}
	*type = known[i].type;
	*typmod = known[i].typmod;
}
