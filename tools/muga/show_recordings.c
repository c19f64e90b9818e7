// show_recordings.c - muga show recordings: those that run, and what is known of those before.
// Read straight from the segment files, so it works while either process is dead.
#include "cli.h"

#include "muga/segment.h"
#include "muga/table.h"
#include "muga/units.h"
#include "shm/recording.h"

#include <stdio.h>
#include <string.h>

struct row {
	uint64_t call;
	bool is_ordered, is_decrypted;
	uint32_t status, error;
	uint64_t packets, octets, lost;
	char path[RECORDING_PATH_MAX];
};

static uint64_t word(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static void read_state(const struct shm_recording_state *state, struct row *row)
{
	row->call = state->call_token;
	row->is_decrypted = state->flags & RECORDING_DECRYPTED;
	row->status = atomic_load_explicit(&state->status, memory_order_acquire);
	row->error = atomic_load_explicit(&state->error, memory_order_relaxed);
	row->packets = word(&state->packets);
	row->octets = word(&state->octets);
	row->lost = word(&state->lost_lane) + word(&state->lost_file);
	memcpy(row->path, state->path, sizeof(row->path));
	row->path[sizeof(row->path) - 1] = '\0';
	for (char *c = row->path; *c; c++) // the file is not to be trusted
		if (*c < ' ' || *c > '~')
			*c = '?';
}

// False: the slot was never used.
static bool read_slot(const struct segment *segment, uint32_t slot, struct row *row)
{
	struct recording_order order;
	uint64_t serial = recording_read(&segment->signaling, slot, &order);
	const struct shm_recording_state *state =
		segment->has_media ? &shm_recording_states(&segment->media)[slot] : NULL;
	uint64_t seen = state ? atomic_load_explicit(&state->serial, memory_order_acquire) : 0;

	*row = (struct row){ .is_ordered = serial != 0 };
	if (serial != 0 && serial != seen) {
		row->call = order.call_token;
		row->is_decrypted = order.flags & RECORDING_DECRYPTED;
		return true;
	}
	if (seen == 0)
		return false;
	read_state(state, row);
	return true;
}

static const char *status_name(uint32_t status)
{
	static const char *const names[] = { "waiting", "running", "done", "failed" };

	return status < sizeof(names) / sizeof(names[0]) ? names[status] : "?";
}

static const char *reason_of(const struct row *row)
{
	if (row->status != RECORDING_FAILED)
		return "";
	return row->error == 0 ? "file_max is reached" : strerror((int)row->error);
}

static void print_text(const struct segment *segment)
{
	struct table *table =
		table_new("CALL|STATE|MEDIA|>PACKETS|>BYTES|>LOST|FILE|REASON");
	struct row row;
	char buf[UNITS_MAX];

	for (uint32_t slot = 0; table && slot < SHM_RECORDINGS_MAX; slot++) {
		if (!read_slot(segment, slot, &row))
			continue;
		table_add(table, "%016llx", (unsigned long long)row.call);
		table_add(table, "%s", status_name(row.status));
		table_add(table, "%s", row.is_decrypted ? "decrypted" : "as it came");
		table_add(table, "%s", units_count(row.packets, buf));
		table_add(table, "%s", units_count(row.octets, buf));
		table_add(table, "%s", units_count(row.lost, buf));
		table_add(table, "%s", row.path[0] ? row.path : "-");
		table_add(table, "%s", row.status == RECORDING_FAILED ? reason_of(&row) : "-");
	}
	table_print(table, "no recordings", stdout);
	table_free(table);
}

static json_t *row_json(const struct row *row)
{
	char token[24];

	snprintf(token, sizeof(token), "%016llx", (unsigned long long)row->call);
	return json_pack("{s:s, s:s, s:b, s:b, s:I, s:I, s:I, s:s, s:s}", "call", token, "state",
		status_name(row->status), "is_ordered", row->is_ordered, "is_decrypted",
		row->is_decrypted, "packets", (json_int_t)row->packets, "octets",
		(json_int_t)row->octets, "lost", (json_int_t)row->lost, "file", row->path,
		"reason", reason_of(row));
}

static int print_json(const struct segment *segment)
{
	json_t *rows = json_array();
	struct row row;

	for (uint32_t slot = 0; slot < SHM_RECORDINGS_MAX; slot++)
		if (read_slot(segment, slot, &row))
			json_array_append_new(rows, row_json(&row));
	return cli_print_json(json_pack("{s:o}", "recordings", rows));
}

int show_recordings_run(const struct cli *cli)
{
	struct segment segment;
	int rc = segment_open(cli->shm_dir, &segment);

	if (rc != CLI_OK)
		return rc;
	if (cli->is_json)
		rc = print_json(&segment);
	else
		print_text(&segment);
	segment_close(&segment);
	return rc;
}
