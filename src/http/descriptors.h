/*
 * descriptors.h
 *	  How many descriptors the session may have open for its connections.
 */
#ifndef WALCU_DESCRIPTORS_H
#define WALCU_DESCRIPTORS_H

#include "postgres.h"

extern bool descriptors_acquire(int count);
extern void descriptors_reserve(int count);
extern void descriptors_release(int count);

#endif /* WALCU_DESCRIPTORS_H */
