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
typedef struct WalcuPatch
{
	const WalcuOptions *options;
	StringInfoData operations; /* JSON objects, separated by commas */
	int count;
} WalcuPatch;

/* A place of the document that changes. */
typedef struct WalcuChange
{
	const char *column;
	const char *path;
	Oid type;        /* of the column, without domains */
	const char *old; /* JSON, or NULL for none */
	const char *new; /* the same */
} WalcuChange;

extern WalcuPatch *patch_create(const WalcuOptions *options);
extern void patch_change(WalcuPatch *patch, const WalcuChange *change);
extern void patch_set(WalcuPatch *patch, const WalcuChange *change);
extern char *patch_text(const WalcuPatch *patch);

#endif /* WALCU_JSON_PATCH_H */
