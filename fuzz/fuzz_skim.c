/*
 * fuzz_skim.c
 *	  Does skim.c take exactly the JSON values that PostgreSQL's parser takes?
 *
 * And is what is not suspect to it something that jsonb can hold?
 */
#include "postgres.h"

#include "fuzz.h"
#include "json/skim.h"
#include "mb/pg_wchar.h"
#include "truth.h"

void
fuzz_skim(FuzzInput *input)
{
	size_t length = input->end - input->at;
	char *text = fuzz_copy(input->at, length, 0);
	WalcuSkimmer skimmer = {.end = text + length};
	char *start = skim_space(&skimmer, text);
	char *end = skim_value(&skimmer, start);
	const TruthValue *truth;
	Datum value;

	if (!pg_verify_mbstr(PG_UTF8, text, length, true))
		return;
	truth = truth_parse(text, length);
	if ((truth != NULL) != (end != NULL && skim_space(&skimmer, end) == skimmer.end))
		fuzz_finding("%s is JSON to PostgreSQL: %d", fuzz_shown(text, length), truth != NULL);
	if (truth && truth->length != end - start)
		fuzz_finding("the value has %d bytes, not %d", truth->length, (int) (end - start));
	if (truth && !skimmer.suspect && !truth_input("jsonb", pnstrdup(text, length), &value))
		fuzz_finding("%s is not suspect, but jsonb refuses it", fuzz_shown(text, length));
}
