/*
 * count_scan.h
 *	  count(*) without the documents.
 */
#ifndef WALCU_COUNT_SCAN_H
#define WALCU_COUNT_SCAN_H

#include "postgres.h"

extern void count_scan_init(void);

#endif /* WALCU_COUNT_SCAN_H */
