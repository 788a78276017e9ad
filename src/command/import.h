/*
 * import.h
 *	  IMPORT FOREIGN SCHEMA.
 */
#ifndef WALCU_IMPORT_H
#define WALCU_IMPORT_H

#include "postgres.h"

#include "nodes/parsenodes.h"

extern List *import_schema(ImportForeignSchemaStmt *statement, Oid serverid);

#endif /* WALCU_IMPORT_H */
