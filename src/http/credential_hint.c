/*
 * credential_hint.c
 *	  What to do where the service does not take the credentials.
 *
 * The service's description does not say which kind of credentials it wants.  So a hint (http_error.c) says
 * which kind was sent, and which others a user mapping can have; application id and secret key come first, as
 * those are what most accounts have.
 */
#include "postgres.h"

#include "http/credential_hint.h"

#define BARE_HINT                                                                                            \
	"No credentials were sent there, as a redirect led to it; what the service signed in that URL may have " \
	"expired."

/* The kinds of credentials, in the order that hints name them. */
static const struct
{
	const char *line;  /* The header line begins so; NULL for any other. */
	const char *sent;  /* It says what was sent. */
	const char *check; /* It says which options that came from. */
	const char *other; /* It says how to have this kind sent instead of another. */
} kinds[] = {
	{"Authorization: Basic ", "HTTP Basic",
	 "username and password, which are the application id and the secret key",
	 "username with password (HTTP Basic: the application id and the secret key)"},
	{"Authorization: Bearer ", "a bearer token", "token", "token (a bearer token)"},
	{NULL, "the header", "header_name and header_value",
	 "header_name with header_value (a header of any name)"},
};

static int find_kind(const char *credential);

/* The service does not know whose the credentials are, or looks for another kind. */
char *
credential_hint_unknown(const WalcuRequest *request, const char *credential)
{
	if (request->is_bare)
		return BARE_HINT;
	return psprintf("The request was sent with %s. %s", credential_hint_sent(credential),
					credential_hint_choices(credential));
}

/* Says what to check of credentials that are not taken, and which other kinds there are. */
char *
credential_hint_choices(const char *credential)
{
	int kind = find_kind(credential);
	const char *others[lengthof(kinds)];
	int count = 0;

	for (int i = 0; i < lengthof(kinds); i++)
	{
		if (i != kind)
			others[count++] = kinds[i].other;
	}
	return psprintf("Check the user mapping's %s. Other kinds of credentials are %s, and %s.",
					kinds[kind].check, others[0], others[1]);
}

/* The service knows whose the credentials are, and does not let those do this. */
char *
credential_hint_forbidden(const WalcuRequest *request, const char *credential)
{
	if (request->is_bare)
		return BARE_HINT;
	return psprintf("The credentials of the user mapping (%s) do not allow this; check them and dealer_id.",
					credential_hint_sent(credential));
}

static int
find_kind(const char *credential)
{
	int kind = 0;

	while (kinds[kind].line && strncmp(credential, kinds[kind].line, strlen(kinds[kind].line)) != 0)
		kind++;
	return kind;
}

/* Says what was sent; of a header its name, which is no secret. */
char *
credential_hint_sent(const char *credential)
{
	int kind = find_kind(credential);

	if (kinds[kind].line)
		return pstrdup(kinds[kind].sent);
	return psprintf("%s \"%.*s\"", kinds[kind].sent, (int) strcspn(credential, ":"), credential);
}
