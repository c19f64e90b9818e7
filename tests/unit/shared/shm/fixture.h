// fixture.h - an anonymous pair of maps with addresses, and writers on it.
#pragma once

#include "shm/flow_table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PORT_MIN      10240u // block 40
#define QUARANTINE_MS 1000u

struct fixture {
	struct shm_map signaling, media;
	uint64_t now_ms;
};

static inline void fixture_address(const struct shm_map *signaling, uint32_t blocks)
{
	uint32_t id = atomic_load(shm_address_count(signaling));
	struct shm_address *address = &shm_addresses(signaling)[id];
	address->ip = ip_from_v4(0x7f000001 + id);
	address->port_min = PORT_MIN;
	address->port_max = (uint16_t)(PORT_MIN + blocks * SHM_BLOCK - 1);
	atomic_store(shm_address_count(signaling), id + 1);
}

static inline struct fixture fixture_of(const struct shm_geometry *geometry, uint32_t blocks)
{
	struct fixture f = { .now_ms = 100000 };
	assert_int_equal(shm_anonymous(geometry, &f.signaling, &f.media), 0);
	for (uint32_t i = 0; i < geometry->addresses; i++)
		fixture_address(&f.signaling, blocks);
	return f;
}

static inline struct fixture fixture_make(uint32_t addresses, uint32_t blocks, uint32_t flows)
{
	struct shm_geometry geometry = {
		.addresses = addresses, .flows = flows, .workers = 1, .lanes = 2
	};
	return fixture_of(&geometry, blocks);
}

// One address, and room for keys.
static inline struct fixture fixture_with_keys(uint32_t keys)
{
	struct shm_geometry geometry = {
		.addresses = 1, .flows = 1024, .workers = 1, .lanes = 2, .keys = keys
	};
	return fixture_of(&geometry, 2);
}

static inline void fixture_end(struct fixture *f)
{
	shm_close(&f->signaling);
	shm_close(&f->media);
}

static inline struct flow_writer *writer_of(struct fixture *f, uint32_t worker, uint32_t workers)
{
	struct flow_writer_params params = { .signaling = &f->signaling,
		.media = &f->media,
		.worker = worker,
		.workers = workers,
		.quarantine_ms = QUARANTINE_MS,
		.orphan_timeout_ms = 5000 };
	struct flow_writer *writer = flow_writer_new(&params, f->now_ms);
	assert_non_null(writer);
	return writer;
}

// As if the process had died: its memory is gone, the next instance takes the file.
static inline void fixture_restart(struct fixture *f, struct flow_writer *writer)
{
	flow_writer_free(writer);
	atomic_fetch_add(&shm_header(&f->signaling)->instance, 1);
}

static inline struct flow_counters counters_of(struct flow_writer *writer)
{
	struct flow_counters counters;
	flow_writer_counters(writer, &counters);
	return counters;
}

static inline void run_for(struct fixture *f, struct flow_writer *writer, uint32_t ms)
{
	for (uint32_t i = 0; i < ms; i += 10) {
		f->now_ms += 10;
		flow_writer_run(writer, f->now_ms);
	}
}

static inline void publish(struct flow_writer *writer, struct flow_pair *pair, uint32_t which)
{
	struct flow_cfg cfg = { .call_token = 77, .probation_packets = 5 };
	assert_int_equal(flow_publish(writer, pair, which, &cfg), 0);
}
