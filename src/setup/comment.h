/*
 * comment.h
 *	  What comments say of tables and columns.
 */
#ifndef WALCU_SETUP_COMMENT_H
#define WALCU_SETUP_COMMENT_H

#include "postgres.h"

#include "setup/state.h"

extern void comment_plan(WalcuSetup *setup, WalcuSetupTable *table);
extern char *comment_of_field(const WalcuSetup *setup, const WalcuSetupTable *table, const char *path,
							  const WalcuField *field);
extern const char *comment_table_key(const WalcuSetupTable *table);
extern const char *comment_type_name(const WalcuField *field);
extern bool comment_tells_type(const char *comment, const char *path, const WalcuField *field);
extern bool comment_tells_of_documents(const char *comment);
extern bool comment_is_ours(const char *comment, const char *name);
extern char *comment_on_column(const char *table, const char *column, const char *comment);

#endif /* WALCU_SETUP_COMMENT_H */
