/*
 * driver.c
 *	  Run a target of the fuzzer inside of a server.
 *
 * The module is loaded into a server of its own by scripts/fuzz-bytes, so that memory, errors and
 * types are PostgreSQL's.  libFuzzer calls a target with bytes that it makes up; the replay of
 * a folder needs neither it nor clang.
 */
#include "postgres.h"

#include "fuzz.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(fuzz_run);
PG_FUNCTION_INFO_V1(fuzz_replay);

static const FuzzTarget targets[] = {
	{"split", fuzz_split},     {"skim", fuzz_skim},       {"decode", fuzz_decode}, {"iso8601", fuzz_iso8601},
	{"url", fuzz_url},         {"openapi", fuzz_openapi}, {"head", fuzz_head},
#ifdef FUZZ_WITH_PCRE
	{"pattern", fuzz_pattern},
#endif
};

static const FuzzTarget *find_target(const char *name);
static void run_target(const char *bytes, size_t length);
static void replay_file(const char *path);

/* The target under way. */
static const FuzzTarget *current;

/* The file that is replayed. */
static const char *current_file;

/* Does a finding end the process, for libFuzzer to write down the bytes? */
static bool findings_abort;

#ifdef FUZZ_WITH_LIBFUZZER
extern int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));

static int
run_bytes(const uint8_t *data, size_t size)
{
	run_target((const char *) data, size);
	return 0;
}
#endif

/* fuzz_run(target text, arguments text[]) returns void: calls libFuzzer, which ends the process */
Datum
fuzz_run(PG_FUNCTION_ARGS)
{
#ifdef FUZZ_WITH_LIBFUZZER
	Datum *texts;
	int count;
	int argc;
	char **argv;

	current = find_target(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &texts, NULL, &count);
	argc = count + 1;
	argv = palloc0((argc + 1) * sizeof(char *));
	argv[0] = pstrdup(current->name);
	for (int i = 0; i < count; i++)
		argv[i + 1] = TextDatumGetCString(texts[i]);
	findings_abort = true;
	LLVMFuzzerRunDriver(&argc, &argv, run_bytes);
#else
	elog(ERROR, "this module was built without libFuzzer");
#endif
	PG_RETURN_VOID();
}

/* fuzz_replay(target text, folder text) returns int: how many files of the folder passed; all, or an error */
Datum
fuzz_replay(PG_FUNCTION_ARGS)
{
	char *folder = text_to_cstring(PG_GETARG_TEXT_PP(1));
	DIR *dir = AllocateDir(folder);
	struct dirent *entry;
	int count = 0;

	current = find_target(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	while ((entry = ReadDir(dir, folder)) != NULL)
	{
		if (entry->d_name[0] == '.')
			continue;
		replay_file(psprintf("%s/%s", folder, entry->d_name));
		CHECK_FOR_INTERRUPTS();
		count++;
	}
	FreeDir(dir);
	PG_RETURN_INT32(count);
}

static const FuzzTarget *
find_target(const char *name)
{
	for (int i = 0; i < lengthof(targets); i++)
	{
		if (strcmp(targets[i].name, name) == 0)
			return &targets[i];
	}
	elog(ERROR, "there is no target \"%s\"", name);
}

/* Whatever a target raises is a finding: it catches what it expects. */
static void
run_target(const char *bytes, size_t length)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "fuzz input", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	FuzzInput input = {bytes, bytes + length};

	PG_TRY();
	{
		current->run(&input);
	}
	PG_CATCH();
	{
		if (findings_abort)
		{
			EmitErrorReport();
			abort();
		}
		PG_RE_THROW();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
}

static void
replay_file(const char *path)
{
	FILE *file = AllocateFile(path, PG_BINARY_R);
	StringInfoData bytes;
	char buffer[8192];
	size_t count;

	if (file == NULL)
		ereport(ERROR, errcode_for_file_access(), errmsg("could not open file \"%s\": %m", path));
	initStringInfo(&bytes);
	while ((count = fread(buffer, 1, sizeof(buffer), file)) > 0)
		appendBinaryStringInfo(&bytes, buffer, (int) count);
	FreeFile(file);
	current_file = path;
	run_target(bytes.data, bytes.len);
}

/* Call something that may raise. */
FuzzError
fuzz_call(FuzzCall call, void *argument)
{
	MemoryContext context = CurrentMemoryContext;
	volatile FuzzError result = {0, NULL};
	int level = NewGUCNestLevel();

	PG_TRY();
	{
		call(argument);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		result.sqlstate = error->sqlerrcode;
		result.message = error->message;
	}
	PG_END_TRY();
	/* settings that the call had in force when it raised */
	AtEOXact_GUC(false, level);
	return (FuzzError){result.sqlstate, result.message};
}

static void
release_copy(void *copy)
{
	free(copy);
}

/*
 * Bytes in memory of their own, with so many zeros behind them, that the sanitizer guards.  It goes with the
 * memory context.
 */
char *
fuzz_copy(const char *bytes, size_t length, size_t behind)
{
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));
	char *copy = malloc(Max(length + behind, 1));

	if (copy == NULL)
		elog(ERROR, "out of memory");
	memcpy(copy, bytes, length);
	memset(copy + length, 0, behind);
	callback->func = release_copy;
	callback->arg = copy;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return copy;
}

/* The first line of what is left, without its end: there the seeds say how they are read. */
FuzzInput
fuzz_line(FuzzInput *input)
{
	FuzzInput line = *input;
	const char *end = memchr(input->at, '\n', input->end - input->at);

	line.end = end ? end : input->end;
	input->at = end ? end + 1 : input->end;
	return line;
}

/* The next character of a line as a number from 0, which '0' is; -1 behind the last one. */
int
fuzz_choice(FuzzInput *line)
{
	return line->at < line->end ? (unsigned char) (*line->at++ - '0') : -1;
}

/* Bytes for people. */
char *
fuzz_shown(const char *bytes, size_t length)
{
	StringInfoData shown;

	initStringInfo(&shown);
	for (size_t i = 0; i < length; i++)
	{
		unsigned char c = bytes[i];

		if (c < ' ' || c == 0x7f || c >= 0x80)
			appendStringInfo(&shown, "\\x%02x", c);
		else
			appendStringInfoChar(&shown, c);
	}
	return shown.data;
}

/* The extension and the truth differ. */
void
fuzz_finding(const char *format, ...)
{
	StringInfoData text;
	va_list arguments;
	int needed;

	initStringInfo(&text);
	do
	{
		va_start(arguments, format);
		needed = appendStringInfoVA(&text, format, arguments);
		va_end(arguments);
		if (needed > 0)
			enlargeStringInfo(&text, needed);
	} while (needed > 0);
	if (findings_abort)
	{
		fprintf(stderr, "FINDING in %s: %s\n", current->name, text.data);
		abort();
	}
	elog(ERROR, "finding in %s, %s: %s", current->name, current_file, text.data);
}
