// line.h - waiting lines: every entry of one line waits equally long, so that the oldest is due
// first and no heap is needed.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct line_entry {
	uint64_t due_ns;
	uint32_t slot, wait; // whom it is about, and in which state of his
};

struct line {
	struct line_entry *entries; // ring of `size`, a power of two
	uint64_t head, tail;
	uint64_t size;
	uint64_t wait_ns;
};

static inline void line_add(struct line *line, uint64_t now_ns, uint32_t slot, uint32_t wait)
{
	if (line->tail - line->head == line->size) {
		uint64_t size = line->size ? line->size * 2 : 1024;
		struct line_entry *entries = malloc(size * sizeof(*entries));
		if (!entries)
			abort();
		for (uint64_t i = line->head; i < line->tail; i++)
			entries[i & (size - 1)] = line->entries[i & (line->size - 1)];
		free(line->entries);
		line->entries = entries;
		line->size = size;
	}
	line->entries[line->tail++ & (line->size - 1)] =
		(struct line_entry){ now_ns + line->wait_ns, slot, wait };
}

// The next entry that is due.
static inline bool line_take(struct line *line, uint64_t now_ns, struct line_entry *out)
{
	if (line->head == line->tail)
		return false;
	*out = line->entries[line->head & (line->size - 1)];
	if (out->due_ns > now_ns)
		return false;
	line->head++;
	return true;
}
