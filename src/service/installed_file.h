/*
 * installed_file.h
 *	  The files that are installed with the extension.
 */
#ifndef WALCU_INSTALLED_FILE_H
#define WALCU_INSTALLED_FILE_H

#include "postgres.h"

#include "lib/stringinfo.h"

extern StringInfo installed_file_read(const char *name);

#endif /* WALCU_INSTALLED_FILE_H */
