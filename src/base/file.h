/*
 * file.h
 *	  Files on the database server that options name.
 */
#ifndef WALCU_FILE_H
#define WALCU_FILE_H

#include "postgres.h"

#include <sys/stat.h>

/* What changes when a file is replaced or written; all zero for no file. */
typedef struct WalcuFileVersion
{
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified;
	struct timespec changed;
} WalcuFileVersion;

extern void file_version(const char *path, WalcuFileVersion *version);
extern bool file_version_equals(const WalcuFileVersion *one, const WalcuFileVersion *other);
extern char *file_read_text(const char *path, int most);

#endif /* WALCU_FILE_H */
