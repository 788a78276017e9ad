/*
 * path_tree.h
 *	  A tree of the members that dotted paths lead to.
 *
 * decode.c looks up each key of a document in one, so that this is done here, inline.
 */
#ifndef WALCU_PATH_TREE_H
#define WALCU_PATH_TREE_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* Children are looked up in so many slots, by the length and two characters of a name. */
#define PATH_TREE_SLOTS 64

/* A member that a path leads to or through. */
typedef struct WalcuPathNode
{
	char *name;                   /* This is the member's name; NULL for the root. */
	int name_length;              /* This is the name's length in bytes. */
	struct WalcuPathNode **slots; /* Each slot has its first child; NULL when there are no children. */
	struct WalcuPathNode *next;   /* This is the next child of the same parent in the same slot. */
	List *children;               /* These are the children, in the order that they were added. */
	void *value;                  /* The owner of the tree keeps here what it knows of the member. */
	void *through;                /* And here, of the paths that lead through it. */
	uint64 visit;                 /* And here, when it came by the member last. */
} WalcuPathNode;

extern WalcuPathNode *path_tree_add_child(WalcuPathNode *node, const char *name, int length);
extern WalcuPathNode *path_tree_add(WalcuPathNode *root, const char *path);

/* Returns the slot of a child with this name. */
static inline int
path_tree_slot(const char *name, int length)
{
	if (length == 0)
		return 0;
	return (length * 5 + (unsigned char) name[0] * 3 + (unsigned char) name[length - 1]) % PATH_TREE_SLOTS;
}

/* Returns the child with this name; NULL when there is none. */
static inline WalcuPathNode *
path_tree_find_child(const WalcuPathNode *node, const char *name, int length)
{
	WalcuPathNode *child = node->slots ? node->slots[path_tree_slot(name, length)] : NULL;

	while (child && (child->name_length != length || memcmp(child->name, name, length) != 0))
		child = child->next;
	return child;
}

#endif /* WALCU_PATH_TREE_H */
