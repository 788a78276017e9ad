/*
 * fixed_settings.h
 *	  Input and output of types under settings that no session changes.
 */
#ifndef WALCU_FIXED_SETTINGS_H
#define WALCU_FIXED_SETTINGS_H

#include "postgres.h"

extern uint32 fixed_settings_of_type(Oid type);
extern int fixed_settings_enter(uint32 settings);
extern void fixed_settings_leave(int level);
extern char *fixed_settings_text(Oid type, Datum value);

#endif /* WALCU_FIXED_SETTINGS_H */
