/*
 * patterns.h
 *	  Patterns on a few documents each, whose answers are known beforehand.
 */
#ifndef WALCU_CHECK_PATTERNS_H
#define WALCU_CHECK_PATTERNS_H

#include "postgres.h"

#include "check/arms.h"

extern int patterns_count(void);
extern const char *patterns_name(int number);
extern WalcuArm *patterns_make(const WalcuCheckSample *sample, const Bitmapset *used, int pattern);

#endif /* WALCU_CHECK_PATTERNS_H */
