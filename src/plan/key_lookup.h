/*
 * key_lookup.h
 *	  Conditions that name documents by their _id, or give the service its search text.
 */
#ifndef WALCU_KEY_LOOKUP_H
#define WALCU_KEY_LOOKUP_H

#include "postgres.h"

#include "pushdown/document_path.h"

/* What the conditions of a scan give the service beside a filter. */
typedef struct WalcuKeyLookup
{
	Expr *id;     /* This is the one _id that is asked for, or NULL. */
	Expr *search; /* This is the service's search text, or NULL. */
} WalcuKeyLookup;

extern WalcuKeyLookup key_lookup_of_restrictions(const WalcuRelation *relation, List *restrictions);
extern AttrNumber key_lookup_idle_search(const WalcuRelation *relation, List *restrictions, Expr *search);
extern bool key_lookup_is_search(const Expr *clause, const Expr *search);
extern Expr *key_lookup_id_array(const WalcuRelation *relation, Expr *clause);
extern bool key_lookup_is_id(const WalcuDocumentPath *place);

#endif /* WALCU_KEY_LOOKUP_H */
