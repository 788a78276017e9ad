/*
 * float_node.h
 *	  A double among the nodes of a plan.
 */
#ifndef WALCU_FLOAT_NODE_H
#define WALCU_FLOAT_NODE_H

#include "postgres.h"

#include "nodes/nodes.h"

extern Node *float_node_make(double value);
extern double float_node_value(const Node *node);

#endif /* WALCU_FLOAT_NODE_H */
