// network.c - packets on their way: a heap by due time; loses, doubles and reorders by the seed.
#include "sim.h"

#include "base/check.h"

#include <stdlib.h>

static bool is_before(const struct packet *a, const struct packet *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void push(struct sim *sim, const struct packet *packet)
{
	CHECK(sim->packets < SIM_PACKETS_MAX);
	uint32_t at = sim->packets++;

	while (at > 0 && is_before(packet, &sim->heap[(at - 1) / 2])) {
		sim->heap[at] = sim->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	sim->heap[at] = *packet;
}

static struct packet pop(struct sim *sim)
{
	struct packet top = sim->heap[0];
	struct packet last = sim->heap[--sim->packets];
	uint32_t at = 0;

	for (;;) {
		uint32_t child = at * 2 + 1;

		if (child >= sim->packets)
			break;
		if (child + 1 < sim->packets &&
			is_before(&sim->heap[child + 1], &sim->heap[child]))
			child++;
		if (!is_before(&sim->heap[child], &last))
			break;
		sim->heap[at] = sim->heap[child];
		at = child;
	}
	sim->heap[at] = last;
	return top;
}

static void enqueue(struct sim *sim, const struct addr *from, const struct addr *to,
	struct span data)
{
	struct packet packet = { .due_ms = sim->now_ms + 1 + rng_below(&sim->rng,
		sim->delay_max_ms),
		.order = sim->order++, .from = *from, .to = *to, .len = data.len };

	packet.data = malloc(data.len + 1);
	CHECK(packet.data);
	memcpy(packet.data, data.ptr, data.len);
	packet.data[data.len] = 0;
	push(sim, &packet);
}

// What follows a name on its line; empty: no such line.
static struct span value_of(struct span data, const char *name)
{
	const char *at = memmem(data.ptr, data.len, name, strlen(name));

	if (!at)
		return SPAN_NONE;
	uint32_t begin = (uint32_t)(at - data.ptr) + (uint32_t)strlen(name);
	int32_t end = span_find(data, '\r', begin);
	return span_sub(data, begin, end < 0 ? data.len - begin : (uint32_t)end - begin);
}

// One rung: the user agent stands on the left with its arrow, whose dialog it is on the right.
static void note(struct sim *sim, const struct addr *from, const struct addr *to, struct span data,
	const char *fate)
{
	char peer[ADDR_TEXT_MAX];
	bool is_ours = world_is_ours(from);
	struct span cseq = value_of(data, "\r\nCSeq: ");
	struct span call_id = value_of(data, "\r\nCall-ID: ");
	int32_t end = span_find(data, ' ', span_starts(data, SPAN_LIT("SIP/2.0 ")) ? 8 : 0);
	uint32_t skip = span_starts(data, SPAN_LIT("SIP/2.0 ")) ? 8 : 0;

	addr_format(is_ours ? to : from, peer);
	fprintf(sim->ladder, "%8llu %-20s %s %s%-8.*s %-14.*s %.10s\n",
		(unsigned long long)sim->now_ms, peer, is_ours ? "<-" : "->", fate,
		end < 0 ? 0 : end - (int)skip, data.ptr + skip, SPAN_ARG(cseq),
		call_id.len ? call_id.ptr : "");
	if (sim->is_verbose)
		fprintf(sim->ladder, "%.*s\n", (int)data.len, data.ptr);
}

void network_send(struct sim *sim, const struct addr *from, const struct addr *to, struct span data)
{
	if (sim_chance(sim, sim->loss_permille)) {
		note(sim, from, to, data, "(lost) ");
		return;
	}
	note(sim, from, to, data, "");
	enqueue(sim, from, to, data);
	if (sim_chance(sim, sim->duplicate_permille))
		enqueue(sim, from, to, data);
}

void network_carry(struct sim *sim, struct wire *wire, const struct packet *packet)
{
	struct packet copy = *packet;
	uint64_t due_ms = sim->now_ms + 1 + rng_below(&sim->rng, sim->delay_max_ms);

	note(sim, &packet->from, &packet->to, span_make(packet->data, packet->len), "(tcp) ");
	copy.due_ms = due_ms > wire->last_ms ? due_ms : wire->last_ms;
	copy.order = sim->order++;
	copy.wire = wire->id;
	copy.data = malloc(packet->len + 1);
	CHECK(copy.data);
	memcpy(copy.data, packet->data, packet->len);
	copy.data[packet->len] = 0;
	wire->last_ms = copy.due_ms;
	push(sim, &copy);
}

uint64_t network_next_ms(const struct sim *sim)
{
	return sim->packets ? sim->heap[0].due_ms : UINT64_MAX;
}

// A copy with flipped bytes from a neighbour of the sender, so that its answers reach nobody.
static void mutate(struct sim *sim, const struct packet *packet)
{
	struct addr from = packet->from;
	char copy[SIM_TEXT_MAX * 2];
	uint32_t len = packet->len < sizeof(copy) ? packet->len : sizeof(copy);

	if (sim->mutants == 0 || len == 0 || !world_is_ours(&packet->to) ||
		!sim_chance(sim, 100))
		return;
	// A damaged boundary makes one part of two, and what is opaque rightly crosses with all
	// that is in it: the check of names would blame us. tests/fuzz damages these.
	if (memmem(packet->data, packet->len, "multipart/", 10))
		return;
	sim->mutants--;
	sim->is_rough = true; // it names the dialog, and may be believed to come from its far end
	memcpy(copy, packet->data, len);
	for (uint32_t i = 1 + rng_below(&sim->rng, 4); i > 0; i--)
		copy[rng_below(&sim->rng, len)] = (char)rng_below(&sim->rng, 256);
	// Answers copy what they answer, and it happens that a name becomes another side's.
	if (!check_is_hidden(world_side(&from), span_make(copy, len)))
		return;
	from.ip.b[15] = 250;
	enqueue(sim, &from, &packet->to, span_make(copy, len));
}

void network_deliver(struct sim *sim)
{
	while (sim->packets && sim->heap[0].due_ms <= sim->now_ms) {
		struct packet packet = pop(sim);

		if (packet.wire && !stream_is_open(sim, packet.wire)) {
			free(packet.data);
			continue;
		}
		if (!packet.wire)
			mutate(sim, &packet);
		if (world_is_ours(&packet.to))
			world_receive(sim, &packet);
		else
			ua_receive(sim, &packet);
		free(packet.data);
	}
}

void network_close(struct sim *sim)
{
	while (sim->packets)
		free(sim->heap[--sim->packets].data);
}
