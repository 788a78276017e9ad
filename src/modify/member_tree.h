/*
 * member_tree.h
 *	  The members of a document while a patch changes them.
 */
#ifndef WALCU_MEMBER_TREE_H
#define WALCU_MEMBER_TREE_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

typedef struct WalcuMemberTree WalcuMemberTree;

extern WalcuMemberTree *member_tree_create(Jsonb *object);
extern void member_tree_set(WalcuMemberTree *tree, List *keys, JsonbValue *value);
extern void member_tree_remove(WalcuMemberTree *tree, List *keys);
extern char *member_tree_text(WalcuMemberTree *tree);

#endif /* WALCU_MEMBER_TREE_H */
