/*
 * app_view.h
 *	  Views over the tables, for programs that do not see foreign ones.
 */
#ifndef WALCU_SETUP_APP_VIEW_H
#define WALCU_SETUP_APP_VIEW_H

#include "postgres.h"

#include "setup/state.h"

extern void app_view_plan(WalcuSetup *setup);

#endif /* WALCU_SETUP_APP_VIEW_H */
