/*
 * restated_text.h
 *	  A condition on the text of a date, restated as one on the date.
 */
#ifndef WALCU_RESTATED_TEXT_H
#define WALCU_RESTATED_TEXT_H

#include "postgres.h"

#include "nodes/primnodes.h"

extern bool restated_text_is_of_date(Expr *text);
extern Expr *restated_text(const OpExpr *comparison, bool outcome);

#endif /* WALCU_RESTATED_TEXT_H */
