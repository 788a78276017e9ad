/*
 * type_input.h
 *	  A text into a value of any type, by the type's input function.
 */
#ifndef WALCU_TYPE_INPUT_H
#define WALCU_TYPE_INPUT_H

#include "postgres.h"

#include "fmgr.h"

/* How texts become values of a type. */
typedef struct WalcuTypeInput
{
	FmgrInfo function;
	Oid ioparam;
	int32 typmod;
	bool is_own; /* Only PostgreSQL's own functions are called. */
	bool raises; /* It raises errors even where PostgreSQL has soft ones. */
} WalcuTypeInput;

extern void type_input_prepare(WalcuTypeInput *input, Oid type, int32 typmod);
extern bool type_input_call(const WalcuTypeInput *input, char *text, Datum *result);

#endif /* WALCU_TYPE_INPUT_H */
