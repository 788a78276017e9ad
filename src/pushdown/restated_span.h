/*
 * restated_span.h
 *	  A condition on the time between two dates, restated as one on one of them.
 */
#ifndef WALCU_RESTATED_SPAN_H
#define WALCU_RESTATED_SPAN_H

#include "postgres.h"

#include "pushdown/document_path.h"

extern Expr *restated_span(const WalcuRelation *relation, const OpExpr *comparison, bool outcome);

#endif /* WALCU_RESTATED_SPAN_H */
