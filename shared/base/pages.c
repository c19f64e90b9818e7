#include "base/pages.h"

#include "base/check.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_BYTES ((size_t)2 << 20)

static size_t round_up(size_t bytes, size_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

// More than was asked for is mapped and given back, so that what is left begins with a huge page.
static void *map_huge(size_t bytes)
{
	size_t wanted = round_up(bytes, HUGE_BYTES);
	uint8_t *all = mmap(NULL, wanted + HUGE_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED)
		return NULL;
	size_t before = round_up((uintptr_t)all, HUGE_BYTES) - (uintptr_t)all;
	if (before > 0)
		munmap(all, before);
	if (before < HUGE_BYTES)
		munmap(all + before + wanted, HUGE_BYTES - before);
	// A kernel without huge pages gives small ones.
	madvise(all + before, wanted, MADV_HUGEPAGE);
	return all + before;
}

void *pages_alloc(size_t bytes)
{
	CHECK(bytes > 0 && bytes <= SIZE_MAX / 2);
	if (bytes >= HUGE_BYTES)
		return map_huge(bytes);
	return calloc(1, bytes);
}

void pages_free(void *table, size_t bytes)
{
	if (bytes >= HUGE_BYTES && table)
		CHECK(munmap(table, round_up(bytes, HUGE_BYTES)) == 0);
	else
		free(table);
}
