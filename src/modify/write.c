/*
 * write.c
 *	  One document that is written: what is sent, and what is to be seen in the reply.
 *
 * modify.c, direct_modify.c and commit_queue.c say what is to be sent; writer.c sends it.
 */
#include "postgres.h"

#include "modify/write.h"

#include "base/text.h"
#include "base/url.h"
#include "base/utf8.h"
#include "http/redact.h"
#include "modify/write_reply.h"
#include "utils/memutils.h"

/* Sets the body of a write: JSON in the database's encoding. */
void
write_set_body(WalcuWrite *write, const char *text)
{
	write->request->body = MemoryContextStrdup(write->context, utf8_require(text));
}

/* Says how the body is made where the document has to be read for it. */
void
write_set_remake(WalcuWrite *write, WalcuRemake remake, void *arg)
{
	write->remake = remake;
	write->remake_arg = arg;
}

/* Has what the write sets looked for in the reply, as the option on_ignored_write says. */
void
write_expect(WalcuWrite *write, const char *sets)
{
	if (sets && write->options->on_ignored_write != WALCU_IGNORED_IGNORE)
		write->sets = MemoryContextStrdup(write->context, sets);
}

/* Checks that a document can be written.  Error: HV000 for an id that cannot be part of a URL's path. */
void
write_check_id(const WalcuOptions *options, const char *id)
{
	if (!url_is_plain_segment(id))
		ereport(ERROR, errcode(ERRCODE_FDW_ERROR),
				errmsg("document \"%s\" of resource \"%s\" cannot be written", text_shown(id, TEXT_OF_ID),
					   options->resource),
				errdetail("Its _id cannot be part of a URL's path."));
}

/* Reads the document of the reply; returns false when there is none.  Errors: those of write_reply_read. */
bool
write_read_document(WalcuWrite *write, const char *credential)
{
	if (!write_reply_read(write->transfer, write->body, write->reads, write->context, &write->document))
		return false;
	redact_name(write->id ? NULL : unconstify(char *, write->document.id), credential);
	return true;
}

/* Checks that the service has kept the _id that was sent. */
void
write_check_kept_id(WalcuWrite *write)
{
	if (write->document.id == NULL || write->id == NULL || strcmp(write->document.id, write->id) == 0)
		return;
	write->made_here = false;
	write_reply_raise_other_id(write->options, write->id, write->document.id);
}
