/*
 * drop_database.h
 *	  End a database's worker where the database is dropped.
 */
#ifndef WALCU_DROP_DATABASE_H
#define WALCU_DROP_DATABASE_H

extern void drop_database_init(void);

#endif /* WALCU_DROP_DATABASE_H */
