/*
 * type_input.c
 *	  A text into a value of any type, by the type's input function.
 *
 * convert.c asks here for the types that it has no conversion of its own for.  What an input function raises
 * says that the text does not fit the type, and is no error yet.  An input function of PostgreSQL's own
 * leaves little behind when it fails.  What functions of others have begun, say in the CHECK of a
 * domain, only a subtransaction ends.
 */
#include "postgres.h"

#include "json/type_input.h"

#include "access/transam.h"
#include "base/compat.h"
#include "base/subtransaction.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
#include "utils/resowner.h"
#include "utils/typcache.h"

/*
 * No text is to blame for these errors, which are not hidden: they are given by their classes, and one
 * more.
 */
static const int other_error_classes[] = {
	ERRCODE_CONNECTION_EXCEPTION,  ERRCODE_INVALID_TRANSACTION_STATE,
	ERRCODE_TRANSACTION_ROLLBACK,  ERRCODE_INSUFFICIENT_RESOURCES,
	ERRCODE_OPERATOR_INTERVENTION, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
	ERRCODE_SYSTEM_ERROR,          ERRCODE_CONFIG_FILE_ERROR,
	ERRCODE_INTERNAL_ERROR,
};

/* Types whose input has PostgreSQL's parser read the name of a type. */
static const Oid raising_types[] = {REGTYPEOID, REGPROCEDUREOID, REGOPERATOROID};

/* A call that is tried. */
typedef struct InputCall
{
	const WalcuTypeInput *input; /* This function is called */
	char *text;                  /* with this text, */
	Datum *result;               /* and the value goes here. */
} InputCall;

static bool has_own_input(Oid type);
static bool has_own_checks(Oid domain);
static bool calls_others(Node *node, void *context);
static bool is_function_of_others(Oid function, void *context);
static Datum call_input_function(const WalcuTypeInput *input, char *text);
static bool call_with_own_resources(const WalcuTypeInput *input, char *text, Datum *result);
static bool call_in_subtransaction(const WalcuTypeInput *input, char *text, Datum *result);
static void make_input_call(void *arg);
static bool call_or_raise(const WalcuTypeInput *input, char *text, Datum *result);
static bool is_text_to_blame(const ErrorData *error);

/* Finds out how to make values of a type.  What it allocates is in the current memory context. */
void
type_input_prepare(WalcuTypeInput *input, Oid type, int32 typmod)
{
	Oid function;

	getTypeInputInfo(type, &function, &input->ioparam);
	fmgr_info(function, &input->function);
	input->typmod = typmod;
	input->is_own = has_own_input(type);
	for (int i = 0; i < lengthof(raising_types); i++)
		input->raises |= (getBaseType(type) == raising_types[i]);
}

/* Makes a value of a text.  Returns false when the text does not fit the type. */
bool
type_input_call(const WalcuTypeInput *input, char *text, Datum *result)
{
	bool accepted;

	if (!input->is_own)
		return compat_can_begin_subtransaction() ? call_in_subtransaction(input, text, result)
												 : call_or_raise(input, text, result);
	if (!input->raises && compat_soft_input_call((FmgrInfo *) &input->function, text, input->ioparam,
												 input->typmod, result, &accepted))
		return accepted;
	return call_with_own_resources(input, text, result);
}

/* Tells whether the input of a type's values calls functions of PostgreSQL's own alone. */
static bool
has_own_input(Oid type)
{
	Oid element = get_element_type(type);

	if (OidIsValid(element))
		return has_own_input(element);
	switch (get_typtype(type))
	{
		case TYPTYPE_DOMAIN:
			return has_own_input(getBaseType(type)) && has_own_checks(type);
		case TYPTYPE_ENUM:
			return true;
		default:
			return type < FirstNormalObjectId;
	}
}

static bool
has_own_checks(Oid domain)
{
	DomainConstraintRef *checks = palloc0(sizeof(DomainConstraintRef));
	ListCell *lc;

	/* the reference ends with its memory context */
	InitDomainConstraintRef(domain, checks, CurrentMemoryContext, false);
	foreach(lc, checks->constraints)
	{
		if (calls_others((Node *) ((DomainConstraintState *) lfirst(lc))->check_expr, NULL))
			return false;
	}
	return true;
}

static bool
calls_others(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (check_functions_in_node(node, is_function_of_others, context))
		return true;
	if (IsA(node, CoerceToDomain) && !has_own_checks(((CoerceToDomain *) node)->resulttype))
		return true;
	return expression_tree_walker(node, calls_others, context);
}

static bool
is_function_of_others(Oid function, void *context)
{
	return function >= FirstNormalObjectId;
}

static Datum
call_input_function(const WalcuTypeInput *input, char *text)
{
	return InputFunctionCall((FmgrInfo *) &input->function, text, input->ioparam, input->typmod);
}

/*
 * Calls a function of PostgreSQL's own where errors are not soft.  An error leaves behind memory, which is
 * the caller's, and what the resource owner has.  This can be done while a query is run in parallel, where
 * a subtransaction cannot begin.
 */
static bool
call_with_own_resources(const WalcuTypeInput *input, char *text, Datum *result)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ResourceOwner resources = ResourceOwnerCreate(owner, "walcu input");
	ErrorData *volatile error = NULL;

	CurrentResourceOwner = resources;
	PG_TRY();
	{
		*result = call_input_function(input, text);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	CurrentResourceOwner = owner;
	ResourceOwnerRelease(resources, RESOURCE_RELEASE_BEFORE_LOCKS, error == NULL, false);
	ResourceOwnerRelease(resources, RESOURCE_RELEASE_LOCKS, error == NULL, false);
	ResourceOwnerRelease(resources, RESOURCE_RELEASE_AFTER_LOCKS, error == NULL, false);
	ResourceOwnerDelete(resources);
	if (error && !is_text_to_blame(error))
		ReThrowError(error);
	return error == NULL;
}

static bool
call_in_subtransaction(const WalcuTypeInput *input, char *text, Datum *result)
{
	InputCall call = {input, text, result};
	ErrorData *error = subtransaction_try(make_input_call, &call);

	if (error && !is_text_to_blame(error))
		ReThrowError(error);
	return error == NULL;
}

static void
make_input_call(void *arg)
{
	const InputCall *call = arg;

	*call->result = call_input_function(call->input, call->text);
}

/* Calls a function of others where nothing can undo what it has begun: its error ends the statement. */
static bool
call_or_raise(const WalcuTypeInput *input, char *text, Datum *result)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		*result = call_input_function(input, text);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		if (is_text_to_blame(error))
			error->hint =
				"A value that a function of your own refuses can be read as one that does not fit only where "
				"the query is not run in parallel: set max_parallel_workers_per_gather to 0.";
		ReThrowError(error);
	}
	PG_END_TRY();
	return true;
}

static bool
is_text_to_blame(const ErrorData *error)
{
	for (int i = 0; i < lengthof(other_error_classes); i++)
	{
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_TO_CATEGORY(other_error_classes[i]))
			return false;
	}
	return error->sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE;
}
