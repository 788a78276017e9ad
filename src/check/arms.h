/*
 * arms.h
 *	  Conditions on a few documents each, whose answers are known beforehand.
 */
#ifndef WALCU_CHECK_ARMS_H
#define WALCU_CHECK_ARMS_H

#include "postgres.h"

#include "check/run.h"
#include "nodes/bitmapset.h"

/* What the values are of that a condition is about. */
typedef enum WalcuArmType
{
	ARM_STRING,
	ARM_NUMBER,
	ARM_BOOLEAN,
	ARM_DATE,
	ARM_ARRAY,
	ARM_OBJECT,
	ARM_ID
} WalcuArmType;

#define ARM_TYPES (ARM_ID + 1)

/* What a condition says. */
typedef enum WalcuArmTest
{
	ARM_EQ,
	ARM_EQ_NULL,
	ARM_IN,
	ARM_NE_NULL,
	ARM_NIN,
	ARM_GT,
	ARM_GTE,
	ARM_LT,
	ARM_LTE,
	ARM_EXISTS,
	ARM_EXISTS_NOT,
	ARM_IS_TYPE,
	ARM_IS_NOT_TYPE,
	ARM_AND,
	ARM_OR,
	ARM_NOR
} WalcuArmTest;

/* A condition, and two documents of which it holds for one. */
typedef struct WalcuArm
{
	const char *operator_name; /* The row of this operator tells of it. */
	const char *about;         /* It is about this: a type, or a pattern. */
	const char *filter;        /* This is the condition, as JSON. */
	int documents[2];          /* These documents of the sample it is tried on. */
	bool expected[2];          /* It holds for them. */
	bool answered;             /* The service has answered it. */
	bool lacks;                /* A document did not come for which it holds. */
	bool exceeds;              /* One came for which it does not. */
	bool alone;                /* It was the only one of the last request that asked it. */
	const char *silence;       /* It says why there was no answer when it was last to be asked; or NULL. */
	const char *refusal;       /* The service refused it with these words; or NULL. */
} WalcuArm;

extern WalcuArm *arms_make(const WalcuCheckSample *sample, const Bitmapset *used, WalcuArmTest test,
						   WalcuArmType type);
extern const char *arms_type_name(WalcuArmType type);
extern List *arms_string_places(const WalcuCheckSample *sample);
extern char *arms_condition(const WalcuCheckSample *sample, List *arms);

#endif /* WALCU_CHECK_ARMS_H */
