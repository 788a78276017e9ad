/*
 * json_patch.h
 *	  What turns one document into another, as the service understands it.
 */
#ifndef WALCU_JSON_PATCH_H
#define WALCU_JSON_PATCH_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "service/option.h"

/* A JSON Patch under construction. */
typedef struct WalcuJsonPatch
{
	const WalcuOptions *options;
	StringInfoData operations; /* JSON objects, separated by commas */
	int count;
} WalcuJsonPatch;

/* A place of the document that changes. */
typedef struct WalcuJsonChange
{
	const char *column;
	const char *path;
	Oid type;        /* of the column, without domains */
	const char *old; /* JSON, or NULL for none */
	const char *new; /* the same */
} WalcuJsonChange;

extern WalcuJsonPatch *json_patch_create(const WalcuOptions *options);
extern void json_patch_change(WalcuJsonPatch *patch, const WalcuJsonChange *change);
extern void json_patch_set(WalcuJsonPatch *patch, const WalcuJsonChange *change);
extern char *json_patch_text(const WalcuJsonPatch *patch);

#endif /* WALCU_JSON_PATCH_H */
