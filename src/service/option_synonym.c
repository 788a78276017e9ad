/*
 * option_synonym.c
 *	  What other wrappers and programs call an option.
 *
 * Called by option.c for the hint at an unknown name.  Names that are misspelt are hint.c's to find.
 */
#include "postgres.h"

#include "service/option_synonym.h"

static const struct
{
	const char *name;   /* They call it so; */
	const char *option; /* it is this one here. */
} synonyms[] = {
	{"host", "endpoint"},       {"hostname", "endpoint"},   {"url", "endpoint"},
	{"base_url", "endpoint"},   {"uri", "endpoint"},        {"address", "endpoint"},
	{"dealer", "dealer_id"},    {"user", "username"},       {"app_id", "username"},
	{"api_key", "token"},       {"secret_key", "password"}, {"table", "resource"},
	{"table_name", "resource"}, {"object", "resource"},     {"list", "array"},
	{"column_name", "path"},    {"field", "path"},          {"timeout", "request_timeout"},
};

/* Returns the option that another name means; NULL when it is none of these. */
const char *
option_synonym(const char *name)
{
	for (int i = 0; i < lengthof(synonyms); i++)
	{
		if (strcmp(synonyms[i].name, name) == 0)
			return synonyms[i].option;
	}
	return NULL;
}
