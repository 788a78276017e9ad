/*
 * url.h
 *	  The parts of a URL, and where it leads.
 */
#ifndef WALCU_URL_H
#define WALCU_URL_H

#include "postgres.h"

#include <curl/curl.h>

extern CURLU *url_parse(const char *text);
extern char *url_part(CURLU *url, CURLUPart part);
extern bool url_has_host(CURLU *url);
extern bool url_is_safe(const char *text);
extern bool url_is_loopback(const char *text);
extern char *url_authority(const char *text);
extern char *url_without_secrets(const char *text);
extern char *url_canonical(const char *text);
extern bool url_is_unreserved(unsigned char c);
extern bool url_is_plain_segment(const char *text);

#endif /* WALCU_URL_H */
