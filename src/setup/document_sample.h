/*
 * document_sample.h
 *	  Documents of each resource, for what the description does not tell.
 */
#ifndef WALCU_SETUP_DOCUMENT_SAMPLE_H
#define WALCU_SETUP_DOCUMENT_SAMPLE_H

#include "postgres.h"

#include "setup/state.h"

extern void document_sample_require_access(const WalcuSetup *setup);
extern void document_sample_read(WalcuSetup *setup, int levels);

#endif /* WALCU_SETUP_DOCUMENT_SAMPLE_H */
