/*
 * write.c
 *	  One document that is written: what is sent, and what is to be seen in the reply.
 *
 * modify.c, direct_modify.c and commit_queue.c say what is to be sent; writer.c sends it.
 */
#include "postgres.h"

#include "modify/write.h"

#include "base/objectid.h"
#include "base/text.h"
#include "base/url.h"
#include "base/utf8.h"
#include "http/redact.h"
#include "modify/write_reply.h"
#include "utils/memutils.h"

static bool is_callable_id(const char *id);

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

/*
 * Checks that a document can be named in the path of a URL, as what changes it has to.  Error: HV000 for an
 * id that cannot be part of one.
 */
void
write_check_id(const WalcuOptions *options, const char *id)
{
	if (!url_is_plain_segment(id))
		ereport(ERROR, errcode(ERRCODE_FDW_ERROR),
				errmsg("document \"%s\" of resource \"%s\" cannot be written", text_shown(id, TEXT_OF_ID),
					   options->resource),
				errdetail("Its _id cannot be part of a URL's path."),
				is_callable_id(id)
					? errhint("If it is there, walcu_fdw_request('%s', 'DELETE', '/%s/%s') may delete it.",
							  options->server_name, options->resource, text_shown(id, TEXT_OF_ID))
					: errhint("No call of the API names such a document: it can only be read."));
}

/*
 * Checks the _id that a new document is given.  Error: HV000 for one by which nobody could name the document
 * afterwards.
 */
void
write_check_new_id(const WalcuOptions *options, const char *id)
{
	if (!url_is_plain_segment(id))
		ereport(
			ERROR, errcode(ERRCODE_FDW_ERROR),
			errmsg("a document of resource \"%s\" cannot have the _id \"%s\"", options->resource,
				   text_shown(id, TEXT_OF_ID)),
			errdetail(
				"It cannot be part of a URL's path: the document could neither be changed nor deleted."),
			errhint(
				"Leave out _id, or use letters, digits, and \"-\", \"_\", \".\" and \"~\" between them."));
}

/* Tells whether a call of the API may name the document, with its id encoded. */
static bool
is_callable_id(const char *id)
{
	if (id[0] == '\0' || strcmp(id, ".") == 0 || strcmp(id, "..") == 0 || pg_strcasecmp(id, "all") == 0)
		return false;
	for (const char *c = id; *c; c++)
	{
		if (strchr("/\\'?", *c) || (unsigned char) *c < ' ' || *c == 0x7f)
			return false;
	}
	return strlen(id) <= TEXT_OF_ID;
}

/* Reads the document of the reply; returns false when there is none.  Errors: those of write_reply_read. */
bool
write_read_document(WalcuWrite *write, const char *credential)
{
	bool may_be_empty = write->reads || write->is_shown;

	if (!write_reply_read(write->transfer, write->body, may_be_empty, write->context, &write->document))
		return false;
	redact_name(write->id ? NULL : unconstify(char *, write->document.id), credential);
	return true;
}

/* Tells whether a reply of success says that there is no such document.  Of a new one it could not. */
bool
write_says_none(const WalcuWrite *write)
{
	bool is_looked_for = write->look_up || write->reads;

	return write->transfer->status / 100 == 2 && (is_looked_for || !write->is_new) &&
		   write_reply_is_none(write->transfer, write->body, is_looked_for);
}

/*
 * Tells whether the document is wanted, the reply does not show it, and it can be asked for.  Errors: those
 * of write_reply_read and write_check_kept_id, for a new document.
 */
bool
write_must_be_shown(WalcuWrite *write, const char *credential)
{
	if (!write->needs_reply || write->reads || write->look_up || write_reply_shows(write->body))
		return false;
	if (!write->is_new)
		return url_is_plain_segment(write->id);
	write_read_document(write, credential);
	write_check_kept_id(write);
	/* nor can it be asked for where the credential had to be taken out of its _id */
	if (!url_is_plain_segment(write->document.id))
		return false;
	write->id = MemoryContextStrdup(write->context, write->document.id);
	return true;
}

/* Checks that the service has kept the _id that was sent, or written the same ObjectId in other letters. */
void
write_check_kept_id(WalcuWrite *write)
{
	if (write->document.id == NULL || write->id == NULL || strcmp(write->document.id, write->id) == 0)
		return;
	if (objectid_is_same(write->id, write->document.id))
	{
		write->id = MemoryContextStrdup(write->context, write->document.id);
		return;
	}
	write->made_here = false;
	write_reply_raise_other_id(write->options, write->id, write->document.id);
}
