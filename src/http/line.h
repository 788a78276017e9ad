/*
 * line.h
 *	  The requests to a server that wait or are under way, and who may begin when.
 */
#ifndef WALCU_LINE_H
#define WALCU_LINE_H

#include "postgres.h"

#include "http/line_room.h"

extern void line_init(WalcuLine *line, Oid serverid);
extern void line_limit(WalcuLine *line, int max_running, int max_total);
extern void line_queue(WalcuLine *line, WalcuCurlEasy *handle);
extern void line_join(WalcuLine *line, WalcuCurlEasy *handle);
extern void line_note_reply(WalcuLine *line, WalcuCurlEasy *handle, int status, double pause);
extern void line_remove(WalcuLine *line, WalcuCurlEasy *handle);
extern void line_resume(WalcuCurlEasy *handle);
extern double line_time_left(const WalcuCurlEasy *handle);
extern void line_drive(WalcuLine *line, double limit);
extern void line_advance(void);
extern void line_give_way(double limit);
extern double line_waited(void);
extern int line_begin_wait(double limit);
extern void line_hurry(double milliseconds);
extern void line_end_wait(void);
extern bool line_is_idle(WalcuLine *line);
extern bool line_is_open(const WalcuLine *line);
extern bool line_close(WalcuLine *line);

#endif /* WALCU_LINE_H */
