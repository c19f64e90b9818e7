// files.h - both files of the segment in a directory of their own, with one call's flows in them.
#pragma once

#include "unit/shared/shm/fixture.h"

#include "base/clock.h"
#include "muga/cli.h"
#include "muga/segment.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct files {
	char dir[64];
	struct shm_map signaling, media;
	struct flow_writer *writer;
	struct flow_pair legs[2]; // A on address 0, B on address 1
} files;

static const char *const counter_names[] = { "received", "forwarded", "drop_source", "drop_rate" };

static inline void files_publish(int leg)
{
	const struct flow_pair *peer = &files.legs[1 - leg];
	struct flow_cfg cfg = { .call_token = 0xfeed, .call_leg = (uint32_t)leg,
		.probation_packets = 5, .remote_ip = ip_from_v4(0xc6336401), .remote_port = 4000,
		.peer_incarnation = peer->incarnation, .peer_address = peer->media_address,
		.peer_port = peer->port, .created_ns = 1 };
	assert_int_equal(flow_publish(files.writer, &files.legs[leg], 0, &cfg), 0);
	cfg.kind = FLOW_RTCP;
	cfg.peer_port++;
	cfg.remote_port++;
	assert_int_equal(flow_publish(files.writer, &files.legs[leg], 1, &cfg), 0);
}

// What a lane leaves behind after 100 of 110 packets of leg A.
static inline void files_count(void)
{
	struct flow_state *state = &shm_flow_state(&files.media)[files.legs[0].state_index[0]];
	state->latch[1] = (struct flow_latch){ .ip = ip_from_v4(0xc6336407), .port = 4010,
		.phase = FLOW_LATCH_LOCKED, .ssrc = 7 };
	state->latch_selector = 1;
	state->packets = 100;
	state->octets = 17200;
	state->stream_packets = 100;
	state->sequence_base = 65500;
	state->sequence_max = 65500 + 109;
	state->forwarded = 99;
	state->rtcp_packets = 3;
	state->dropped_source = 4;
	state->dropped_rate = 5;
	state->dropped_other = 6;
	state->jitter_x16 = 16 * 40; // of 8,000 Hz: 5 ms
	state->clock_rate = 8000;
	state->ssrc = 0xabcdef01;
	state->payload_type = 8;
	state->last_ns = clock_mono_ns() - 2 * NS_PER_S;
	state->incarnation = files.legs[0].incarnation;
	_Atomic uint64_t *values = shm_lane_counters(&files.media, 1);
	values[0] = 1000;
	values[1] = 900;
	values[2] = 60;
	values[3] = 40;
}

static inline int files_open(void **state)
{
	static const struct shm_geometry geometry = {
		.addresses = 2, .flows = 512, .workers = 1, .lanes = 2
	};
	(void)state;
	memset(&files, 0, sizeof(files));
	snprintf(files.dir, sizeof(files.dir), "/dev/shm/muga-test-cli-XXXXXX");
	if (mkdtemp(files.dir) == NULL ||
		shm_signaling_create(files.dir, &geometry, &files.signaling) != 0)
		return -1;
	fixture_address(&files.signaling, 1);
	fixture_address(&files.signaling, 2);
	snprintf(shm_addresses(&files.signaling)[0].realm, SHM_NAME_MAX, "access");
	snprintf(shm_addresses(&files.signaling)[1].realm, SHM_NAME_MAX, "core");
	snprintf(shm_addresses(&files.signaling)[1].device, SHM_NAME_MAX, "eth1");
	shm_addresses(&files.signaling)[1].vlan = 30;
	if (shm_media_create(files.dir, &files.signaling, &files.media) != 0)
		return -1;
	struct flow_writer_params params = { .signaling = &files.signaling, .media = &files.media,
		.workers = 1, .quarantine_ms = QUARANTINE_MS };
	files.writer = flow_writer_new(&params, 1000);
	flow_writer_run(files.writer, 1000);
	for (int leg = 0; leg < 2; leg++)
		assert_int_equal(flow_pair_reserve(files.writer, (uint16_t)leg, 5,
			&files.legs[leg]), 0);
	files_publish(0);
	files_publish(1);
	return shm_counters_name(&files.media, counter_names, 4, 2);
}

static inline const char *files_path(const char *name)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/%s", files.dir, name);
	return path;
}

// The writers die; the files stay.
static inline void files_orphan(void)
{
	if (files.writer == NULL)
		return;
	flow_writer_free(files.writer);
	files.writer = NULL;
	shm_close(&files.media);
	shm_close(&files.signaling);
}

static inline int files_close(void **state)
{
	(void)state;
	files_orphan();
	unlink(files_path("signaling.seg"));
	unlink(files_path("media.seg"));
	return rmdir(files.dir);
}

// Bytes of a dead writer's file, from `offset` on.
static inline void files_scribble(const char *name, off_t offset, const void *bytes, size_t len)
{
	int fd = open(files_path(name), O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, offset), (ssize_t)len);
	close(fd);
}

static inline struct cli files_cli(void)
{
	struct cli cli = { .limit = 1000, .interval_ms = 20, .quarantine_ms = 5000 };
	snprintf(cli.shm_dir, sizeof(cli.shm_dir), "%s", files.dir);
	snprintf(cli.run_dir, sizeof(cli.run_dir), "/nonexistent");
	return cli;
}
