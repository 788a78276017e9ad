/*
 * skim.h
 *	  Where a JSON value ends, and whether it is well-formed.
 */
#ifndef WALCU_SKIM_H
#define WALCU_SKIM_H

#include "postgres.h"

/* The bytes that are being read. */
typedef struct WalcuSkimmer
{
	const char *end; /* This is behind the last byte. */
	bool suspect;    /* Escapes and large numbers set it; see WalcuJson. */
} WalcuSkimmer;

/* A member of an object. */
typedef struct WalcuSkimMember
{
	char *key;      /* Its key begins here, with the quote. */
	int key_length; /* The key has so many bytes, with its quotes. */
	char *value;    /* Its value begins here. */
	char *end;      /* This is behind its value; before the first member, the object begins here. */
} WalcuSkimMember;

/* Each of these returns what is behind the thing that begins at a byte; NULL when there is no such thing. */
extern char *skim_value(WalcuSkimmer *skimmer, char *at);
extern char *skim_string(WalcuSkimmer *skimmer, char *at);

extern bool skim_next_member(WalcuSkimmer *skimmer, WalcuSkimMember *member);

/* Passes over white space, of which there is hardly any. */
static inline char *
skim_space(const WalcuSkimmer *skimmer, char *at)
{
	while (at < skimmer->end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
		at++;
	return at;
}

/* Returns the byte that stands there; '\0' behind the last one. */
static inline char
skim_peek(const WalcuSkimmer *skimmer, const char *at)
{
	return at < skimmer->end ? *at : '\0';
}

/* Returns what is behind a colon and the white space around it; NULL when there is no colon. */
static inline char *
skim_colon(const WalcuSkimmer *skimmer, char *at)
{
	at = skim_space(skimmer, at);
	return skim_peek(skimmer, at) == ':' ? skim_space(skimmer, at + 1) : NULL;
}

#endif /* WALCU_SKIM_H */
