/*
 * float_node.c
 *	  A double among the nodes of a plan.
 *
 * PostgreSQL's own node for a Float holds the text of a number, so a Const of float8 stands in here.  The
 * planner's files call it for what they keep in private lists.
 */
#include "postgres.h"

#include "base/float_node.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"

/* Makes a node that PostgreSQL can copy, write and read as it can any other of a plan. */
Node *
float_node_make(double value)
{
	return (Node *) makeConst(FLOAT8OID, -1, InvalidOid, sizeof(float8), Float8GetDatum(value), false,
							  FLOAT8PASSBYVAL);
}

/* Returns the number of a node that float_node_make has made. */
double
float_node_value(const Node *node)
{
	Assert(IsA(node, Const));
	return DatumGetFloat8(((const Const *) node)->constvalue);
}
