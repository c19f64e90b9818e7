// dump.c - the two files for people and for machines, from any bytes.
#include "shm/dump.h"

#include "base/clock.h"
#include "shm/flow_table.h"
#include "shm/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct dump {
	int fd;
	uint64_t file_bytes;
	FILE *out;
	struct shm_dump_options options;
	struct shm_header header;
	struct shm_geometry geometry;
	bool is_first; // no comma before the next element of the array
};

static bool read_at(const struct dump *dump, uint64_t offset, void *to, size_t bytes)
{
	char *at = to;
	while (bytes) {
		ssize_t got = pread(dump->fd, at, bytes, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		at += got;
		offset += (uint64_t)got;
		bytes -= (size_t)got;
	}
	return true;
}

// Names in the file may hold anything: printable ASCII without quotes passes, the rest becomes '?'.
static const char *clean(const char *name, char *buf)
{
	size_t len = strnlen(name, SHM_NAME_MAX - 1);
	for (size_t i = 0; i < len; i++) {
		bool is_plain = name[i] >= ' ' && name[i] < 0x7f && name[i] != '"' &&
				name[i] != '\\';
		buf[i] = is_plain ? name[i] : '?';
	}
	buf[len] = 0;
	return buf;
}

// JSON's readers take signed numbers; what is larger was never written by us.
static unsigned long long shown(uint64_t value)
{
	return value < INT64_MAX ? value : INT64_MAX;
}

static void print_number(struct dump *dump, const char *name, uint64_t value, bool is_last)
{
	if (dump->options.is_json)
		fprintf(dump->out, "\"%s\": %llu%s", name, shown(value),
			is_last ? "" : ", ");
	else
		fprintf(dump->out, "%-20s %llu\n", name, shown(value));
}

// Of a file of another boot the age means nothing; it is 0 where the heartbeat lies ahead.
static void print_writer(struct dump *dump)
{
	const struct shm_header *h = &dump->header;
	uint64_t beat_ns = atomic_load(&h->heartbeat_ns), now_ns = clock_mono_ns();
	bool is_alive = shm_file_is_locked(dump->fd);
	double age_s = beat_ns < now_ns ? (double)(now_ns - beat_ns) / (double)NS_PER_S : 0;
	print_number(dump, "writer_pid", atomic_load(&h->writer_pid), false);
	fprintf(dump->out,
		dump->options.is_json ? "\"writer_is_alive\": %s, \"heartbeat_age_s\": %.1f, "
				      : "writer_is_alive      %s\nheartbeat_age_s      %.1f\n",
		is_alive ? "true" : "false", age_s);
}

static void print_header(struct dump *dump, const char *kind)
{
	const struct shm_header *h = &dump->header;
	char boot[33];
	for (uint32_t i = 0; i < 16; i++)
		snprintf(&boot[i * 2], 3, "%02x", h->boot_id[i]);
	if (dump->options.is_json)
		fprintf(dump->out, "{\"file\": \"%s\", \"boot_id\": \"%s\", ", kind, boot);
	else
		fprintf(dump->out, "%-20s %s\n%-20s %s\n", "file", kind, "boot_id", boot);
	print_number(dump, "abi", h->abi, false);
	print_number(dump, "file_bytes", h->file_bytes, false);
	print_number(dump, "bytes_found", dump->file_bytes, false);
	print_number(dump, "addresses_max", h->geometry.addresses, false);
	print_number(dump, "flows_max", h->geometry.flows, false);
	print_number(dump, "workers", h->geometry.workers, false);
	print_number(dump, "lanes", h->geometry.lanes, false);
	print_number(dump, "instance", atomic_load(&h->instance), false);
	print_number(dump, "is_ready", atomic_load(&h->is_ready), false);
	print_number(dump, "is_superseded", atomic_load(&h->is_superseded), false);
	print_writer(dump);
}

static void array_begin(struct dump *dump, const char *name)
{
	dump->is_first = true;
	if (dump->options.is_json)
		fprintf(dump->out, "\"%s\": [", name);
	else
		fprintf(dump->out, "%s:\n", name);
}

static void array_next(struct dump *dump)
{
	if (dump->options.is_json && !dump->is_first)
		fputs(", ", dump->out);
	dump->is_first = false;
}

static void array_end(struct dump *dump)
{
	if (dump->options.is_json)
		fputs("], ", dump->out);
}

static void print_address(struct dump *dump, uint32_t id, const struct shm_address *address)
{
	char ip[ADDR_TEXT_MAX];
	char device[SHM_NAME_MAX];
	char realm[SHM_NAME_MAX];
	ip_format(&address->ip, ip);
	array_next(dump);
	fprintf(dump->out,
		dump->options.is_json
			? "{\"id\": %u, \"ip\": \"%s\", \"vlan\": %u, \"port_min\": %u, "
			  "\"port_max\": %u, \"is_retired\": %u, \"device\": \"%s\", "
			  "\"realm\": \"%s\"}"
			: "  %u %s vlan=%u ports=%u-%u retired=%u device=\"%s\" realm=\"%s\"\n",
		id, ip, address->vlan, address->port_min, address->port_max, address->is_retired,
		clean(address->device, device), clean(address->realm, realm));
}

static void print_flow(struct dump *dump, const struct flow_cfg *cfg)
{
	char remote[ADDR_TEXT_MAX];
	struct addr addr = { .ip = cfg->remote_ip, .port = cfg->remote_port };
	addr_format(&addr, remote);
	array_next(dump);
	fprintf(dump->out,
		dump->options.is_json
			? "{\"address\": %u, \"port\": %u, \"incarnation\": %llu, \"generation\": "
			  "%u, "
			  "\"state\": %u, \"kind\": %u, \"flags\": %u, \"remote\": \"%s\", "
			  "\"peer_address\": %u, \"peer_port\": %u, \"peer_incarnation\": %llu, "
			  "\"call\": \"%016llx\", \"leg\": %u, \"worker\": %u, \"has_key\": %s}"
			: "  %u:%u incarnation=%llu generation=%u state=%u kind=%u flags=%u "
			  "remote=%s "
			  "peer=%u:%u/%llu call=%016llx leg=%u worker=%u key=%s\n",
		cfg->media_address, cfg->port, shown(cfg->incarnation),
		cfg->generation, cfg->state_index, cfg->kind, cfg->flags, remote, cfg->peer_address,
		cfg->peer_port, shown(cfg->peer_incarnation),
		(unsigned long long)cfg->call_token, cfg->call_leg, cfg->owner,
		(cfg->key_rx | cfg->key_tx) ? "true" : "false");
}

struct flow_totals {
	uint64_t live, bad, unreadable;
};

static void dump_port(struct dump *dump, const struct shm_signaling_layout *layout, uint32_t place,
	uint32_t slot, struct flow_totals *totals)
{
	struct flow_cfg cfg;
	if (slot >= dump->geometry.flows) {
		totals->bad++;
		return;
	}
	if (!read_at(dump, layout->cfg + (uint64_t)slot * sizeof(cfg), &cfg, sizeof(cfg))) {
		totals->unreadable++;
		return;
	}
	if (!flow_is_valid(
		    &cfg, place / SHM_PORTS, (uint16_t)(place % SHM_PORTS), dump->geometry.flows)) {
		totals->bad++;
		return;
	}
	totals->live++;
	if (dump->options.has_flows)
		print_flow(dump, &cfg);
}

static void dump_index(struct dump *dump, const struct shm_signaling_layout *layout)
{
	struct flow_totals totals = { 0 };
	uint32_t slots[1024];
	array_begin(dump, "flows");
	for (uint32_t place = 0; place < dump->geometry.addresses * SHM_PORTS; place += 1024) {
		if (!read_at(dump, layout->index + (uint64_t)place * sizeof(uint32_t), slots,
			    sizeof(slots))) {
			totals.unreadable += 1024;
			continue;
		}
		for (uint32_t i = 0; i < 1024; i++)
			if (slots[i] != SHM_FLOW_NONE)
				dump_port(dump, layout, place + i, slots[i], &totals);
	}
	array_end(dump);
	print_number(dump, "flows_live", totals.live, false);
	print_number(dump, "flows_bad", totals.bad, false);
	print_number(dump, "flows_unreadable", totals.unreadable, true);
}

static int dump_signaling(struct dump *dump)
{
	struct shm_signaling_layout layout;
	struct shm_signaling *file = malloc(sizeof(*file));
	if (!file)
		return -ENOMEM;
	if (!read_at(dump, 0, file, sizeof(*file))) {
		free(file);
		return -EPROTO;
	}
	uint32_t count = atomic_load(&file->address_count);
	print_number(dump, "epoch", atomic_load(&file->global_epoch), false);
	print_number(dump, "incarnation_next", atomic_load(&file->incarnation_next), false);
	print_number(dump, "address_count", count, false);
	array_begin(dump, "addresses");
	for (uint32_t i = 0; i < count && i < dump->geometry.addresses; i++)
		print_address(dump, i, &file->addresses[i]);
	array_end(dump);
	free(file);
	shm_signaling_layout(&dump->geometry, &layout);
	dump_index(dump, &layout);
	return 0;
}

static void print_state(struct dump *dump, uint32_t id, const struct flow_state *state)
{
	char source[ADDR_TEXT_MAX] = "none";
	struct flow_latch latch;
	if (flow_latch_read(state, &latch)) {
		struct addr addr = { .ip = latch.ip, .port = latch.port };
		addr_format(&addr, source);
	}
	array_next(dump);
	fprintf(dump->out,
		dump->options.is_json ? "{\"state\": %u, \"incarnation\": %llu, \"source\": "
					"\"%s\", \"packets\": %llu, "
					"\"forwarded\": %llu, \"last_ns\": %llu}"
				      : "  %u incarnation=%llu source=%s packets=%llu "
					"forwarded=%llu last_ns=%llu\n",
		id, shown(atomic_load(&state->incarnation)), source,
		shown(atomic_load(&state->packets)),
		shown(atomic_load(&state->forwarded)),
		shown(atomic_load(&state->last_ns)));
}

static void dump_states(struct dump *dump)
{
	struct shm_media_layout layout;
	struct flow_state state;
	uint64_t used = 0;
	uint64_t unreadable = 0;
	shm_media_layout(&dump->geometry, &layout);
	array_begin(dump, "states");
	for (uint32_t i = 0; i < dump->geometry.flows; i++) {
		if (!read_at(dump, layout.states + (uint64_t)i * sizeof(state), &state,
			    sizeof(state))) {
			unreadable = dump->geometry.flows - i;
			break;
		}
		if (atomic_load(&state.incarnation) == 0)
			continue;
		used++;
		if (dump->options.has_flows)
			print_state(dump, i, &state);
	}
	array_end(dump);
	print_number(dump, "states_touched", used, false);
	print_number(dump, "states_unreadable", unreadable, true);
}

static void dump_media(struct dump *dump)
{
	array_begin(dump, "online_lanes");
	for (uint32_t i = 0; i < SHM_LANE_MAX; i++) {
		struct epoch_slot slot;
		if (!read_at(dump, offsetof(struct shm_media, slots) + i * sizeof(slot), &slot,
			    sizeof(slot)))
			break; // dump_states() counts what is missing
		if (atomic_load(&slot.epoch) == EPOCH_OFFLINE)
			continue;
		array_next(dump);
		fprintf(dump->out,
			dump->options.is_json ? "{\"lane\": %u, \"epoch\": %llu, \"instance\": %u}"
					      : "  lane=%u epoch=%llu instance=%u\n",
			i, shown(atomic_load(&slot.epoch)),
			atomic_load(&slot.instance));
	}
	array_end(dump);
	dump_states(dump);
}

static int dump_file(struct dump *dump)
{
	struct stat st;
	if (fstat(dump->fd, &st) != 0)
		return -errno;
	dump->file_bytes = st.st_size > 0 ? (uint64_t)st.st_size : 0;
	if (!read_at(dump, 0, &dump->header, sizeof(dump->header)))
		return -EPROTO;
	uint64_t magic = dump->header.magic;
	if (magic != SHM_MAGIC_SIGNALING && magic != SHM_MAGIC_MEDIA)
		return -EPROTO;
	bool is_media = magic == SHM_MAGIC_MEDIA;
	print_header(dump, is_media ? "media" : "signaling");
	dump->geometry = dump->header.geometry;
	bool is_known = dump->header.abi == SHM_ABI && shm_geometry_is_valid(&dump->geometry);
	int err = is_known ? 0 : -EPROTO;
	if (is_known && is_media)
		dump_media(dump);
	else if (is_known)
		err = dump_signaling(dump);
	if (dump->options.is_json)
		fprintf(dump->out, "%s}\n", err ? "\"is_readable\": 0" : "");
	else if (err)
		fputs("the rest is not readable\n", dump->out);
	return err;
}

int shm_dump(const char *path, const struct shm_dump_options *options, FILE *out)
{
	struct dump dump = { .out = out, .options = *options };
	// Nor does a FIFO of that name stop us.
	dump.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (dump.fd < 0)
		return -errno;
	int err = dump_file(&dump);
	close(dump.fd);
	return err;
}
