/*
 * credential.c
 *	  The credentials of a user mapping: which options go together, and which header they become.
 *
 * A secret stands in the option itself, or in a file of the database server that the option names.  Such a
 * file is read each time that it is needed, so that one which was replaced is seen.  option.c calls this;
 * others only ask whether there is a mapping.
 */
#include "postgres.h"

#include "service/credential.h"

#include "base/compat.h"
#include "base/file.h"
#include "base/utf8.h"
#include "foreign/foreign.h"
#include "mb/pg_wchar.h"
#include "service/option_value.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#define CREDENTIALS_HINT                                                                                     \
	"Give either username and password (the application id and the secret key), or token, or header_name "   \
	"and header_value."

/* A file with a secret may have so many bytes. */
#define MAX_SECRET_FILE (64 * 1024)

/* The kinds of credentials are a secret, the option that names a file with it, and what is sent before it. */
static const struct
{
	const char *secret;
	const char *file;
	const char *partner; /* It is NULL for none. */
} kinds[] = {
	{"password", "password_file", "username"},
	{"token", "token_file"},
	{"header_value", "header_value_file", "header_name"},
};

static char *get_secret(List *list, int kind);
static char *read_secret_file(const char *path, const char *option);
static char *make_basic_credentials(const char *username, const char *password);

/*
 * Checks that options of credentials go together.  Error: 22023 unless there is one kind of credentials,
 * and the whole of it.  Having none at all is for those who restore a dump without them.
 */
void
credential_check(List *list)
{
	int ways = 0;

	for (int i = 0; i < lengthof(kinds); i++)
	{
		const char *partner = kinds[i].partner;
		bool in_option = option_value_of(list, kinds[i].secret) != NULL;
		bool in_file = option_value_of(list, kinds[i].file) != NULL;
		bool whole = partner == NULL || (in_option || in_file) == (option_value_of(list, partner) != NULL);

		if (!whole)
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"%s\" requires option \"%s\"",
						   in_option ? kinds[i].secret
						   : in_file ? kinds[i].file
									 : partner,
						   in_option || in_file ? partner : kinds[i].secret),
					errhint(CREDENTIALS_HINT));
		if (in_option && in_file)
			ereport(
				ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("options \"%s\" and \"%s\" cannot be given together", kinds[i].secret, kinds[i].file),
				errhint("Give either the credential itself or a file that contains it."));
		ways += in_option || in_file;
	}
	if (ways > 1)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("user mapping has more than one kind of credentials"), errhint(CREDENTIALS_HINT));
}

/* Tells whether a user has a mapping for a server, or everybody has. */
bool
credential_has_mapping(Oid userid, Oid serverid)
{
	return SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(userid),
								 ObjectIdGetDatum(serverid)) ||
		   SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid),
								 ObjectIdGetDatum(serverid));
}

/* Error 42704 where a user has no mapping for a server, nor everybody. */
void
credential_check_mapping(Oid userid, Oid serverid, const char *server_name)
{
	if (credential_has_mapping(userid, serverid))
		return;
	ereport(
		ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
		errmsg("user mapping not found for user \"%s\", server \"%s\"", MappingUserName(userid), server_name),
		errhint("Use CREATE USER MAPPING FOR %s SERVER %s OPTIONS (username 'APPLICATION ID', password "
				"'SECRET KEY'), or ask the owner of the server for it.",
				quote_identifier(MappingUserName(userid)), quote_identifier(server_name)));
}

/*
 * Returns the header line with the credentials that a mapping's options say.  Errors: 28000 without any,
 * and those of read_secret_file.
 */
char *
credential_header(List *list, const char *server_name)
{
	for (int i = 0; i < lengthof(kinds); i++)
	{
		char *secret = get_secret(list, i);
		char *partner = kinds[i].partner ? option_value_of(list, kinds[i].partner) : NULL;

		if (secret == NULL)
			continue;
		if (partner == NULL)
			return psprintf("Authorization: Bearer %s", secret);
		if (strcmp(kinds[i].partner, "username") == 0)
			return psprintf("Authorization: Basic %s", make_basic_credentials(partner, secret));
		return psprintf("%s: %s", partner, secret);
	}
	ereport(ERROR, errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
			errmsg("user mapping for server \"%s\" has no credentials", server_name),
			errhint("Use ALTER USER MAPPING to add them. " CREDENTIALS_HINT));
}

/* Returns the secret of a kind; NULL when the options have none of this kind. */
static char *
get_secret(List *list, int kind)
{
	char *path = option_value_of(list, kinds[kind].file);

	return path ? read_secret_file(path, kinds[kind].file) : option_value_of(list, kinds[kind].secret);
}

/*
 * Returns the text of a file, without the end of its line.  Errors: those of file_read_text, 22023 for what
 * cannot be sent, which is not shown.
 */
static char *
read_secret_file(const char *path, const char *option)
{
	char *text = file_read_text(path, MAX_SECRET_FILE);
	size_t length = strlen(text);
	const char *fault;

	if (length > 0 && text[length - 1] == '\n')
		length--;
	if (length > 0 && text[length - 1] == '\r')
		length--;
	text[length] = '\0';
	fault = option_secret_fault(option, text);
	if (fault)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("file \"%s\" of option \"%s\" cannot be used", path, option),
				errdetail("Its content is not a credential: %s", fault),
				errhint("Write only the credential into it, on one line."));
	/* as options are: what the service gets of a password is UTF-8 again */
	return pg_any_to_server(text, (int) length, PG_UTF8);
}

static char *
make_basic_credentials(const char *username, const char *password)
{
	char *plain = psprintf("%s:%s", username, password);
	const char *utf8 = utf8_require(plain);

	return compat_base64(utf8, strlen(utf8));
}
