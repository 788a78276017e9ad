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
	const WalcuOptions *options; /* These are the options of the table. */
	StringInfoData operations;   /* These are JSON objects, separated by commas. */
	int count;                   /* There are so many operations. */
} WalcuJsonPatch;

/* A place of the document that changes. */
typedef struct WalcuJsonChange
{
	const char *column; /* This is the name of the column. */
	const char *path;   /* This is the dotted path of the place. */
	Oid type;           /* This is the type of the column, without domains. */
	const char *old;    /* This is the old value as JSON; NULL for none. */
	const char *new;    /* This is the new value as JSON; NULL for none. */
} WalcuJsonChange;

extern WalcuJsonPatch *json_patch_create(const WalcuOptions *options);
extern void json_patch_change(WalcuJsonPatch *patch, const WalcuJsonChange *change);
extern void json_patch_set(WalcuJsonPatch *patch, const WalcuJsonChange *change);
extern char *json_patch_text(const WalcuJsonPatch *patch);

#endif /* WALCU_JSON_PATCH_H */
