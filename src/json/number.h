/*
 * number.h
 *	  Which of JSON's numbers numeric can hold.
 */
#ifndef WALCU_NUMBER_H
#define WALCU_NUMBER_H

#include "postgres.h"

extern bool number_fits_numeric(const char *text, int length);

#endif /* WALCU_NUMBER_H */
