/*
 * swift_demangle.c
 *	  A function that the address sanitizer looks for.
 *
 * It does so when memory is first asked for.  That it is not there makes glibc translate a message, which
 * waits for ever when memory was asked for by a library that sets up its own translations.
 */
#include <stddef.h>

char *swift_demangle(const char *name, size_t length, char *output, size_t *size, unsigned flags);

char *
swift_demangle(const char *name, size_t length, char *output, size_t *size, unsigned flags)
{
	return NULL;
}
