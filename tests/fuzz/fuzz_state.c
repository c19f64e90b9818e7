// fuzz_state.c - records of calls made of any bytes; what is taken over can be handed over again.
#include "base/check.h"
#include "call/core.h"
#include "call/export.h"
#include "call/outbox.h"
#include "call/summary.h"
#include "shm/layout.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct config config;
static struct config_trunk trunks[2];
static struct shm_map signaling, media;
static struct rng rng;
static struct core_env env;
static struct core *core;

static void make_realm(uint32_t i, const char *own, const char *at, const char *host)
{
	struct config_realm *realm = &config.realms[i];

	*realm = (struct config_realm){ .name = i ? "core" : "access", .listener_count = 1,
		.media_count = 1, .port_min = 20000, .port_max = 20255 };
	CHECK(addr_parse(span_str(own), 5060, &realm->listeners[0].addr) == 0);
	CHECK(ip_parse(span_str(at), &realm->media[0]) == 0);
	trunks[i] = (struct config_trunk){ .name = i ? "carrier" : "phones", .realm = i,
		.host_count = 1 };
	CHECK(addr_parse(span_str(host), 5060, &trunks[i].hosts[0].addr) == 0);
	struct shm_address *address = &shm_addresses(&signaling)[i];
	address->ip = realm->media[0];
	address->port_min = realm->port_min;
	address->port_max = realm->port_max;
}

static void open_once(void)
{
	struct shm_geometry geometry = { .addresses = 2, .flows = 2048, .workers = 1, .lanes = 1 };
	struct core_params params = { .calls_max = 4, .transactions_max = 64,
		.key = { { 5, 6 } }, .now_ms = 1000 };
	struct flow_writer_params flows = { .signaling = &signaling, .media = &media,
		.workers = 1, .quarantine_ms = 1000, .orphan_timeout_ms = 1000 };

	CHECK(shm_anonymous(&geometry, &signaling, &media) == 0);
	config = (struct config){ .realm_count = 2, .trunks = trunks, .trunk_count = 2 };
	make_realm(0, "10.1.0.1", "10.1.0.2", "10.1.1.200");
	make_realm(1, "10.2.0.1", "10.2.0.2", "10.2.1.1");
	atomic_store(shm_address_count(&signaling), 2);
	rng_init(&rng, 42);
	env = (struct core_env){ .now_ms = 1000, .unix_ms = 1700000000000, .rng = &rng,
		.config = &config, .flows = flow_writer_new(&flows, 1000),
		.outbox = outbox_new(64, 1u << 20) };
	core = core_new(&params);
	CHECK(env.flows && env.outbox && core);
}

// Hung up, and 64*T1 of silence: nothing is left for the next input.
static void end_all(void)
{
	core_hangup_all(core, &env);
	outbox_clear(env.outbox);
	for (uint32_t i = 0; i < 3; i++) {
		env.now_ms += 33000;
		core_run_timers(core, &env);
		outbox_clear(env.outbox);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[CALL_RECORD_MAX];
	struct record_out out = { .buf = buf };
	struct call_info info;
	uint32_t cursor = 0;
	uint64_t token, again;

	if (!core)
		open_once();
	env.now_ms += 10;
	outbox_clear(env.outbox);
	core_run_timers(core, &env);
	if (core_import(core, &env, span_make((const char *)data, (uint32_t)size), &token))
		return 0;
	CHECK(core_next_call(core, &cursor, &info) && info.token == token);
	int rc = core_export(core, &env, token, &out);
	CHECK(rc == 0);
	end_all();
	cursor = 0;
	CHECK(!core_next_call(core, &cursor, &info));
	rc = core_import(core, &env, span_make((const char *)buf, out.len), &again);
	// Only the CSeq, which leaves a gap each time, may have come to its end.
	CHECK((rc == 0 && again == token) || rc == -EINVAL);
	end_all();
	return 0;
}
