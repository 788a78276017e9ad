/*
 * reset_callback.c
 *	  A function that is called when a memory context is reset or deleted.
 *
 * Whoever makes what PostgreSQL does not free by itself (handles of libcurl, documents of jansson,
 * descriptors) has it released from here.  Nobody else registers such a callback: PostgreSQL deletes the
 * children of a context before it calls the context's callbacks, so that a callback in a child is read when
 * its memory is gone.  Here it cannot be anywhere but in its own context.
 */
#include "postgres.h"

#include "base/reset_callback.h"

#include "utils/memutils.h"

/*
 * Has a function called at the end of a context.  What is behind arg must live until then: in the context
 * itself, or in none.  An object that is yet to be made is put in its place afterwards, so that no error
 * comes between.
 */
MemoryContextCallback *
reset_callback_add(MemoryContext context, MemoryContextCallbackFunction function, void *arg)
{
	MemoryContextCallback *callback = MemoryContextAllocZero(context, sizeof(MemoryContextCallback));

	callback->func = function;
	callback->arg = arg;
	MemoryContextRegisterResetCallback(context, callback);
	return callback;
}
