// stream.c - connections: in order and without loss while they live, and they break when they like.
//
// Whatever is under way when one breaks is lost with it, either way, and nobody is told; who speaks
// next finds it gone. A connection is named by the far end's address: user agents have one each.
#include "sim.h"

#include "base/check.h"

static struct wire *find_open(struct sim *sim, const struct addr *peer, sip_connection id)
{
	for (uint32_t i = sim->wire_count; i > 0; i--) {
		struct wire *wire = &sim->wires[i - 1];

		if (sim->now_ms < wire->break_ms &&
			(id ? wire->id == id : addr_eq(&wire->peer, peer)))
			return wire;
	}
	return NULL;
}

bool stream_is_open(const struct sim *sim, sip_connection id)
{
	return sim->now_ms < sim->wires[id - 1].break_ms;
}

static struct wire *open_wire(struct sim *sim, const struct addr *peer)
{
	CHECK(sim->wire_count < SIM_WIRES_MAX);
	struct wire *wire = &sim->wires[sim->wire_count++];

	*wire = (struct wire){ .id = sim->wire_count, .peer = *peer, .break_ms = UINT64_MAX };
	return wire;
}

// Who asks something by that connection may lose it, or an answer that nobody repeats.
static void excuse(struct sim *sim, const struct addr *peer)
{
	sim->is_rough = true;
	for (uint32_t i = 0; i < sim->ua_count; i++) {
		struct ua *ua = &sim->uas[i];

		if (!addr_eq(&ua->addr, peer))
			continue;
		ua->invite.is_excused |= ua->invite.is_active;
		ua->other.is_excused |= ua->other.is_active;
		ua->flow.client.is_excused |= ua->flow.client.is_active;
		for (uint32_t k = 0; k < ua->flow.early_count; k++)
			ua->flow.early[k].prack.is_excused |=
				ua->flow.early[k].prack.is_active;
	}
}

static void break_wire(struct sim *sim, struct wire *wire, uint64_t at_ms)
{
	char peer[ADDR_TEXT_MAX];

	addr_format(&wire->peer, peer);
	fprintf(sim->ladder, "%8llu connection %llu of %s breaks\n", (unsigned long long)at_ms,
		(unsigned long long)wire->id, peer);
	wire->break_ms = at_ms;
	cover(sim, COVER_CONNECTION_BROKEN);
	excuse(sim, &wire->peer);
}

void stream_break_all(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->wire_count; i++)
		if (stream_is_open(sim, sim->wires[i].id))
			break_wire(sim, &sim->wires[i], sim->now_ms);
}

static void carry(struct sim *sim, struct wire *wire, const struct packet *packet)
{
	network_carry(sim, wire, packet);
	if (sim_chance(sim, sim->break_permille))
		break_wire(sim, wire, sim->now_ms + sim_between(sim, 0, 2 * sim->delay_max_ms));
	else if (wire->break_ms != UINT64_MAX)
		excuse(sim, &wire->peer); // it will not live that long
}

void stream_from_ua(struct sim *sim, struct ua *ua, struct span data)
{
	struct wire *wire = find_open(sim, &ua->addr, 0);
	struct packet packet = { .from = ua->addr, .to = ua_muga(ua), .len = data.len,
		.data = (char *)(uintptr_t)data.ptr };

	carry(sim, wire ? wire : open_wire(sim, &ua->addr), &packet);
}

static void fail(struct sim *sim, uint32_t worker, uint64_t ticket, enum core_send_failure failure)
{
	fprintf(sim->ladder, "%8llu worker %u could not send\n", (unsigned long long)sim->now_ms,
		worker);
	if (ticket == 0)
		return;
	CHECK(sim->undelivered_count < SIM_UNDELIVERED_MAX);
	sim->undelivered[sim->undelivered_count++] =
		(struct undelivered){ .worker = worker, .ticket = ticket, .failure = failure };
}

void stream_from_core(struct sim *sim, uint32_t worker, const struct outbox_send *send,
	const struct addr *from)
{
	const struct sip_hop *hop = &send->hop;
	struct wire *wire = hop->connection ? find_open(sim, NULL, hop->connection) : NULL;
	struct packet packet = { .from = *from, .to = hop->addr, .len = send->data.len,
		.data = (char *)(uintptr_t)send->data.ptr };

	if (!wire && hop->is_bound) {
		fail(sim, worker, send->ticket, CORE_SEND_CLOSED);
		return;
	}
	if (!wire)
		wire = find_open(sim, &hop->addr, 0);
	if (!wire && sim_chance(sim, sim->refuse_permille)) {
		cover(sim, COVER_CONNECTION_REFUSED);
		excuse(sim, &hop->addr);
		fail(sim, worker, send->ticket, CORE_SEND_CONNECT_FAILED);
		return;
	}
	// What is written by a connection arrives at its far end, whatever the address says.
	if (!wire)
		wire = open_wire(sim, &hop->addr);
	packet.to = wire->peer;
	carry(sim, wire, &packet);
}

bool stream_take_failure(struct sim *sim, uint32_t worker, struct undelivered *out)
{
	for (uint32_t i = 0; i < sim->undelivered_count; i++) {
		if (sim->undelivered[i].worker != worker)
			continue;
		*out = sim->undelivered[i];
		sim->undelivered_count--;
		memmove(&sim->undelivered[i], &sim->undelivered[i + 1],
			(sim->undelivered_count - i) * sizeof(*out));
		return true;
	}
	return false;
}

// The network part dies with the worker: connections break, what failed is told to nobody.
void stream_lose_worker(struct sim *sim, uint32_t worker)
{
	struct undelivered lost;

	while (stream_take_failure(sim, worker, &lost)) {
	}
	stream_break_all(sim);
}
