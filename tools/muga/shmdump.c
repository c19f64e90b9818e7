// shmdump.c - muga shmdump [DIR]: headers, addresses, every flow record and state of both files.
// For the hour after a crash. Keys are never in these records; what will hold them is left out.
#include "cli.h"

#include "muga/segment.h"

#include "base/clock.h"
#include "shm/dump.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void header_read(const struct shm_map *map, struct shm_header *out)
{
	memcpy(out, shm_header(map), sizeof(*out));
}

static double heartbeat_age_s(const struct segment *segment, const struct shm_header *header)
{
	uint64_t beat = atomic_load_explicit(&header->heartbeat_ns, memory_order_relaxed);
	return beat < segment->now_ns ? (double)(segment->now_ns - beat) / (double)NS_PER_S : 0;
}

static json_t *file_json(const struct segment *segment, const struct shm_map *map)
{
	static struct shm_header header;
	const struct shm_geometry *g = &map->geometry;
	char boot[33];
	header_read(map, &header);
	for (int i = 0; i < 16; i++)
		snprintf(boot + 2 * i, 3, "%02x", header.boot_id[i]);
	return json_pack("{s:i, s:I, s:s, s:i, s:i, s:b, s:f, s:{s:i, s:i, s:i, s:i}}",
		"abi", (int)header.abi, "file_bytes", (json_int_t)header.file_bytes,
		"boot_id", boot,
		"instance", (int)header.instance, "writer_pid", (int)header.writer_pid,
		"writer_is_alive", shm_writer_is_alive(map), "heartbeat_age_s",
		heartbeat_age_s(segment, &header), "geometry", "addresses", (int)g->addresses,
		"flows", (int)g->flows, "workers", (int)g->workers, "lanes", (int)g->lanes);
}

static json_t *epochs_json(const struct segment *segment)
{
	json_t *array = json_array();
	const struct epoch_slot *slots = shm_epoch_slots(&segment->media);
	for (uint32_t lane = 0; lane < SHM_LANE_MAX; lane++) {
		uint64_t epoch = atomic_load_explicit(&slots[lane].epoch, memory_order_relaxed);
		uint32_t instance =
			atomic_load_explicit(&slots[lane].instance, memory_order_relaxed);
		if (instance != 0)
			json_array_append_new(array, json_pack("{s:i, s:I, s:i}", "lane", (int)lane,
				"epoch", (json_int_t)epoch, "instance", (int)instance));
	}
	return array;
}

static json_t *record_json(const struct flow_cfg *cfg)
{
	char remote[ADDR_TEXT_MAX], token[24];
	struct addr addr = { .ip = cfg->remote_ip, .port = cfg->remote_port };
	addr_format(&addr, remote);
	snprintf(token, sizeof(token), "%016llx", (unsigned long long)cfg->call_token);
	return json_pack("{s:i, s:i, s:I, s:i, s:i, s:i, s:i, s:i, s:i, s:s, s:I, s:i, s:i, s:s, "
		"s:i, s:i, s:i, s:i, s:I}",
		"media_address", (int)cfg->media_address, "port", (int)cfg->port,
		"incarnation", (json_int_t)cfg->incarnation, "generation", (int)cfg->generation,
		"state_index", (int)cfg->state_index, "kind", (int)cfg->kind,
		"latch_mode", (int)cfg->latch_mode, "flags", (int)cfg->flags,
		"dscp", (int)cfg->dscp,
		"remote", remote, "peer_incarnation", (json_int_t)cfg->peer_incarnation,
		"peer_address", (int)cfg->peer_address, "peer_port", (int)cfg->peer_port,
		"call", token, "leg", (int)cfg->call_leg, "owner", (int)cfg->owner,
		"lease_epoch", (int)cfg->lease_epoch, "rate_pps_max", (int)cfg->rate_pps_max,
		"created_ns", (json_int_t)cfg->created_ns);
}

static json_t *state_json(const struct segment_flow *flow)
{
	const struct segment_stats *s = &flow->stats;
	char source[ADDR_TEXT_MAX];
	struct addr addr = { .ip = s->latch.ip, .port = s->latch.port };
	if (!flow->has_stats)
		return json_null();
	addr_format(&addr, source);
	return json_pack("{s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:I}", "source", source,
		"phase", (int)s->latch.phase, "packets", (json_int_t)s->packets, "octets",
		(json_int_t)s->octets, "forwarded", (json_int_t)s->forwarded, "dropped",
		(json_int_t)s->dropped, "lost", (json_int_t)s->lost, "ssrc", (json_int_t)s->ssrc,
		"jitter_ms", s->jitter_ms, "age_ms", (json_int_t)s->age_ms);
}

static json_t *dump_json(const struct segment *segment)
{
	json_t *flows = json_array();
	struct segment_flow flow;
	uint32_t cursor = 0;
	while (segment_next(segment, &cursor, &flow)) {
		json_t *record = record_json(&flow.cfg);
		json_object_set_new(record, "state", state_json(&flow));
		json_array_append_new(flows, record);
	}
	json_t *epoch = json_integer((json_int_t)atomic_load_explicit(
		shm_global_epoch(&segment->signaling), memory_order_relaxed));
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "signaling",
		file_json(segment, &segment->signaling), "media",
		segment->has_media ? file_json(segment, &segment->media) : json_null(),
		"global_epoch", epoch, "lanes",
		segment->has_media ? epochs_json(segment) : json_array(), "flows", flows);
}

// A file that cannot be mapped as it is (another boot, another version, cut off) is read piece by
// piece.
static json_t *torn_json(const char *path)
{
	struct shm_dump_options options = { .is_json = true, .has_flows = true };
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	if (out == NULL)
		return NULL;
	int rc = shm_dump(path, &options, out);
	fclose(out);
	json_t *value = json_loadb(text, len, 0, NULL);
	free(text);
	return value != NULL ? value : json_pack("{s:s}", "error", strerror(-rc));
}

static int dump_torn(const char *dir)
{
	char path[PATH_MAX + 16];
	json_t *both = json_object();
	static const char *const names[] = { "signaling", "media" };
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s.seg", dir, names[i]);
		json_object_set_new(both, names[i], torn_json(path));
	}
	cli_print_json(both);
	return CLI_FAILED;
}

static int dump_text(const char *dir)
{
	struct shm_dump_options options = { .has_flows = true };
	static const char *const names[] = { "signaling", "media" };
	char path[PATH_MAX + 16];
	int status = CLI_OK;
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s.seg", dir, names[i]);
		printf("# %s\n", path);
		int rc = shm_dump(path, &options, stdout);
		fflush(stdout);
		// A media file that never was is no failure: muga-media has not run.
		if (rc < 0 && !(i == 1 && rc == -ENOENT))
			status = cli_fail(CLI_FAILED, "%s: %s", path, strerror(-rc));
	}
	return status;
}

int shmdump_run(const struct cli *cli)
{
	struct segment segment;
	if (cli->word_count > 1)
		return cli_fail(CLI_USAGE, "usage: muga shmdump [DIR]");
	const char *dir = cli->word_count == 1 ? cli->words[0] : cli->shm_dir;
	if (!cli->is_json)
		return dump_text(dir);
	if (segment_open(dir, &segment) != CLI_OK)
		return dump_torn(dir);
	int rc = cli_print_json(dump_json(&segment));
	segment_close(&segment);
	return rc;
}
