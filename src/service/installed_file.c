/*
 * installed_file.c
 *	  The files that are installed with the extension.
 *
 * The description of the service and what goes with it are read here, and nothing else.
 */
#include "postgres.h"

#include "service/installed_file.h"

#include "miscadmin.h"
#include "storage/fd.h"

/* Returns what a file has.  Error: 58P01 when it is missing. */
StringInfo
installed_file_read(const char *name)
{
	char share[MAXPGPATH];
	char *path;
	FILE *file;
	StringInfo text = makeStringInfo();
	char buffer[8192];
	size_t count;

	get_share_path(my_exec_path, share);
	path = psprintf("%s/walcu_fdw/%s", share, name);
	file = AllocateFile(path, PG_BINARY_R);
	if (file == NULL)
		ereport(ERROR, errcode_for_file_access(), errmsg("could not open file \"%s\": %m", path),
				errhint("Install the extension again."));
	while ((count = fread(buffer, 1, sizeof(buffer), file)) > 0)
		appendBinaryStringInfo(text, buffer, (int) count);
	if (ferror(file))
		ereport(ERROR, errcode_for_file_access(), errmsg("could not read file \"%s\": %m", path));
	FreeFile(file);
	return text;
}
