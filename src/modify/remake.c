/*
 * remake.c
 *	  The body of a write, made of the document as it is.
 *
 * A patch may depend on what the document is like around the places that it sets.  writer.c asks here whether
 * the document is to be read for that, which it is first where the write has no body, else once the service
 * has refused it; and what to send of a document that was read.
 */
#include "postgres.h"

#include "modify/remake.h"

#include "base/utf8.h"
#include "modify/write_reply.h"
#include "utils/memutils.h"

/* Tells whether the document is read for the write's body. */
bool
remake_is_under_way(const WalcuWrite *write)
{
	return write->remake && write->look_up;
}

/* Tells whether another body may be carried out, where one was not. */
bool
remake_may_help(const WalcuWrite *write)
{
	return write->remake && write->look_up == NULL && write_reply_may_be_of_places(write->transfer);
}

/*
 * Makes the body of the reply to the request that has looked for the document.  The document is then the
 * write's.  Errors: those of write_reply_read and of what makes the body.
 */
WalcuRemade
remake_body(WalcuWrite *write)
{
	const char *refused = write->request->body;
	MemoryContext before = MemoryContextSwitchTo(write->context);
	char *body;

	if (write->transfer->status == 404 ||
		!write_reply_read(write->transfer, write->body, true, write->context, &write->document))
	{
		MemoryContextSwitchTo(before);
		return WALCU_REMADE_MISSING;
	}
	/* it can be seen that the refused one was not carried out, if there is still something to do */
	write->is_doubtful = false;
	body = write->remake(write->remake_arg, &write->document);
	MemoryContextSwitchTo(before);
	if (body == NULL)
		return WALCU_REMADE_NOTHING;
	write->request->body = MemoryContextStrdup(write->context, utf8_require(body));
	return (refused && strcmp(refused, write->request->body) == 0) ? WALCU_REMADE_SAME : WALCU_REMADE_BODY;
}
