/*
 * truth.h
 *	  What PostgreSQL itself makes of JSON, and of values.
 */
#ifndef WALCU_TRUTH_H
#define WALCU_TRUTH_H

#include "postgres.h"

#include "fuzz.h"
#include "nodes/pg_list.h"

/* A JSON value as PostgreSQL's parser found it. */
typedef struct TruthValue
{
	const char *text;
	int length;
	int depth;      /* of brackets at most, its own counted */
	List *members;  /* of TruthMember, in the order of the text */
	List *elements; /* of TruthValue */
} TruthValue;

typedef struct TruthMember
{
	const char *key; /* in its quotes */
	int key_length;
	TruthValue *value;
} TruthMember;

extern TruthValue *truth_parse(const char *text, int length);
extern const TruthValue *truth_member(const TruthValue *object, const char *name);
extern char *truth_string(const char *text, int length);
extern bool truth_input(const char *type, const char *text, Datum *result);
extern bool truth_input_oid(Oid type, int32 typmod, const char *text, Datum *result);
extern char *truth_output(Oid type, Datum value);
extern void truth_type(const char *name, Oid *type, int32 *typmod);
extern bool truth_instant(const char *text, int length, Datum *result);

#endif /* WALCU_TRUTH_H */
