/*
 * granted_rate.h
 *	  When the next request to a server may be sent that has refused some as too many.
 */
#ifndef WALCU_GRANTED_RATE_H
#define WALCU_GRANTED_RATE_H

#include "postgres.h"

extern void granted_rate_init(void);
extern double granted_rate_wait(Oid serverid, int64 *ticket, double *rate);
extern void granted_rate_draw(Oid serverid, int64 *ticket, double delay);
extern void granted_rate_give_back(Oid serverid, int64 *ticket);
extern void granted_rate_note_served(Oid serverid, double rate);
extern void granted_rate_note_refused(Oid serverid, double began_at, double pause);

#endif /* WALCU_GRANTED_RATE_H */
