/*
 * service_description.h
 *	  The description that tables are made of: the service's own, or the installed one.
 */
#ifndef WALCU_SERVICE_DESCRIPTION_H
#define WALCU_SERVICE_DESCRIPTION_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "service/option.h"

extern List *service_description_resources(Oid serverid, WalcuDescription source, int levels,
										   const char *bundled_hint);

#endif /* WALCU_SERVICE_DESCRIPTION_H */
