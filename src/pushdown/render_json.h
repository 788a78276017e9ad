/*
 * render_json.h
 *	  What containment and keys of jsonb become in a filter.
 */
#ifndef WALCU_RENDER_JSON_H
#define WALCU_RENDER_JSON_H

#include "postgres.h"

#include "pushdown/clause.h"
#include "pushdown/condition.h"

extern WalcuClause *render_json(const WalcuOptions *options, const WalcuCondition *condition, Datum value);

#endif /* WALCU_RENDER_JSON_H */
