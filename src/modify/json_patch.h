/*
 * json_patch.h
 *	  What turns one document into another, as the service understands it.
 */
#ifndef WALCU_JSON_PATCH_H
#define WALCU_JSON_PATCH_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "modify/ignored_write.h"
#include "service/option.h"
#include "utils/jsonb.h"

/* A JSON Patch under construction. */
typedef struct WalcuJsonPatch
{
	const WalcuOptions *options; /* These are the options of the table. */
	bool names_leaves;           /* It goes as deep as values differ, and deeper than the service can. */
	StringInfoData operations;   /* These are JSON objects, separated by commas. */
	int count;                   /* There are so many operations. */
	WalcuSetColumn column;       /* Operations are of this column. */
	StringInfoData sets;         /* It says which columns set which places, for ignored_write.c. */
} WalcuJsonPatch;

/* How sure it is that the service can set a place, by what is around that. */
typedef enum WalcuPatchReach
{
	WALCU_REACH_SURE,    /* It is a member of the document itself. */
	WALCU_REACH_SCHEMA,  /* It is in an object of the schema, which services make, or miss. */
	WALCU_REACH_FREE,    /* It is a member of a free form, which may be anything. */
	WALCU_REACH_TOO_DEEP /* It is deeper within a free form. */
} WalcuPatchReach;

/* A place of the document that changes. */
typedef struct WalcuJsonChange
{
	const char *column; /* This is the name of the column. */
	const char *path;   /* This is the dotted path of the place. */
	Oid type;           /* This is the type of the column, without domains. */
	const char *old;    /* This is the old value as JSON; NULL for none. */
	const char *new;    /* This is the new value as JSON; NULL for none. */
} WalcuJsonChange;

extern WalcuJsonPatch *json_patch_create(const WalcuOptions *options, bool names_leaves);
extern WalcuPatchReach json_patch_reach(const WalcuOptions *options, const char *path);
extern void json_patch_check(const WalcuJsonPatch *patch, const WalcuJsonChange *change);
extern void json_patch_change(WalcuJsonPatch *patch, const WalcuJsonChange *change);
extern void json_patch_unset(WalcuJsonPatch *patch, const WalcuJsonChange *change);
extern void json_patch_set(WalcuJsonPatch *patch, const WalcuJsonChange *change);
extern void json_patch_members(WalcuJsonPatch *patch, Jsonb *old, Jsonb *new);
extern char *json_patch_text(const WalcuJsonPatch *patch);

#endif /* WALCU_JSON_PATCH_H */
