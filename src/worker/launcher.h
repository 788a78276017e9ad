/*
 * launcher.h
 *	  Starts the background workers of the databases that ask for one.
 */
#ifndef WALCU_LAUNCHER_H
#define WALCU_LAUNCHER_H

extern void launcher_init(void);

#endif /* WALCU_LAUNCHER_H */
