/*
 * file.c
 *	  Files on the database server that options name: their text, and whether they have changed.
 *
 * Only regular files are looked into: whoever opens a pipe waits for somebody to write.  credential.c reads
 * secrets with it, and connection.c asks whether certificates have been replaced.
 */
#include "postgres.h"

#include "base/file.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/username.h"
#include "storage/fd.h"

static void check_regular(const char *path, const struct stat *status);
static ssize_t read_whole(int descriptor, char *text, size_t size);

/*
 * Tells what stands at a path now; nothing where no file can be seen.  Error: 42809 when it is not a
 * regular file.
 */
void
file_version(const char *path, WalcuFileVersion *version)
{
	struct stat status;

	memset(version, 0, sizeof(WalcuFileVersion));
	if (path == NULL || stat(path, &status) != 0)
		return;
	check_regular(path, &status);
	version->device = status.st_dev;
	version->inode = status.st_ino;
	version->size = status.st_size;
#ifdef __APPLE__
	version->modified = status.st_mtimespec;
	version->changed = status.st_ctimespec;
#else
	version->modified = status.st_mtim;
	version->changed = status.st_ctim;
#endif
}

bool
file_version_equals(const WalcuFileVersion *one, const WalcuFileVersion *other)
{
	return one->device == other->device && one->inode == other->inode && one->size == other->size &&
		   one->modified.tv_sec == other->modified.tv_sec &&
		   one->modified.tv_nsec == other->modified.tv_nsec && one->changed.tv_sec == other->changed.tv_sec &&
		   one->changed.tv_nsec == other->changed.tv_nsec;
}

/* Adds a hint to an error about a file that the system does not let the server read, or does not have. */
static int
add_reader_hint(int error)
{
	char *failure;
	const char *user = get_user_name(&failure);

	if (user == NULL || (error != EACCES && error != EPERM && error != ENOENT))
		return 0;
	return errhint("PostgreSQL reads it on the machine of the server, as the operating system's user \"%s\".",
				   user);
}

/*
 * Returns the text of a file, of so many bytes at most.  Errors: those of the operating system, 42809 when
 * it is not a regular file, 54000 when it is longer, 22P05 when it is not a text.
 */
char *
file_read_text(const char *path, int most)
{
	int descriptor = OpenTransientFile(path, O_RDONLY | O_NONBLOCK | PG_BINARY);
	char *text = palloc(most + 2);
	struct stat status;
	ssize_t length;

	if (descriptor < 0 || fstat(descriptor, &status) != 0)
	{
		int error = errno;

		ereport(ERROR, errcode_for_file_access(), errmsg("could not open file \"%s\": %m", path),
				add_reader_hint(error));
	}
	check_regular(path, &status);
	length = read_whole(descriptor, text, most + 1);
	if (length < 0)
		ereport(ERROR, errcode_for_file_access(), errmsg("could not read file \"%s\": %m", path));
	CloseTransientFile(descriptor);
	if (length > most)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("file \"%s\" is longer than %d bytes", path, most));
	text[length] = '\0';
	if (memchr(text, '\0', length) != NULL)
		ereport(ERROR, errcode(ERRCODE_UNTRANSLATABLE_CHARACTER), errmsg("file \"%s\" is not text", path));
	return text;
}

static void
check_regular(const char *path, const struct stat *status)
{
	if (!S_ISREG(status->st_mode))
		ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not a regular file", path));
}

/* Reads until the end, or so many bytes.  Returns a number below 0 when that fails. */
static ssize_t
read_whole(int descriptor, char *text, size_t size)
{
	size_t length = 0;

	while (length < size)
	{
		ssize_t part = read(descriptor, text + length, size - length);

		if (part < 0 && errno == EINTR)
			continue;
		if (part <= 0)
			return part < 0 ? part : (ssize_t) length;
		length += part;
	}
	return (ssize_t) length;
}
