/*
 * known_table.h
 *	  The tables that a schema has already.
 */
#ifndef WALCU_SETUP_KNOWN_TABLE_H
#define WALCU_SETUP_KNOWN_TABLE_H

#include "postgres.h"

#include "setup/state.h"

extern List *known_table_list(const ForeignServer *server, Oid schemaid);
extern bool known_table_shows(const WalcuSetupTable *table, const char *path, bool also_parts);
extern int known_table_levels(List *known);

#endif /* WALCU_SETUP_KNOWN_TABLE_H */
