/*
 * sample.h
 *	  Documents of a resource, and the values that stand in them.
 */
#ifndef WALCU_CHECK_SAMPLE_H
#define WALCU_CHECK_SAMPLE_H

#include "postgres.h"

#include "check/ask.h"
#include "check/run.h"
#include "service/openapi.h"

/* A place in documents that the description names. */
typedef struct WalcuCheckPlace
{
	const char *path;    /* It is dotted. */
	WalcuFieldKind kind; /* The description says this of it, or of its elements. */
	bool array;          /* It has an array of that. */
} WalcuCheckPlace;

extern List *sample_described(const WalcuCheckRun *run);
extern WalcuCheckSample *sample_take(WalcuCheckRun *run, const char *resource, const WalcuCheckReply *reply);
extern json_t *sample_document(const WalcuCheckSample *sample, int number);
extern const char *sample_id(const WalcuCheckSample *sample, int number);
extern int sample_find_id(const WalcuCheckSample *sample, const char *id);
extern bool sample_value(json_t *document, const char *path, json_t **value);
extern void sample_collect_values(json_t *value, const char *path, List **values);
extern const char *sample_text(json_t *document, const char *path);
extern List *sample_places(List *fields, int levels);
extern List *sample_places_in_arrays(List *fields, int levels);
extern bool sample_is_object_id(json_t *value);
extern bool sample_fits(json_t *value, WalcuFieldKind kind, bool array);
extern char *sample_json(json_t *value);
extern void sample_extend(WalcuCheckSample *sample, json_t *documents);
extern void sample_choose_main(WalcuCheckRun *run);

#endif /* WALCU_CHECK_SAMPLE_H */
