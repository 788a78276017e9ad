/*
 * table_command.h
 *	  The commands that make foreign tables of a description.
 */
#ifndef WALCU_TABLE_COMMAND_H
#define WALCU_TABLE_COMMAND_H

#include "postgres.h"

#include "service/columns.h"

extern char *table_command_create(const char *table, const WalcuResource *resource, List *columns,
								  const char *server, bool collate);
extern char *table_command_create_list(const char *table, const WalcuResource *resource, const char *list,
									   List *columns, const char *server, bool collate);

#endif /* WALCU_TABLE_COMMAND_H */
