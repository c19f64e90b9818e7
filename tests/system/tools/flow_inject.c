// flow-inject - stands in for muga-signaling: makes its segment file and publishes flows for
// muga-media.
//
//   flow-inject CONFIG COUNT ADDRESS-A REMOTE-A ADDRESS-B REMOTE-B [early]
//
// ADDRESS-x is a media address id (realm by realm, in the order of the configuration), REMOTE-x the
// far end of the first pair (IP:PORT; the i-th pair's is 2 i ports on). Prints "waiting", publishes
// at SIGUSR1 and when muga-media is there, as signaling does when a call comes; with "early" at
// once, so that media finds the flows at its start. Then it prints "PORT-A PORT-B" for each pair
// and "ready"; it ends at SIGTERM and leaves the segment.
#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "shm/flow_table.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FLOWS = 65536 };

struct leg {
	uint16_t address;
	struct addr remote;
	struct flow_pair pair;
};

static volatile sig_atomic_t is_stopping, is_wanted;

static void on_signal(int number)
{
	if (number == SIGUSR1)
		is_wanted = 1;
	else
		is_stopping = 1;
}

static uint32_t addresses_fill(const struct config *config, const struct shm_map *map)
{
	struct shm_address *table = shm_addresses(map);
	uint32_t count = 0;

	for (uint32_t r = 0; r < config->realm_count; r++) {
		const struct config_realm *realm = &config->realms[r];

		for (uint32_t m = 0; m < realm->media_count; m++, count++) {
			table[count] = (struct shm_address){ .ip = realm->media[m],
				.vlan = realm->vlan, .port_min = realm->port_min,
				.port_max = realm->port_max };
			snprintf(table[count].device, sizeof(table[count].device), "%s",
				config->devices[realm->device].name);
			snprintf(table[count].realm, sizeof(table[count].realm), "%s", realm->name);
		}
	}
	atomic_store(shm_address_count(map), count);
	return count;
}

static int publish_leg(
	struct flow_writer *writer, struct leg *leg, const struct leg *peer, uint32_t side)
{
	for (uint32_t which = 0; which < 2; which++) {
		struct flow_cfg cfg = {
			.remote_ip = leg->remote.ip,
			.remote_port = (uint16_t)(leg->remote.port + which),
			.kind = which ? FLOW_RTCP : FLOW_RTP,
			.latch_mode = FLOW_LATCH_ONCE,
			.dscp = 46,
			.probation_packets = 8,
			.peer_incarnation = peer->pair.incarnation,
			.peer_address = peer->pair.media_address,
			.peer_port = (uint16_t)(peer->pair.port + which),
			.call_token = peer->pair.port,
			.call_leg = side,
		};
		int rc = flow_publish(writer, &leg->pair, which, &cfg);

		if (rc)
			return rc;
	}
	return 0;
}

static int publish_call(struct flow_writer *writer, struct leg legs[2])
{
	int rc = flow_pair_reserve(writer, legs[0].address, -1, &legs[0].pair);

	if (!rc)
		rc = flow_pair_reserve(writer, legs[1].address,
			(int)shm_media_shard(legs[0].pair.port), &legs[1].pair);
	if (!rc)
		rc = publish_leg(writer, &legs[0], &legs[1], 0);
	if (!rc)
		rc = publish_leg(writer, &legs[1], &legs[0], 1);
	return rc;
}

static int parse_leg(char **argv, struct leg *out)
{
	out->address = (uint16_t)atoi(argv[0]);
	return addr_parse((struct span){ argv[1], (uint32_t)strlen(argv[1]) }, 0, &out->remote);
}

// Runs the writer until flows are wanted and media is there, or until the end.
static void serve(
	struct flow_writer *writer, const char *dir, struct shm_map *media, bool is_until_wanted)
{
	while (!is_stopping) {
		if (media->fd < 0 && !shm_media_attach(dir, media))
			flow_writer_set_media(writer, media);
		if (is_until_wanted && is_wanted && media->fd >= 0)
			return;
		flow_writer_run(writer, clock_mono_ms());
		usleep(5000);
	}
}

static int publish_calls(struct flow_writer *writer, int count, struct leg legs[2])
{
	for (int i = 0; i < count; i++) {
		int rc = publish_call(writer, legs);

		if (rc)
			return rc;
		printf("%u %u\n", legs[0].pair.port, legs[1].pair.port);
		legs[0].remote.port += 2;
		legs[1].remote.port += 2;
	}
	printf("ready\n");
	fflush(stdout);
	return 0;
}

static struct flow_writer *open_writer(const struct config *config, struct shm_map *map)
{
	struct shm_geometry geometry = { .addresses = config_media_address_count(config),
		.flows = FLOWS, .workers = 1, .lanes = config->dataplane.lanes };
	struct flow_writer_params params = { .signaling = map, .workers = 1, .quarantine_ms = 1000,
		.orphan_timeout_ms = 60000 };
	int rc;

	mkdir(config->run_dir, 0755);
	mkdir(config->shm_dir, 0755);
	rc = shm_signaling_create(config->shm_dir, &geometry, map);
	if (rc) {
		fprintf(stderr, "%s: %s\n", config->shm_dir, strerror(-rc));
		return NULL;
	}
	addresses_fill(config, map);
	atomic_store(&shm_header(map)->is_ready, 1);
	return flow_writer_new(&params, clock_mono_ms());
}

int main(int argc, char **argv)
{
	struct config_error errors[4];
	struct leg legs[2] = { 0 };
	uint32_t error_count = 0;
	struct config *config;
	struct shm_map map, media = { .fd = -1 };
	struct flow_writer *writer;
	bool is_early = argc == 8 && !strcmp(argv[7], "early");

	if ((argc != 7 && !is_early) || parse_leg(&argv[3], &legs[0]) ||
		parse_leg(&argv[5], &legs[1])) {
		fprintf(stderr,
			"usage: flow-inject CONFIG COUNT ADDRESS-A REMOTE-A ADDRESS-B REMOTE-B "
			"[early]\n");
		return 2;
	}
	signal(SIGTERM, on_signal);
	signal(SIGUSR1, on_signal);
	if (config_load(argv[1], &config, errors, 4, &error_count)) {
		fprintf(stderr, "%s: line %u: %s\n", argv[1], errors[0].line, errors[0].message);
		return 2;
	}
	log_init(&(struct log_config){ .level = LOG_LEVEL_WARN, .fd = 2, .process = "inject" });
	writer = open_writer(config, &map);
	if (!writer)
		return 1;
	printf("waiting\n");
	fflush(stdout);
	if (!is_early)
		serve(writer, config->shm_dir, &media, true);
	if (publish_calls(writer, atoi(argv[2]), legs))
		return 1;
	serve(writer, config->shm_dir, &media, false);
	flow_writer_free(writer);
	shm_close(&media);
	shm_close(&map);
	config_free(config);
	return 0;
}
