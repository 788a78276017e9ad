/*
 * curl_easy.h
 *	  How curl is told to send a request.
 */
#ifndef WALCU_CURL_EASY_H
#define WALCU_CURL_EASY_H

#include "postgres.h"

#include <curl/curl.h>

#include "http/request.h"
#include "service/option.h"

/* What libcurl says of a line in the head that is too long for it. */
#if LIBCURL_VERSION_NUM < 0x080600
#define CURLE_TOO_LARGE CURLE_OUT_OF_MEMORY
#endif

/* A version of TLS has so many bytes at most, with the null byte behind. */
#define WALCU_TLS_SIZE 16

extern bool walcu_curl_easy_configure(CURL *easy, const WalcuOptions *options, const WalcuRequest *request);
extern bool walcu_curl_easy_add_headers(CURL *easy, const WalcuRequest *request, const char *credential,
										struct curl_slist **headers);
extern void walcu_curl_easy_tell_tls(CURL *easy, char *version);
extern bool walcu_curl_easy_is_full(CURLcode code, const char *message, bool paused);

#endif /* WALCU_CURL_EASY_H */
