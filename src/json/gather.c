/*
 * gather.c
 *	  What a path leads to in each object of an array.
 *
 * decode.c asks for it where a column of an array type has a path such as car_list.car_id, and an array of
 * objects is on the way; document_rows.c, where each element of a list is a row.  Values come in the
 * order of the document, as MongoDB's "$car_list.car_id" and SQL's '$.car_list[*].car_id' have them: an
 * object without the member adds nothing, an array at the path's end adds its elements.
 *
 * What is no object adds nothing either, also an array within the array: a filter on the path does not look
 * into it, and MongoDB leaves such elements out of what it sends when it is asked for the path alone, so that
 * a NULL in their place would come and go with the other columns of a query.  For the same reason nothing
 * stands for a member that is missing: whether services show an empty array there depends on what they are
 * asked for.
 *
 * The array is known to be well-formed: decode.c has passed over it.
 */
#include "postgres.h"

#include "json/gather.h"

#include "json/skim.h"
#include "json/transcode.h"
#include "miscadmin.h"

typedef struct Gathering
{
	WalcuJson *misfit; /* Where elements are wanted, this gets what stands in the place of a list; or NULL. */
	WalcuSkimmer skimmer; /* It passes over the bytes of the array. */
	bool transcodes;      /* The database is not in UTF-8, unlike names and paths. */
	List *values;         /* These are the values so far (of WalcuJson). */
} Gathering;

static char *gather_array(Gathering *gathering, char *at, const char *path);
static char *gather_object(Gathering *gathering, char *at, const char *path);
static void gather_member(Gathering *gathering, char *at, const char *path);
static void gather_end(Gathering *gathering, char *at);
static char *add_value(Gathering *gathering, char *at);
static char *take_value(Gathering *gathering, char *at, WalcuJson *value);
static void note_misfit(Gathering *gathering, char *at);
static char *skim_element(Gathering *gathering, char *at);
static bool has_name(const Gathering *gathering, char *key, int size, const char *name, size_t length);

/* Returns the values (of WalcuJson) at a path, in UTF-8, below the objects of an array. */
List *
gather_values(const WalcuJson *array, const char *path, bool transcodes)
{
	Gathering gathering = {.skimmer = {.end = array->text + array->length}, .transcodes = transcodes};

	gather_array(&gathering, array->text, path);
	return gathering.values;
}

/*
 * Returns the elements (of WalcuJson) of the list, or of all lists, that a path, in UTF-8, leads to in an
 * object.  misfit gets the first value that stands there in the place of a list.
 */
List *
gather_elements(char *object, int length, const char *path, bool transcodes, WalcuJson *misfit)
{
	Gathering gathering = {.skimmer = {.end = object + length}, .transcodes = transcodes, .misfit = misfit};

	memset(misfit, 0, sizeof(WalcuJson));
	gather_object(&gathering, object, path);
	return gathering.values;
}

/* Takes what the objects of an array have there; returns what is behind the array. */
static char *
gather_array(Gathering *gathering, char *at, const char *path)
{
	at = skim_space(&gathering->skimmer, at + 1);
	while (*at != ']')
	{
		CHECK_FOR_INTERRUPTS();
		if (*at == '{')
			at = gather_object(gathering, at, path);
		else
			at = skim_value(&gathering->skimmer, at);
		at = skim_element(gathering, at);
	}
	return at + 1;
}

/* Takes what an object has there; returns what is behind it.  Of equal members the last one counts. */
static char *
gather_object(Gathering *gathering, char *at, const char *path)
{
	size_t length = strcspn(path, ".");
	char *member = NULL;

	at = skim_space(&gathering->skimmer, at + 1);
	while (*at != '}')
	{
		char *key = at;
		char *key_end = skim_string(&gathering->skimmer, at);

		at = skim_colon(&gathering->skimmer, key_end);
		if (has_name(gathering, key, key_end - key, path, length))
			member = at;
		at = skim_element(gathering, skim_value(&gathering->skimmer, at));
	}
	if (member && path[length] == '\0')
		gather_end(gathering, member);
	else if (member)
		gather_member(gathering, member, path + length + 1);
	return at + 1;
}

/* Goes on from a member by the rest of the path. */
static void
gather_member(Gathering *gathering, char *at, const char *path)
{
	check_stack_depth();
	if (*at == '{')
		gather_object(gathering, at, path);
	else if (*at == '[')
		gather_array(gathering, at, path);
}

/* Takes a value at the end of the path; of an array, its elements. */
static void
gather_end(Gathering *gathering, char *at)
{
	if (*at != '[' && gathering->misfit)
		note_misfit(gathering, at);
	else if (*at != '[')
		add_value(gathering, at);
	else
	{
		at = skim_space(&gathering->skimmer, at + 1);
		while (*at != ']')
			at = skim_element(gathering, add_value(gathering, at));
	}
}

/* Adds a value; returns what is behind it. */
static char *
add_value(Gathering *gathering, char *at)
{
	WalcuJson *value = palloc(sizeof(WalcuJson));

	at = take_value(gathering, at, value);
	gathering->values = lappend(gathering->values, value);
	return at;
}

static char *
take_value(Gathering *gathering, char *at, WalcuJson *value)
{
	gathering->skimmer.suspect = false;
	*value = (WalcuJson){.type = convert_token_type(*at), .text = at};
	at = skim_value(&gathering->skimmer, at);
	value->length = at - value->text;
	value->suspect = gathering->skimmer.suspect;
	return at;
}

/* Notes the first value, but for null, that stands where a list is expected. */
static void
note_misfit(Gathering *gathering, char *at)
{
	if (gathering->misfit->text == NULL && convert_token_type(*at) != JSON_TOKEN_NULL)
		take_value(gathering, at, gathering->misfit);
}

/* Passes over what may be between an element or a member and the next one, or the bracket. */
static char *
skim_element(Gathering *gathering, char *at)
{
	at = skim_space(&gathering->skimmer, at);
	return *at == ',' ? skim_space(&gathering->skimmer, at + 1) : at;
}

/* Tells whether a key, in its quotes, is a name. */
static bool
has_name(const Gathering *gathering, char *key, int size, const char *name, size_t length)
{
	const char *text;
	int text_length;

	return transcode_key(key, size, gathering->transcodes, &text, &text_length) && text_length == length &&
		   memcmp(text, name, length) == 0;
}
