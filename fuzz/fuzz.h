/*
 * fuzz.h
 *	  What the targets of the fuzzer share.
 *
 * A target takes bytes apart, gives them to one file of the extension, and compares what comes of
 * it with an independent truth.  What differs is a finding, and ends the run.
 */
#ifndef WALCU_FUZZ_H
#define WALCU_FUZZ_H

#include "postgres.h"

#include "base/compat.h"

/* Bytes of the fuzzer that a target has not read yet. */
typedef struct FuzzInput
{
	const char *at;
	const char *end;
} FuzzInput;

/* What a call raised; sqlstate is 0 when it returned. */
typedef struct FuzzError
{
	int sqlstate;
	char *message;
} FuzzError;

typedef void (*FuzzCall)(void *argument);

typedef struct FuzzTarget
{
	const char *name;
	void (*run)(FuzzInput *input);
} FuzzTarget;

/* driver.c */
extern FuzzError fuzz_call(FuzzCall call, void *argument);
extern char *fuzz_copy(const char *bytes, size_t length, size_t behind);
extern FuzzInput fuzz_line(FuzzInput *input);
extern int fuzz_choice(FuzzInput *line);
extern char *fuzz_shown(const char *bytes, size_t length);
pg_noreturn extern void fuzz_finding(const char *format, ...) pg_attribute_printf(1, 2);

extern void fuzz_split(FuzzInput *input);
extern void fuzz_skim(FuzzInput *input);
extern void fuzz_decode(FuzzInput *input);
extern void fuzz_iso8601(FuzzInput *input);
extern void fuzz_url(FuzzInput *input);
extern void fuzz_head(FuzzInput *input);
extern void fuzz_pattern(FuzzInput *input);
extern void fuzz_openapi(FuzzInput *input);

#endif /* WALCU_FUZZ_H */
