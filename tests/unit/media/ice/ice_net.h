// ice_net.h - two ICE agents, the NATs in front of them and a lossy network between, by a false
// clock and from a seed.
//
// Invariants it holds all the time: no answer is longer than its request; an agent that ran has
// nothing due now; what is not authentic leaves every byte of an agent as it was.
#pragma once

#include "base/rng.h"
#include "ice/ice_private.h"
#include "unit/unit.h"

#define NET_PACKETS  512u
#define NET_MAPPINGS 64u
#define NET_START_MS 1000u

enum nat_kind {
	NAT_NONE,
	NAT_CONE,	// one public port per own port, for whom we have written to (RFC 4787)
	NAT_SYMMETRIC, // another public port for each far end
};

struct nat_mapping {
	struct addr own, far; // far.port 0 = any (cone)
	struct addr seen[16]; // whom we have written to
	uint32_t seen_count;
	uint16_t port; // public
};

struct net_node {
	struct ice_agent *agent;
	struct ice_env env;
	struct ice_counters counters;
	enum nat_kind nat;
	struct ip public_ip;
	struct nat_mapping mappings[NET_MAPPINGS];
	uint32_t mapping_count;
	uint32_t request_len; // of what is just received, limit of the answer
	uint32_t requests_sent;
	uint32_t events;
};

struct net_packet {
	uint64_t at_ms;
	struct addr from, to;
	uint32_t len;
	uint8_t data[STUN_MESSAGE_MAX];
};

struct net {
	struct rng rng;
	uint64_t now_ms;
	uint32_t loss_percent, mutate_percent;
	bool is_cut;
	struct net_node nodes[2];
	struct net_packet packets[NET_PACKETS];
	uint32_t packet_count;
};

static struct net net;

static inline struct addr net_addr(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(span_str(text), 0, &addr), 0);
	return addr;
}

static inline void net_random(void *context, void *out, uint32_t len)
{
	uint8_t *p = out;
	(void)context;
	for (uint32_t i = 0; i < len; i++)
		p[i] = (uint8_t)rng_u64(&net.rng);
}

// The mapping for what `node` sends from `own` to `far`.
static inline struct nat_mapping *nat_out(
	struct net_node *node, const struct addr *own, const struct addr *far)
{
	bool is_symmetric = node->nat == NAT_SYMMETRIC;
	struct nat_mapping *mapping = NULL;

	for (uint32_t i = 0; i < node->mapping_count && !mapping; i++)
		if (addr_eq(&node->mappings[i].own, own) &&
			(!is_symmetric || addr_eq(&node->mappings[i].far, far)))
			mapping = &node->mappings[i];
	if (!mapping) {
		assert_true(node->mapping_count < NET_MAPPINGS);
		mapping = &node->mappings[node->mapping_count];
		*mapping = (struct nat_mapping){ .own = *own, .far = *far,
			.port = (uint16_t)(50000 + node->mapping_count) };
		node->mapping_count++;
	}
	for (uint32_t i = 0; i < mapping->seen_count; i++)
		if (addr_eq(&mapping->seen[i], far))
			return mapping;
	assert_true(mapping->seen_count < COUNT_OF(mapping->seen));
	mapping->seen[mapping->seen_count++] = *far;
	return mapping;
}

static inline void net_send(
	void *context, uint32_t local, const struct addr *to, struct span data)
{
	struct net_node *node = context;
	struct net_packet *packet = &net.packets[net.packet_count];
	enum stun_class class = stun_class_of((const uint8_t *)data.ptr);

	assert_true(net.packet_count < NET_PACKETS);
	if (class == STUN_REQUEST)
		node->requests_sent++;
	else
		assert_true(data.len <= node->request_len);
	packet->from = node->agent->locals[local].addr;
	if (node->nat != NAT_NONE) {
		packet->from.port = nat_out(node, &packet->from, to)->port;
		packet->from.ip = node->public_ip;
	}
	packet->to = *to;
	packet->at_ms = net.now_ms + 10 + rng_below(&net.rng, 30);
	packet->len = data.len;
	memcpy(packet->data, data.ptr, data.len);
	if (!net.is_cut && rng_below(&net.rng, 100) >= net.loss_percent)
		net.packet_count++;
}

// Where a packet for that public address comes out behind the NAT. False: the NAT drops it.
static inline bool nat_in(struct net_node *node, const struct net_packet *packet, struct addr *own)
{
	*own = packet->to;
	if (node->nat == NAT_NONE)
		return true;
	if (!ip_eq(&packet->to.ip, &node->public_ip))
		return false;
	for (uint32_t i = 0; i < node->mapping_count; i++) {
		struct nat_mapping *mapping = &node->mappings[i];

		if (mapping->port != packet->to.port)
			continue;
		for (uint32_t s = 0; s < mapping->seen_count; s++)
			if (addr_eq(&mapping->seen[s], &packet->from)) {
				*own = mapping->own;
				return true;
			}
	}
	return false;
}

// A copy with a few bits changed must not change a byte.
static inline void net_mutate(
	struct net_node *node, uint32_t local, const struct net_packet *packet)
{
	static struct ice_agent before;
	uint8_t data[STUN_MESSAGE_MAX];
	struct addr elsewhere = net_addr("203.0.113.66:6666");

	if (rng_below(&net.rng, 100) >= net.mutate_percent)
		return;
	memcpy(data, packet->data, packet->len);
	// FINGERPRINT is no proof of anything: made anew, so that integrity must tell.
	uint32_t bytes = packet->len - 8;
	data[20 + rng_below(&net.rng, bytes - 20)] ^= (uint8_t)(1u << rng_below(&net.rng, 8));
	rtp_store32(data + bytes + 4, stun_crc32(data, bytes) ^ 0x5354554eu);
	before = *node->agent;
	node->request_len = packet->len;
	bool is_taken = ice_agent_receive(node->agent, local, &elsewhere,
		span_make((const char *)data, packet->len), net.now_ms);
	assert_false(is_taken);
	assert_memory_equal(&before, node->agent, sizeof(before));
}

static inline void net_deliver(const struct net_packet *packet)
{
	for (uint32_t n = 0; n < 2; n++) {
		struct net_node *node = &net.nodes[n];
		struct addr own;

		if (!nat_in(node, packet, &own))
			continue;
		for (uint32_t i = 0; i < node->agent->local_count; i++) {
			if (!addr_eq(&node->agent->locals[i].addr, &own))
				continue;
			net_mutate(node, i, packet);
			node->request_len = packet->len;
			ice_agent_receive(node->agent, i, &packet->from,
				span_make((const char *)packet->data, packet->len), net.now_ms);
			node->request_len = 0;
			return;
		}
	}
}

static inline void net_agents_run(void)
{
	for (uint32_t n = 0; n < 2; n++) {
		struct net_node *node = &net.nodes[n];

		ice_agent_run(node->agent, net.now_ms);
		node->events |= ice_agent_take_events(node->agent);
		assert_true(ice_agent_next(node->agent) > net.now_ms);
	}
}

static inline uint64_t net_next(uint32_t *packet)
{
	uint64_t next = UINT64_MAX;

	*packet = NET_PACKETS;
	for (uint32_t i = 0; i < net.packet_count; i++)
		if (net.packets[i].at_ms < next) {
			next = net.packets[i].at_ms;
			*packet = i;
		}
	for (uint32_t n = 0; n < 2; n++)
		if (ice_agent_next(net.nodes[n].agent) < next) {
			next = ice_agent_next(net.nodes[n].agent);
			*packet = NET_PACKETS;
		}
	return next;
}

// Until that time, or until both have what they need.
static inline void net_run(uint64_t for_ms, bool is_until_completed)
{
	uint64_t end_ms = net.now_ms + for_ms;

	net_agents_run();
	for (;;) {
		uint32_t which;
		uint64_t next = net_next(&which);

		if (is_until_completed &&
			ice_agent_state(net.nodes[0].agent) == ICE_STATE_COMPLETED &&
			ice_agent_state(net.nodes[1].agent) == ICE_STATE_COMPLETED)
			return;
		if (next > end_ms)
			break;
		net.now_ms = next > net.now_ms ? next : net.now_ms;
		if (which < NET_PACKETS) {
			struct net_packet packet = net.packets[which];
			net.packets[which] = net.packets[--net.packet_count];
			net_deliver(&packet);
		}
		net_agents_run();
	}
	net.now_ms = end_ms;
}

static inline struct ice_credentials net_credentials(uint32_t node, char generation)
{
	char ufrag[] = "ufrag-A", pwd[] = "aPasswordOfTwentyTwoChars";
	struct ice_credentials credentials = { 0 };

	ufrag[5] = (char)('0' + node);
	ufrag[6] = generation;
	pwd[0] = (char)('a' + node);
	pwd[1] = generation;
	assert_int_equal(ice_credentials_set(&credentials, span_str(ufrag), span_str(pwd)), 0);
	return credentials;
}

static inline void net_init(uint64_t seed)
{
	for (uint32_t n = 0; n < 2; n++)
		ice_agent_free(net.nodes[n].agent);
	memset(&net, 0, sizeof(net));
	rng_init(&net.rng, seed);
	net.now_ms = NET_START_MS;
	for (uint32_t n = 0; n < 2; n++) {
		struct net_node *node = &net.nodes[n];

		node->agent = ice_agent_new();
		assert_non_null(node->agent);
		node->env = (struct ice_env){ .context = node, .send = net_send,
			.random = net_random, .counters = &node->counters };
		node->public_ip = ip_from_v4(0xcb007101 + n);
	}
}

static inline void net_fini(void)
{
	for (uint32_t n = 0; n < 2; n++)
		ice_agent_free(net.nodes[n].agent);
	memset(&net, 0, sizeof(net));
}

static inline void net_agent(uint32_t n, bool is_lite, bool is_controlling, uint32_t components)
{
	struct ice_credentials own = net_credentials(n, 'A');

	ice_agent_init(net.nodes[n].agent,
		&(struct ice_params){ .env = &net.nodes[n].env, .is_lite = is_lite,
			.is_controlling = is_controlling, .components = components, .own = &own },
		net.now_ms);
}

// Own addresses of a node are 10.N.0.X behind a NAT, 198.51.100.(N * 100 + X) else.
static inline void net_locals(uint32_t n, uint32_t count, uint32_t components)
{
	struct net_node *node = &net.nodes[n];

	for (uint32_t i = 0; i < count; i++)
		for (uint32_t c = 1; c <= components; c++) {
			struct ice_candidate candidate = {
				.priority = ice_priority(
					ICE_TYPE_HOST, (uint16_t)(65535 - i), c),
				.foundation = i + 1, .component = (uint8_t)c };

			candidate.addr.ip = ip_from_v4(node->nat ?
					0x0a000001 + (n << 16) + i : 0xc6336401 + n * 100 + i);
			candidate.addr.port = (uint16_t)(20000 + c - 1);
			assert_int_equal(ice_agent_add_local(node->agent, &candidate), 0);
		}
}

// What node `n` would signal: its addresses and, behind a cone, the public ones.
static inline void net_signal_candidates(uint32_t n)
{
	struct net_node *node = &net.nodes[n];
	struct ice_agent *to = net.nodes[1 - n].agent;

	for (uint32_t i = 0; i < node->agent->local_count; i++) {
		struct ice_candidate candidate = node->agent->locals[i];
		struct addr server = net_addr("192.0.2.250:3478");

		ice_agent_add_remote(to, &candidate);
		if (node->nat == NAT_NONE)
			continue;
		candidate.addr.port = nat_out(node, &candidate.addr, &server)->port;
		candidate.addr.ip = node->public_ip;
		candidate.type = ICE_TYPE_SRFLX;
		candidate.priority =
			ice_priority(ICE_TYPE_SRFLX, (uint16_t)(65535 - i), candidate.component);
		candidate.foundation += 100;
		ice_agent_add_remote(to, &candidate);
	}
}

static inline void net_signal_credentials(uint32_t n, char generation)
{
	struct ice_credentials credentials = net_credentials(n, generation);

	ice_agent_set_remote(net.nodes[1 - n].agent, &credentials, net.nodes[n].agent->is_lite,
		net.now_ms);
}

// Both know all of the other.
static inline void net_signal(char generation)
{
	for (uint32_t n = 0; n < 2; n++) {
		net_signal_credentials(n, generation);
		net_signal_candidates(n);
	}
}

// A media packet of `n` on that component: the own candidate of the other where it comes out, or
// ICE_LOCALS_MAX; *from is what the other sees.
static inline uint32_t net_media(uint32_t n, uint32_t component, struct addr *from)
{
	struct net_node *node = &net.nodes[n], *far = &net.nodes[1 - n];
	struct net_packet packet = { 0 };
	struct addr own;
	uint32_t local;

	if (!ice_agent_selected(node->agent, component, &local, &packet.to))
		return ICE_LOCALS_MAX;
	packet.from = node->agent->locals[local].addr;
	if (node->nat != NAT_NONE) {
		packet.from.port = nat_out(node, &packet.from, &packet.to)->port;
		packet.from.ip = node->public_ip;
	}
	*from = packet.from;
	for (uint32_t i = 0; nat_in(far, &packet, &own) && i < far->agent->local_count; i++)
		if (addr_eq(&far->agent->locals[i].addr, &own))
			return i;
	return ICE_LOCALS_MAX;
}

// Media crosses both ways on each component, by the same pair.
static inline void net_assert_media(uint32_t components)
{
	for (uint32_t n = 0; n < 2; n++)
		for (uint32_t c = 1; c <= components; c++) {
			struct addr from, expected;
			uint32_t local, at = net_media(n, c, &from);

			assert_true(at < ICE_LOCALS_MAX);
			assert_true(ice_agent_selected(
				net.nodes[1 - n].agent, c, &local, &expected));
			assert_int_equal(local, at);
			assert_true(addr_eq(&from, &expected));
			assert_true(ice_agent_is_validated(net.nodes[1 - n].agent, at, &from));
		}
}
