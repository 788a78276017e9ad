/*
 * option_synonym.h
 *	  What other wrappers and programs call an option.
 */
#ifndef WALCU_OPTION_SYNONYM_H
#define WALCU_OPTION_SYNONYM_H

#include "postgres.h"

extern const char *option_synonym(const char *name);

#endif /* WALCU_OPTION_SYNONYM_H */
