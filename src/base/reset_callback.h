/*
 * reset_callback.h
 *	  A function that is called when a memory context is reset or deleted.
 */
#ifndef WALCU_RESET_CALLBACK_H
#define WALCU_RESET_CALLBACK_H

#include "postgres.h"

extern MemoryContextCallback *reset_callback_add(MemoryContext context,
												 MemoryContextCallbackFunction function, void *arg);

#endif /* WALCU_RESET_CALLBACK_H */
