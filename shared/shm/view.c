// view.c - the reader side of the flow table.
#include "shm/flow_table.h"

#include <string.h>

#define READ_TRIES 3

void flow_view_init(struct flow_view *view, const struct shm_map *signaling)
{
	view->index = shm_index(signaling, 0);
	view->cfg = shm_flow_cfg(signaling);
	view->addresses = signaling->geometry.addresses;
	view->flows = signaling->geometry.flows;
	view->keys = shm_flow_key(signaling);
	view->secures = shm_flow_secure(signaling);
	view->key_count = signaling->geometry.keys;
}

#ifdef __SANITIZE_THREAD__
// Reading what may be reused meanwhile is the point here; the checksum tells.
__attribute__((no_sanitize("thread")))
#endif
static void
copy_record(const struct flow_cfg *from, struct flow_cfg *to)
{
	const uint64_t *words = (const uint64_t *)from;
	uint64_t copy[sizeof(*to) / sizeof(uint64_t)];
	for (size_t i = 0; i < sizeof(copy) / sizeof(copy[0]); i++)
		copy[i] = __atomic_load_n(&words[i], __ATOMIC_RELAXED);
	memcpy(to, copy, sizeof(*to));
}

bool flow_read(const struct flow_view *view, uint32_t address, uint16_t port, struct flow_cfg *out)
{
	if (address >= view->addresses)
		return false;
	for (int i = 0; i < READ_TRIES; i++) {
		const struct flow_cfg *cfg = flow_lookup(view, address, port);
		if (!cfg)
			return false;
		struct flow_cfg copy;
		copy_record(cfg, &copy);
		if (flow_is_valid(&copy, address, port, view->flows)) {
			*out = copy;
			return true;
		}
	}
	return false;
}
