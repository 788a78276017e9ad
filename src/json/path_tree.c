/*
 * path_tree.c
 *	  A tree of the members that dotted paths lead to.
 *
 * decode.c plants one for the columns that it reads, document.c (modify) for those that it writes.
 */
#include "postgres.h"

#include "json/path_tree.h"

/* Returns the child with this name, which is added when there is none, in the current memory context. */
WalcuPathNode *
path_tree_add_child(WalcuPathNode *node, const char *name, int length)
{
	WalcuPathNode *child = path_tree_find_child(node, name, length);

	if (child == NULL)
	{
		WalcuPathNode **slot;

		if (node->slots == NULL)
			node->slots = palloc0(PATH_TREE_SLOTS * sizeof(WalcuPathNode *));
		slot = &node->slots[path_tree_slot(name, length)];
		child = palloc0(sizeof(WalcuPathNode));
		child->name = pnstrdup(name, length);
		child->name_length = length;
		child->next = *slot;
		*slot = child;
		node->children = lappend(node->children, child);
	}
	return child;
}

/* Returns the node that a dotted path leads to, which is added when there is none; "." is the root. */
WalcuPathNode *
path_tree_add(WalcuPathNode *root, const char *path)
{
	WalcuPathNode *node = root;
	const char *name = path;

	while (strcmp(path, ".") != 0 && name)
	{
		const char *dot = strchr(name, '.');

		node = path_tree_add_child(node, name, dot ? dot - name : strlen(name));
		name = dot ? dot + 1 : NULL;
	}
	return node;
}
