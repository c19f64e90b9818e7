// record.c - what is kept of the calls after each turn, as a store outside the workers would keep
// it, and the calls that come back from it when a worker has died.
#include "sim.h"

#include "base/check.h"
#include "call/export.h"

#include <errno.h>

static struct record *record_of(struct sim *sim, uint64_t token)
{
	struct record *free = NULL;

	for (uint32_t i = 0; i < sim->record_count; i++) {
		struct record *record = &sim->records[i];

		if (record->token == token)
			return record;
		if (record->token == 0 && !free)
			free = record;
	}
	if (free)
		return free;
	CHECK(sim->record_count < SIM_RECORDS_MAX);
	free = &sim->records[sim->record_count];
	free->data = sim->record_data[sim->record_count++];
	return free;
}

void record_keep(struct sim *sim, uint32_t worker)
{
	struct core *core = sim->cores[worker];
	struct call_info info;
	uint32_t cursor = 0;

	for (uint32_t i = 0; i < sim->record_count; i++)
		sim->records[i].is_current &= sim->records[i].worker != worker;
	while (core_next_call(core, &cursor, &info)) {
		uint8_t buf[CALL_RECORD_MAX];
		struct record_out out = { .buf = buf };
		struct record *record = record_of(sim, info.token);
		int rc = core_export(core, &sim->envs[worker], info.token, &out);

		record->is_current |= rc == -EAGAIN && record->token;
		if (rc)
			continue;
		if (out.len > SIM_RECORD_MAX)
			sim_fail(sim, "record: %u bytes", out.len);
		record->is_current = true;
		record->token = info.token;
		record->worker = worker;
		record->len = out.len <= SIM_RECORD_MAX ? out.len : 0;
		memcpy(record->data, buf, record->len);
		if (out.len > sim->record_len_max)
			sim->record_len_max = out.len;
	}
	for (uint32_t i = 0; i < sim->record_count; i++)
		if (!sim->records[i].is_current)
			sim->records[i].token = 0;
}

static uint32_t moved_to(const struct sim *sim, uint64_t key, uint32_t worker)
{
	for (uint32_t i = sim->moved_count; i > 0; i--)
		if (sim->moved[i - 1].key == key)
			return sim->moved[i - 1].worker;
	return worker;
}

uint32_t record_worker_of(const struct sim *sim, struct span message, uint32_t worker)
{
	struct span call_id;

	if (sim->moved_count == 0 || !sip_scan_callid(message, &call_id))
		return worker;
	return moved_to(sim, core_call_key(&sim->keys, call_id), worker);
}

uint32_t record_worker_of_call(const struct sim *sim, const char *call_id)
{
	struct span text = span_str(call_id);

	return moved_to(sim, core_call_key(&sim->keys, text),
		sip_callid_shard(&sim->keys, text) % SIM_WORKERS);
}

void record_gone(struct sim *sim, uint32_t worker, uint64_t key)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < sim->moved_count; i++)
		if (sim->moved[i].key != key || sim->moved[i].worker != worker)
			sim->moved[kept++] = sim->moved[i];
	sim->moved_count = kept;
}

void record_moved(struct sim *sim, uint32_t worker, uint64_t token)
{
	uint64_t keys[2];

	CHECK(core_call_keys(sim->cores[worker], token, keys));
	for (uint32_t i = 0; i < 2; i++) {
		CHECK(sim->moved_count < SIM_MOVED_MAX);
		sim->moved[sim->moved_count++] = (struct moved){ .key = keys[i],
			.worker = worker };
	}
}

// Nothing of its dialog was under way, so that nothing was lost with the worker.
static bool is_at_rest(const struct ua *ua)
{
	return ua->is_confirmed && !ua->is_serving && !ua->repeat_ms && !ua->invite.is_active &&
		!ua->other.is_active && !flow_is_asking(ua);
}

// What goes on as if nothing had happened needs no excuse.
static void expect_again(struct sim *sim, uint32_t worker, uint64_t token)
{
	uint64_t keys[2];

	CHECK(core_call_keys(sim->cores[worker], token, keys));
	for (uint32_t i = 0; i < sim->ua_count; i++) {
		struct ua *ua = &sim->uas[i];
		uint64_t key = core_call_key(&sim->keys, span_str(ua->call_id));

		if ((key == keys[0] || key == keys[1]) && is_at_rest(ua))
			ua->is_excused = false;
	}
}

static void restore(struct sim *sim, struct record *record)
{
	uint32_t worker = record->worker;
	struct voice *voice = voice_of(sim, record->token);
	uint64_t token;

	if (sim_chance(sim, 300))
		worker = (worker + 1) % SIM_WORKERS;
	fault_record(sim, record);
	int rc = core_import(sim->cores[worker], &sim->envs[worker],
		span_make((const char *)record->data, record->len), &token);
	if (rc || token != record->token) {
		sim_fail(sim, "record: call %llx does not come back: %d",
			(unsigned long long)record->token, rc);
		return;
	}
	sim->calls_restored++;
	voice->is_moved |= worker != record->worker;
	voice->is_restored = true;
	voice->is_whole = !voice->is_moved;
	fprintf(sim->ladder, "%8llu call %llx goes on at worker %u\n",
		(unsigned long long)sim->now_ms, (unsigned long long)token, worker);
	record_moved(sim, worker, token);
	expect_again(sim, worker, token);
	cover(sim, worker == record->worker ? COVER_CALL_RESTORED : COVER_CALL_RESTORED_ELSEWHERE);
	record->worker = worker;
}

void record_restore(struct sim *sim, uint64_t dead)
{
	for (uint32_t i = 0; i < sim->record_count; i++)
		if (sim->records[i].token && dead >> sim->records[i].worker & 1)
			restore(sim, &sim->records[i]);
	for (uint32_t i = 0; i < SIM_WORKERS; i++)
		record_keep(sim, i);
}

// It goes where the named call should be, whether it still is or not, and all that follows it too,
// as worker_hand_over() does it; or back to who asked.
void record_hand_over(struct sim *sim, const struct sim_handover *asked)
{
	const struct outbox_handover *handover = &asked->handover;
	uint32_t to = moved_to(sim, handover->dialog, handover->shard % SIM_WORKERS);

	if (to != asked->worker) {
		CHECK(sim->moved_count < SIM_MOVED_MAX);
		sim->moved[sim->moved_count++] = (struct moved){ .key = handover->own,
			.worker = to };
		sim->calls_handed++;
	}
	struct core_message message = { .listener = handover->hop.listener,
		.source = handover->hop.addr, .connection = handover->hop.connection,
		.is_dialled = handover->hop.is_dialled, .peer_trunk = handover->hop.peer_trunk,
		.data = handover->data, .is_handed_over = to == asked->worker };
	struct sip_fault fault;

	world_turn(sim, to);
	CHECK(sip_parse(handover->data, &sim->msg, &fault) == 0);
	stress_before(sim, to);
	core_receive(sim->cores[to], &sim->envs[to], &message);
	stress_after(sim, to, &message.source);
	world_flush(sim, to);
	sim->is_refusing = false;
	record_keep(sim, to);
}

// Calls that lived at another worker when they were stored: their ports are orphans there.
static void note_moved(struct sim *sim, uint32_t worker)
{
	struct call_info info;
	uint32_t cursor = 0;

	while (core_next_call(sim->cores[worker], &cursor, &info)) {
		const struct record *record = record_of(sim, info.token);
		struct voice *voice = voice_of(sim, info.token);

		if (record->token != info.token || record->worker == worker)
			continue;
		voice->is_moved = true;
		voice->lost_ms = sim->now_ms;
		cover(sim, COVER_CALL_FETCHED);
	}
}

void record_fetch(struct sim *sim, uint32_t worker, const struct outbox_fetch *fetch)
{
	uint8_t buf[CALL_RECORD_MAX];
	struct record_out out = { .buf = buf };
	uint64_t keys[2];

	for (uint32_t i = 0; i < SIM_WORKERS; i++) {
		if (i == worker || out.len || !core_call_keys(sim->cores[i], fetch->name, keys))
			continue;
		world_turn(sim, i);
		if (core_move_out(sim->cores[i], &sim->envs[i], fetch->name, &out) < 0)
			out.len = 0;
		world_flush(sim, i);
		for (uint32_t k = 0; k < 2 && out.len; k++) {
			ledger_moved(sim, keys[k]);
			CHECK(sim->moved_count < SIM_MOVED_MAX);
			sim->moved[sim->moved_count++] = (struct moved){ .key = keys[k],
				.worker = worker };
		}
	}
	world_turn(sim, worker);
	core_fetched(sim->cores[worker], &sim->envs[worker], fetch->ticket,
		span_make((const char *)buf, out.len));
	sim->calls_fetched += out.len > 0;
	note_moved(sim, worker);
	for (uint32_t i = 0; i < SIM_WORKERS; i++)
		record_keep(sim, i);
}

void record_forget(struct sim *sim, uint64_t dead)
{
	for (uint32_t i = 0; i < sim->record_count; i++)
		if (dead >> sim->records[i].worker & 1)
			sim->records[i].token = 0;
}
