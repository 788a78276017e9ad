/*
 * fuzz_url.c
 *	  Does a URL lead where url.c and trust.c say, when curl goes there?
 *
 * curl is sent to each URL, and stopped at the socket that it is about to open.  It is told addresses for
 * the host that url.c names, and another one for all other hosts, so that the address shows whom it meant;
 * and nothing leaves this machine.
 */
#include "postgres.h"

#include <arpa/inet.h>

#include "base/url.h"
#include "fuzz.h"
#include "http/trust.h"

/* The service in whose name the URLs are said. */
#define ENDPOINT  "https://ext.crm.walcu.com/v1"
#define AUTHORITY "ext.crm.walcu.com:443"

#define NAMED_HOST "192.0.2.7"
#define OTHER_HOST "192.0.2.8"

/* Where curl was about to connect to. */
typedef struct Destination
{
	bool known;
	struct sockaddr_storage address;
} Destination;

/* Is a place of this service trusted? */
typedef struct Question
{
	WalcuOptions options;
	char *(*trust)(const WalcuOptions *options, const char *url);
	const char *url;
	char *place;
} Question;

static Destination find_destination(const char *url, const char *authority);
static curl_socket_t note_address(void *destination, curlsocktype purpose, struct curl_sockaddr *address);
static void compare_authority(const char *url, const char *authority);
static void compare_loopback(const char *url);
static void compare_canonical(const char *url, const char *authority);
static void compare_trust(char *(*trust)(const WalcuOptions *, const char *), const char *url);
static char *trust_redirect(const WalcuOptions *options, const char *url);
static void ask_trust(void *argument);
static bool is_ascii(const char *text);
static int port_of(const Destination *destination);
static bool is_ip(const Destination *destination, const char *ip);
static bool is_loopback_address(const Destination *destination);

void
fuzz_url(FuzzInput *input)
{
	size_t length = input->end - input->at;
	char *url = fuzz_copy(input->at, length, 1);
	char *authority = url_authority(url);
	CURLU *parsed = url_parse(url);
	bool loopback = url_is_loopback(url);
	bool safe = url_is_safe(url);

	if ((authority != NULL) != url_has_host(parsed))
		fuzz_finding("%s has a host: %d", fuzz_shown(url, strlen(url)), url_has_host(parsed));
	if (authority)
		compare_authority(url, authority);
	compare_canonical(url, authority);
	compare_trust(trust_job_url, url);
	compare_trust(trust_results_url, url);
	compare_trust(trust_redirect, url);
	if (loopback)
		compare_loopback(url);
	if (safe && !loopback && pg_strncasecmp(url, "https:", 6) != 0)
		fuzz_finding("%s is safe", fuzz_shown(url, strlen(url)));
}

static void
compare_authority(const char *url, const char *authority)
{
	Destination destination = find_destination(url, authority);
	const char *port = strrchr(authority, ':') + 1;

	if (!destination.known)
		return;
	if (port_of(&destination) != atoi(port))
		fuzz_finding("%s leads to %s, and curl goes to port %d", fuzz_shown(url, strlen(url)), authority,
					 port_of(&destination));
	/* curl looks up other letters by another spelling, and cannot be told of a host with a sign first */
	if (is_ascii(authority) && strchr("+-", authority[0]) == NULL && !is_ip(&destination, NAMED_HOST))
		fuzz_finding("%s does not lead to %s", fuzz_shown(url, strlen(url)), authority);
}

static void
compare_loopback(const char *url)
{
	Destination destination = find_destination(url, NULL);

	if (destination.known && !is_loopback_address(&destination))
		fuzz_finding("%s does not lead to this machine", fuzz_shown(url, strlen(url)));
}

/* The URL as curl writes it leads to the same place, and is written like that again. */
static void
compare_canonical(const char *url, const char *authority)
{
	char *canonical = url_canonical(url);
	char *again = canonical ? url_canonical(canonical) : NULL;

	if (canonical == NULL)
		return;
	if (authority == NULL)
		fuzz_finding("%s can be asked for", fuzz_shown(url, strlen(url)));
	if (again == NULL || strcmp(canonical, again) != 0)
		fuzz_finding("%s becomes %s, and that %s", fuzz_shown(url, strlen(url)), canonical,
					 again ? again : "none");
	if (strcmp(url_authority(canonical), authority) != 0)
		fuzz_finding("%s leads to %s, and %s to %s", fuzz_shown(url, strlen(url)), authority, canonical,
					 url_authority(canonical));
}

/* What is trusted leads to the service, safely; what is not, is the one error. */
static void
compare_trust(char *(*trust)(const WalcuOptions *, const char *), const char *url)
{
	Question question = {.trust = trust, .url = url};
	FuzzError error;
	Destination destination;

	question.options.endpoint = ENDPOINT;
	question.options.server_name = "crm";
	error = fuzz_call(ask_trust, &question);
	if (error.sqlstate != 0)
	{
		if (error.sqlstate != ERRCODE_PROTOCOL_VIOLATION)
			fuzz_finding("%s raised %s", fuzz_shown(url, strlen(url)), error.message);
		return;
	}
	if (question.place == NULL)
		return;
	if (strncmp(question.place, "https://", 8) != 0)
		fuzz_finding("%s is trusted", fuzz_shown(question.place, strlen(question.place)));
	destination = find_destination(question.place, AUTHORITY);
	if (destination.known && (!is_ip(&destination, NAMED_HOST) || port_of(&destination) != 443))
		fuzz_finding("%s is trusted, and leads elsewhere",
					 fuzz_shown(question.place, strlen(question.place)));
}

/* Where results may redirect to, as the default says. */
static char *
trust_redirect(const WalcuOptions *options, const char *url)
{
	return trust_redirect_url(options, ENDPOINT, url);
}

static void
ask_trust(void *argument)
{
	Question *question = argument;

	question->place = question->trust(&question->options, question->url);
}

/* Where curl would go, if the host of an authority had one address and every other host another one. */
static Destination
find_destination(const char *url, const char *authority)
{
	CURL *curl = curl_easy_init();
	struct curl_slist *hosts = NULL;
	Destination destination = {false};

	if (authority)
	{
		const char *port = strrchr(authority, ':') + 1;
		char *host = pnstrdup(authority, port - 1 - authority);

		/* what curl looks up has no brackets, and no zone */
		if (host[0] == '[')
			host = pnstrdup(host + 1, strcspn(host + 1, "]"));
		hosts = curl_slist_append(
			hosts, psprintf(strchr(host, ':') ? "[%s]:%s:%s" : "%s:%s:%s", host, port, NAMED_HOST));
		hosts = curl_slist_append(hosts, psprintf("*:%s:%s", port, OTHER_HOST));
	}
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_RESOLVE, hosts);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 2000L);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, note_address);
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &destination);
	curl_easy_perform(curl);
	curl_easy_cleanup(curl);
	curl_slist_free_all(hosts);
	return destination;
}

static curl_socket_t
note_address(void *destination, curlsocktype purpose, struct curl_sockaddr *address)
{
	Destination *noted = destination;

	noted->known = true;
	memcpy(&noted->address, &address->addr, Min(address->addrlen, sizeof(noted->address)));
	return CURL_SOCKET_BAD;
}

static bool
is_ascii(const char *text)
{
	while (*text && (unsigned char) *text < 0x80)
		text++;
	return *text == '\0';
}

static int
port_of(const Destination *destination)
{
	const struct sockaddr *address = (const struct sockaddr *) &destination->address;

	return ntohs(address->sa_family == AF_INET6 ? ((const struct sockaddr_in6 *) address)->sin6_port
												: ((const struct sockaddr_in *) address)->sin_port);
}

static bool
is_ip(const Destination *destination, const char *ip)
{
	const struct sockaddr_in *address = (const struct sockaddr_in *) &destination->address;

	return address->sin_family == AF_INET && strcmp(inet_ntoa(address->sin_addr), ip) == 0;
}

static bool
is_loopback_address(const Destination *destination)
{
	const struct sockaddr *address = (const struct sockaddr *) &destination->address;

	if (address->sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *) address)->sin6_addr);
	return ntohl(((const struct sockaddr_in *) address)->sin_addr.s_addr) >> 24 == 127;
}
