// check.c - the end of a process whose own invariant is broken.
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void check_failed(const char *file, int line, const char *func, const char *expr)
{
	char text[512];
	int len = snprintf(text, sizeof text, "CHECK failed: %s, in %s at %s:%d\n", expr, func,
		file, line);
	if (len < 0)
		len = 0;
	if ((size_t)len >= sizeof text)
		len = sizeof text - 1;
	// One plain write: stdio buffers or the logger may be what is broken.
	ssize_t written = write(STDERR_FILENO, text, (size_t)len);
	(void)written;
	abort();
}
