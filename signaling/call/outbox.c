#include "call/outbox.h"

#include "base/check.h"
#include "call/summary.h"

#include <errno.h>
#include <stdlib.h>

struct outbox {
	struct arena arena;
	uint64_t refused;
	uint32_t count;
	uint32_t entries_max;
	struct outbox_entry entries[];
};

struct outbox *outbox_new(uint32_t entries_max, size_t bytes_max)
{
	CHECK(entries_max > 0 && bytes_max > 0);
	struct outbox *outbox = calloc(1,
		sizeof(*outbox) + (size_t)entries_max * sizeof(outbox->entries[0]));
	if (!outbox)
		return NULL;
	outbox->entries_max = entries_max;
	arena_init(&outbox->arena, bytes_max);
	return outbox;
}

void outbox_free(struct outbox *outbox)
{
	if (!outbox)
		return;
	arena_fini(&outbox->arena);
	free(outbox);
}

void outbox_clear(struct outbox *outbox)
{
	outbox->count = 0;
	arena_reset(&outbox->arena);
}

uint32_t outbox_count(const struct outbox *outbox)
{
	return outbox->count;
}

const struct outbox_entry *outbox_at(const struct outbox *outbox, uint32_t index)
{
	CHECK(index < outbox->count);
	return &outbox->entries[index];
}

int outbox_send(struct outbox *outbox, const struct outbox_send *send)
{
	struct span data, tls_name = SPAN_NONE;

	if (outbox->count == outbox->entries_max ||
		!arena_copy(&outbox->arena, send->data, &data) ||
		(send->hop.tls_name.len &&
			!arena_copy(&outbox->arena, send->hop.tls_name, &tls_name))) {
		outbox->refused++;
		return -ENOBUFS;
	}
	struct outbox_entry *entry = &outbox->entries[outbox->count++];
	*entry = (struct outbox_entry){ .kind = OUTBOX_SEND, .send = *send };
	entry->send.data = data;
	entry->send.hop.tls_name = tls_name;
	return 0;
}

int outbox_resolve(struct outbox *outbox, const struct outbox_resolve *resolve)
{
	struct span host;

	if (outbox->count == outbox->entries_max ||
		!arena_copy(&outbox->arena, resolve->host, &host)) {
		outbox->refused++;
		return -ENOBUFS;
	}
	struct outbox_entry *entry = &outbox->entries[outbox->count++];
	*entry = (struct outbox_entry){ .kind = OUTBOX_RESOLVE, .resolve = *resolve };
	entry->resolve.host = host;
	return 0;
}

static struct outbox_entry *add(struct outbox *outbox)
{
	if (outbox->count == outbox->entries_max) {
		outbox->refused++;
		return NULL;
	}
	return &outbox->entries[outbox->count++];
}

int outbox_fetch(struct outbox *outbox, const struct outbox_fetch *fetch)
{
	struct outbox_entry *entry = add(outbox);

	if (!entry)
		return -ENOBUFS;
	*entry = (struct outbox_entry){ .kind = OUTBOX_FETCH, .fetch = *fetch };
	return 0;
}

int outbox_handover(struct outbox *outbox, const struct outbox_handover *handover)
{
	struct span data;

	if (outbox->count == outbox->entries_max ||
		!arena_copy(&outbox->arena, handover->data, &data)) {
		outbox->refused++;
		return -ENOBUFS;
	}
	struct outbox_entry *entry = &outbox->entries[outbox->count++];
	*entry = (struct outbox_entry){ .kind = OUTBOX_HANDOVER, .handover = *handover };
	entry->handover.data = data;
	return 0;
}

int outbox_alias(struct outbox *outbox, const struct outbox_alias *alias)
{
	struct outbox_entry *entry = add(outbox);

	if (!entry)
		return -ENOBUFS;
	*entry = (struct outbox_entry){ .kind = OUTBOX_ALIAS, .alias = *alias };
	return 0;
}

int outbox_gone(struct outbox *outbox, uint64_t key)
{
	struct outbox_entry *entry = add(outbox);

	if (!entry)
		return -ENOBUFS;
	*entry = (struct outbox_entry){ .kind = OUTBOX_GONE, .gone = key };
	return 0;
}

int outbox_call_end(struct outbox *outbox, const struct call_summary *summary)
{
	struct call_summary *copy = NULL;

	if (outbox->count < outbox->entries_max)
		copy = arena_alloc(&outbox->arena, sizeof(*copy));
	if (!copy) {
		outbox->refused++;
		return -ENOBUFS;
	}
	*copy = *summary;
	outbox->entries[outbox->count++] = (struct outbox_entry){
		.kind = OUTBOX_CALL_END, .call_end = copy };
	return 0;
}

uint64_t outbox_refused(const struct outbox *outbox)
{
	return outbox->refused;
}
