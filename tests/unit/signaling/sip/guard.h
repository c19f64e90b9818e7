// guard.h - texts that end where nothing may be read any more: a byte too far is a crash.
#pragma once

#include "base/check.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUARD_MAX 4096u

// A copy of `len` <= GUARD_MAX bytes right before an inaccessible page. Good until the next call.
static inline char *guard_place(const char *data, size_t len)
{
	static char *end;
	if (!end) {
		size_t page = (size_t)sysconf(_SC_PAGESIZE);
		char *pages = mmap(NULL, GUARD_MAX + page, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(pages != MAP_FAILED);
		CHECK(mprotect(pages + GUARD_MAX, page, PROT_NONE) == 0);
		end = pages + GUARD_MAX;
	}
	memmove(end - len, data, len);
	return end - len;
}
