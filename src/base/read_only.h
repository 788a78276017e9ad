/*
 * read_only.h
 *	  Where nothing may be written.
 */
#ifndef WALCU_READ_ONLY_H
#define WALCU_READ_ONLY_H

#include "postgres.h"

#include "nodes/plannodes.h"

extern void read_only_refuse(const char *command);
extern void read_only_refuse_statement(const PlannedStmt *statement);

#endif /* WALCU_READ_ONLY_H */
