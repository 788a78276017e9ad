/*
 * same_value.h
 *	  Whether a value came back as it was sent.
 */
#ifndef WALCU_SAME_VALUE_H
#define WALCU_SAME_VALUE_H

#include "postgres.h"

#include "utils/jsonb.h"

extern bool same_value_is_kept(const JsonbValue *sent, const JsonbValue *got);
extern bool same_value_is_wrapped(const JsonbValue *sent, const JsonbValue *got);
extern bool same_value_is_nothing(const JsonbValue *value);

#endif /* WALCU_SAME_VALUE_H */
