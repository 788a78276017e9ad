/*
 * compat.h
 *	  All that differs between the PostgreSQL majors this extension supports.
 *
 * Nothing else in the tree tests PG_VERSION_NUM.
 */
#ifndef WALCU_COMPAT_H
#define WALCU_COMPAT_H

#include "postgres.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_namespace.h"
#include "commands/explain.h"
#include "common/base64.h"
#include "common/jsonapi.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "parser/parsetree.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/pg_shmem.h"
#include "storage/shmem.h"
#include "utils/acl.h"
#include "utils/date.h"
#include "utils/guc.h"
#include "utils/resowner.h"
#include "utils/selfuncs.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/wait_event.h"

#if PG_VERSION_NUM < 140000
#error "walcu_fdw needs PostgreSQL 14 or newer"
#endif

#if PG_VERSION_NUM >= 180000
#include "catalog/pg_collation.h"
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#include "storage/waiteventset.h"
#include "utils/syscache.h"
#endif

#if PG_VERSION_NUM >= 150000
#include "common/pg_prng.h"
#else
/* nodes of booleans, flags of sorts and MERGE are newer */
#define makeBoolean(value) makeInteger(value)
#define boolVal(node)      (intVal(node) != 0)
#define TUPLESORT_NONE     false
#define CMD_MERGE          CMD_UNKNOWN
#endif

#if PG_VERSION_NUM >= 170000
#include "storage/dsm_registry.h"
#else
#define ACL_MAINTAIN ACL_NO_RIGHTS /* the privilege for ANALYZE and its like */
#endif

#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#endif

/* 18 writes this in front of the declaration, where the old spelling may stand, too. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* 18 does not tell ExecutorRun_hook any more whether a plan is run once. */
#if PG_VERSION_NUM >= 180000
#define COMPAT_EXECUTOR_RUN_PARAMETERS QueryDesc *description, ScanDirection direction, uint64 count
#define COMPAT_EXECUTOR_RUN_ARGUMENTS  description, direction, count
#else
#define COMPAT_EXECUTOR_RUN_PARAMETERS                                                                       \
	QueryDesc *description, ScanDirection direction, uint64 count, bool once
#define COMPAT_EXECUTOR_RUN_ARGUMENTS description, direction, count, once
#endif

/* 15 refuses settings that nobody has defined, and has a better name for it. */
static inline void
compat_reserve_settings(const char *prefix)
{
#if PG_VERSION_NUM >= 150000
	MarkGUCPrefixReserved(prefix);
#else
	EmitWarningsOnPlaceholders(prefix);
#endif
}

/* 17 gave a WaitEventSet an owner; without one it lives in the session, as in its memory context before. */
static inline WaitEventSet *
compat_create_wait_event_set(int nevents, bool of_session)
{
#if PG_VERSION_NUM >= 170000
	return CreateWaitEventSet(of_session ? NULL : CurrentResourceOwner, nevents);
#else
	return CreateWaitEventSet(of_session ? TopMemoryContext : CurrentMemoryContext, nevents);
#endif
}

/* 17 lets extensions name what they wait for; event is 0 until it is known. */
static inline uint32
compat_wait_event(uint32 *event, const char *name)
{
#if PG_VERSION_NUM >= 170000
	if (*event == 0)
		*event = WaitEventExtensionNew(name);
#else
	*event = PG_WAIT_EXTENSION;
#endif
	return *event;
}

/* 15 has the function; before, its callers wrote it out. */
static inline void
compat_init_materialized_srf(FunctionCallInfo fcinfo)
{
#if PG_VERSION_NUM >= 150000
	InitMaterializedSRF(fcinfo, 0);
#else
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext before;

	if (result == NULL || !IsA(result, ReturnSetInfo) || !(result->allowedModes & SFRM_Materialize))
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("set-valued function called in context that cannot accept a set"));
	before = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &result->setDesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	result->setDesc = CreateTupleDescCopy(result->setDesc);
	result->setResult = tuplestore_begin_heap(true, false, work_mem);
	result->returnMode = SFRM_Materialize;
	MemoryContextSwitchTo(before);
#endif
}

/* Returns a random number from 0 to 1.  15 has a generator of its own for this. */
static inline double
compat_random(void)
{
#if PG_VERSION_NUM >= 150000
	return pg_prng_double(&pg_global_prng_state);
#else
	return (double) random() / ((double) MAX_RANDOM_VALUE + 1);
#endif
}

typedef void (*CompatHook)(void);

/*
 * Lets a preloaded library ask for the memory that compat_shared_memory will need.  17 does not have to be
 * asked, 15 is asked in a hook, and 14 at once.  Returns the hook to call in turn.
 */
static inline CompatHook
compat_hook_shmem_request(CompatHook request)
{
#if PG_VERSION_NUM >= 170000
	return NULL;
#elif PG_VERSION_NUM >= 150000
	CompatHook next = shmem_request_hook;

	shmem_request_hook = request;
	return next;
#else
	request();
	return NULL;
#endif
}

/* 19 asks for a lock's name when it is made, before each backend said it. */
static inline int
compat_new_tranche(const char *name)
{
#if PG_VERSION_NUM >= 190000
	return LWLockNewTrancheId(name);
#else
	return LWLockNewTrancheId();
#endif
}

/* PostgreSQL's handlers take more than C's, so that it has its own name for none. */
#if PG_VERSION_NUM < 190000
#define PG_SIG_IGN SIG_IGN
#endif

static inline void
compat_name_tranche(int tranche, const char *name)
{
#if PG_VERSION_NUM < 190000
	LWLockRegisterTranche(tranche, name);
#endif
}

#if PG_VERSION_NUM >= 190000
/* How 19 calls what fills in memory. */
typedef struct CompatInit
{
	void (*init)(void *memory);
} CompatInit;

static inline void
compat_init_memory(void *memory, void *arg)
{
	((CompatInit *) arg)->init(memory);
}
#endif

/*
 * Before 17 a library that is not preloaded leaves so much of PostgreSQL's spare memory to others, in
 * bytes.
 */
#define COMPAT_SPARE_MEMORY (64 * 1024)

/*
 * Returns memory that all backends share, or NULL where there is none.  init fills it in for the first one.
 * 17 gives it to whoever knows the name.  Before, preloaded libraries have asked for it, and others get what
 * nobody has asked for, as contrib/pg_prewarm does: little, so that may_be_spare is for small tables.
 */
static inline void *
compat_shared_memory(const char *name, Size size, void (*init)(void *), bool preloaded, bool may_be_spare)
{
	bool found;
#if PG_VERSION_NUM >= 190000
	return GetNamedDSMSegment(name, size, compat_init_memory, &found, &(CompatInit){init});
#elif PG_VERSION_NUM >= 170000
	return GetNamedDSMSegment(name, size, init, &found);
#else
	void *memory;
	const PGShmemHeader *header = UsedShmemSegAddr;

	if (!preloaded && !(may_be_spare && header->freeoffset + size + COMPAT_SPARE_MEMORY < header->totalsize))
		return NULL;
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	memory = ShmemInitStruct(name, size, &found);
	if (!found)
		init(memory);
	LWLockRelease(AddinShmemInitLock);
	return memory;
#endif
}

/* Returns when a date begins; the end of time if that is out of range, of which 19 makes an error to keep. */
static inline Timestamp
compat_date_to_timestamp(DateADT date)
{
#if PG_VERSION_NUM >= 190000
	return date2timestamp_safe(date, (Node *) &(ErrorSaveContext){T_ErrorSaveContext});
#else
	return date2timestamp_opt_overflow(date, &(int){0});
#endif
}

/* Returns when a clock of the session's zone shows a time, an end of time if that is out of range. */
static inline TimestampTz
compat_timestamp_to_timestamptz(Timestamp timestamp)
{
#if PG_VERSION_NUM >= 190000
	return timestamp2timestamptz_safe(timestamp, (Node *) &(ErrorSaveContext){T_ErrorSaveContext});
#else
	return timestamp2timestamptz_opt_overflow(timestamp, &(int){0});
#endif
}

/* Tells whether an encoding is that of Emacs, which 19 has no more. */
static inline bool
compat_is_mule_internal(int encoding)
{
#if PG_VERSION_NUM >= 190000
	return false;
#else
	return encoding == PG_MULE_INTERNAL;
#endif
}

/* Call it when the columns of a new description are known: 19 computes then where they are in a tuple. */
static inline void
compat_finish_descriptor(TupleDesc descriptor)
{
#if PG_VERSION_NUM >= 190000
	TupleDescFinalize(descriptor);
#endif
}

/* 19 hands the planner what EXPLAIN is to show of its work. */
#if PG_VERSION_NUM >= 190000
#define COMPAT_PLANNER_PARAMS , ExplainState *explain
#define COMPAT_PLANNER_ARGS   , explain
#else
#define COMPAT_PLANNER_PARAMS
#define COMPAT_PLANNER_ARGS
#endif

/* 17 lets the caller pass the memory of the JSON lexer, and const input. */
static inline JsonLexContext *
compat_json_lexer(const char *json, size_t len, bool need_escapes)
{
#if PG_VERSION_NUM >= 170000
	return makeJsonLexContextCstringLen(NULL, json, len, GetDatabaseEncoding(), need_escapes);
#else
	return makeJsonLexContextCstringLen((char *) json, (int) len, GetDatabaseEncoding(), need_escapes);
#endif
}

/* 16 folded the checks of each kind of object into one; these are those that are asked about. */
static inline AclResult
compat_aclcheck(Oid catalog, Oid object, Oid userid, AclMode mode)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(catalog, object, userid, mode);
#else
	return catalog == DatabaseRelationId    ? pg_database_aclcheck(object, userid, mode)
		   : catalog == NamespaceRelationId ? pg_namespace_aclcheck(object, userid, mode)
											: pg_foreign_server_aclcheck(object, userid, mode);
#endif
}

static inline bool
compat_ownercheck(Oid catalog, Oid object, Oid userid)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(catalog, object, userid);
#else
	return catalog == RelationRelationId   ? pg_class_ownercheck(object, userid)
		   : catalog == DatabaseRelationId ? pg_database_ownercheck(object, userid)
										   : pg_foreign_server_ownercheck(object, userid);
#endif
}

/* Tells whether an Append may leave children out when it is run.  18 has that in a list of the statement. */
static inline bool
compat_append_prunes(const Append *append)
{
#if PG_VERSION_NUM >= 180000
	return append->part_prune_index >= 0;
#else
	return append->part_prune_info != NULL;
#endif
}

/* 18 describes orders without btree's numbers. */
static inline bool
compat_pathkey_is_descending(const PathKey *pathkey)
{
#if PG_VERSION_NUM >= 180000
	return pathkey->pk_cmptype == COMPARE_GT;
#else
	return pathkey->pk_strategy == BTGreaterStrategyNumber;
#endif
}

/*
 * Go through the members of an equivalence class that are of no child, or of one of these relations; after
 * the last one compat_next_member returns NULL.  18 keeps the members of children apart.
 */
#if PG_VERSION_NUM >= 180000
typedef EquivalenceMemberIterator CompatMemberIterator;
#define compat_begin_members(iterator, class, relids) setup_eclass_member_iterator(iterator, class, relids)
#define compat_next_member(iterator)                  eclass_member_iterator_next(iterator)
#else
typedef struct CompatMemberIterator
{
	List *members;
	int next;
} CompatMemberIterator;

static inline void
compat_begin_members(CompatMemberIterator *iterator, const EquivalenceClass *class, Relids relids)
{
	*iterator = (CompatMemberIterator){class->ec_members, 0};
}

static inline EquivalenceMember *
compat_next_member(CompatMemberIterator *iterator)
{
	return iterator->next < list_length(iterator->members) ? list_nth(iterator->members, iterator->next++)
														   : NULL;
}
#endif

/* Returns the pathkey of an equivalence class in its usual ascending order. */
static inline PathKey *
compat_ascending_pathkey(PlannerInfo *root, EquivalenceClass *class)
{
#if PG_VERSION_NUM >= 180000
	return make_canonical_pathkey(root, class, linitial_oid(class->ec_opfamilies), COMPARE_LT, false);
#else
	return make_canonical_pathkey(root, class, linitial_oid(class->ec_opfamilies), BTLessStrategyNumber,
								  false);
#endif
}

/*
 * Tells whether a collation compares bytes, and knows ASCII letters only.  PostgreSQL tells that before 18,
 * but the header for it needs ICU's, which may not be installed.  18 has no such function.
 */
#if PG_VERSION_NUM >= 180000
static inline bool
compat_is_letter_c(Datum locale)
{
	return VARSIZE_ANY_EXHDR(DatumGetPointer(locale)) == 1 && *VARDATA_ANY(DatumGetPointer(locale)) == 'C';
}
#else
extern bool lc_collate_is_c(Oid collation);
extern bool lc_ctype_is_c(Oid collation);
#endif

/* 18 named the kinds of comparisons anew; their numbers are btree's strategies in each of them. */
static inline int
compat_row_strategy(const RowCompareExpr *rows)
{
#if PG_VERSION_NUM >= 180000
	return rows->cmptype;
#else
	return rows->rctype;
#endif
}

static inline bool
compat_collation_is_c(Oid collation)
{
#if PG_VERSION_NUM >= 180000
	HeapTuple tuple;
	bool is_c;

	if (collation != DEFAULT_COLLATION_OID)
		return collation == C_COLLATION_OID;
	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
	if (!HeapTupleIsValid(tuple))
		return false;
	is_c = ((Form_pg_database) GETSTRUCT(tuple))->datlocprovider == COLLPROVIDER_LIBC &&
		   compat_is_letter_c(SysCacheGetAttrNotNull(DATABASEOID, tuple, Anum_pg_database_datcollate)) &&
		   compat_is_letter_c(SysCacheGetAttrNotNull(DATABASEOID, tuple, Anum_pg_database_datctype));
	ReleaseSysCache(tuple);
	return is_c;
#else
	return OidIsValid(collation) && lc_collate_is_c(collation) && lc_ctype_is_c(collation);
#endif
}

/* Returns the user whose mapping a scan uses: a view's owner, or the current user. */
static inline Oid
compat_scan_userid(ForeignScanState *node)
{
	Oid userid;
#if PG_VERSION_NUM >= 160000
	userid = ((ForeignScan *) node->ss.ps.plan)->checkAsUser;
#else
	userid = exec_rt_fetch(((Scan *) node->ss.ps.plan)->scanrelid, node->ss.ps.state)->checkAsUser;
#endif
	return OidIsValid(userid) ? userid : GetUserId();
}

/* Returns the user whose mapping a write uses, which is that of a scan. */
static inline Oid
compat_modify_userid(ResultRelInfo *target, EState *estate)
{
	Oid userid;
#if PG_VERSION_NUM >= 160000
	userid = ExecGetResultRelCheckAsUser(target, estate);
#else
	/* a partition that rows were routed to has no entry of its own */
	while (target->ri_RangeTableIndex == 0 && target->ri_RootResultRelInfo)
		target = target->ri_RootResultRelInfo;
	userid = target->ri_RangeTableIndex > 0 ? exec_rt_fetch(target->ri_RangeTableIndex, estate)->checkAsUser
											: InvalidOid;
#endif
	return OidIsValid(userid) ? userid : GetUserId();
}

/* What a scan's path costs. */
typedef struct CompatScanCost
{
	double rows;  /* It is expected to return so many. */
	Cost startup; /* So much passes before the first. */
	Cost total;   /* So much passes in all. */
} CompatScanCost;

/* 17 added the restrictions an FDW join enforces, 18 the count of disabled nodes. */
static inline ForeignPath *
compat_foreignscan_path(PlannerInfo *root, RelOptInfo *rel, CompatScanCost cost, List *pathkeys,
						Relids required_outer, List *fdw_private)
{
#if PG_VERSION_NUM >= 180000
	return create_foreignscan_path(root, rel, NULL, cost.rows, 0, cost.startup, cost.total, pathkeys,
								   required_outer, NULL, NIL, fdw_private);
#elif PG_VERSION_NUM >= 170000
	return create_foreignscan_path(root, rel, NULL, cost.rows, cost.startup, cost.total, pathkeys,
								   required_outer, NULL, NIL, fdw_private);
#else
	return create_foreignscan_path(root, rel, NULL, cost.rows, cost.startup, cost.total, pathkeys,
								   required_outer, NULL, fdw_private);
#endif
}

/*
 * Returns the cheapest path of the rows of a semijoin's outer side, each of them once, or NULL.  19 has made
 * them unique before it asks for paths of the join.
 */
static inline Path *
compat_unique_path(PlannerInfo *root, RelOptInfo *outer, SpecialJoinInfo *semijoin)
{
#if PG_VERSION_NUM >= 190000
	return outer->cheapest_total_path;
#else
	return (Path *) create_unique_path(root, outer, outer->cheapest_total_path, semijoin);
#endif
}

/* 15 lets a custom path say that it computes expressions, and a view be read with its reader's rights. */
#if PG_VERSION_NUM >= 150000
#define COMPAT_CUSTOMPATH_PROJECTS CUSTOMPATH_SUPPORT_PROJECTION
#define COMPAT_VIEW_OPTIONS        " WITH (security_invoker = true)"
#else
#define COMPAT_CUSTOMPATH_PROJECTS 0
#define COMPAT_VIEW_OPTIONS        ""
#endif

/* 18 counts the disabled nodes of a path, which one above them has, too. */
static inline void
compat_inherit_disabled(Path *path, const Path *below)
{
#if PG_VERSION_NUM >= 180000
	path->disabled_nodes = below->disabled_nodes;
#endif
}

/* 17 looks at statistics to guess how many elements an array has. */
static inline double
compat_array_length(PlannerInfo *root, Node *array)
{
#if PG_VERSION_NUM >= 170000
	return estimate_array_length(root, array);
#else
	return estimate_array_length(array);
#endif
}

/* 18 made bytes of what was char: void passes for both. */
static inline char *
compat_base64(const char *bytes, int length)
{
	int size = pg_b64_enc_len(length);
	char *encoded = palloc0(size + 1);
	int encoded_length = pg_b64_encode((const void *) bytes, length, encoded, size);

	if (encoded_length < 0)
		elog(ERROR, "could not encode credentials");
	return encoded;
}

/* Returns the text that is encoded, or NULL when it is not base64. */
static inline char *
compat_base64_text(const char *encoded, int length)
{
	int size = pg_b64_dec_len(length);
	char *text = palloc0(size + 1);
	int text_length = pg_b64_decode(encoded, length, (void *) text, size);

	return text_length < 0 ? NULL : text;
}

/*
 * Call a type's input function so that it refuses a text without an error: accepted is false then.  Returns
 * false, and does nothing, before 16, where it would raise one.
 */
static inline bool
compat_soft_input_call(FmgrInfo *function, char *text, Oid ioparam, int32 typmod, Datum *result,
					   bool *accepted)
{
#if PG_VERSION_NUM >= 160000
	ErrorSaveContext errors = {T_ErrorSaveContext};

	*accepted = InputFunctionCallSafe(function, text, ioparam, typmod, (Node *) &errors, result);
	return true;
#else
	return false;
#endif
}

/* Before 17 no subtransaction can begin while a part of the query is run in parallel. */
static inline bool
compat_can_begin_subtransaction(void)
{
	return PG_VERSION_NUM >= 170000 || !IsInParallelMode();
}

#endif /* WALCU_COMPAT_H */
