/*
 * restated.h
 *	  A condition on what a function makes of a column, restated as one on the column itself.
 */
#ifndef WALCU_RESTATED_H
#define WALCU_RESTATED_H

#include "postgres.h"

#include "pushdown/document_path.h"

extern Expr *restated_condition(const WalcuRelation *relation, Expr *condition, bool outcome);

#endif /* WALCU_RESTATED_H */
