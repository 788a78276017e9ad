/*
 * encode.h
 *	  The values of a row as JSON.
 */
#ifndef WALCU_ENCODE_H
#define WALCU_ENCODE_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "service/option.h"

typedef struct WalcuEncoder WalcuEncoder;

extern WalcuEncoder *encode_prepare(const WalcuOptions *options, TupleDesc columns);
extern char *encode_value(WalcuEncoder *encoder, int column, Datum value);
extern char *encode_stored_value(WalcuEncoder *encoder, int column, Datum value);

#endif /* WALCU_ENCODE_H */
