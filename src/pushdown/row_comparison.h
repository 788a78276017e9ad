/*
 * row_comparison.h
 *	  A comparison of rows, spelled out as comparisons of their columns.
 */
#ifndef WALCU_ROW_COMPARISON_H
#define WALCU_ROW_COMPARISON_H

#include "postgres.h"

#include "nodes/primnodes.h"

extern Expr *row_comparison_spelled_out(const RowCompareExpr *rows, int count, bool outcome);

#endif /* WALCU_ROW_COMPARISON_H */
