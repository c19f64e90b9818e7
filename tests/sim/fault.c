// fault.c - sim --break NAME: faults of a broken border controller, put in between its outbox and
// the network. Each must be found, by the check that is there for it; else the check is worth
// nothing.
#include "sim.h"

#include "base/check.h"
#include "call/trunk.h"

#include <stdlib.h>

// Only on what is sent for the first time: so a fault is one fault.
typedef bool (*fault_send_fn)(struct sim *sim, const struct addr *from, const struct addr *to,
	struct span data);

struct fault {
	const char *name;
	const char *expected;  // how the failure's text begins
	fault_send_fn send;    // true: it has dealt with the message; NULL: not of messages
	const char *follows;   // in the text of what may come of it, found first at times; or NULL
};

static void put_out(struct sim *sim, const struct addr *from, const struct addr *to,
	const char *text)
{
	sim->is_broken = true;
	check_sent(sim, from, to, span_str(text));
	network_send(sim, from, to, span_str(text));
}

// The message with `find` replaced once, in a buffer that lasts until the next call.
static char *altered(struct span data, const char *find, const char *with)
{
	static char text[2 * SIM_TEXT_MAX];
	const char *at = memmem(data.ptr, data.len, find, strlen(find));

	CHECK(at && data.len + strlen(with) < sizeof(text));
	size_t before = (size_t)(at - data.ptr);
	size_t after = before + strlen(find);
	memcpy(text, data.ptr, before);
	memcpy(text + before, with, strlen(with));
	memcpy(text + before + strlen(with), data.ptr + after, data.len - after);
	text[data.len - strlen(find) + strlen(with)] = '\0';
	return text;
}

static bool is_invite_final(struct span data, const char *status)
{
	return span_starts(data, span_str(status)) &&
		memmem(data.ptr, data.len, " INVITE\r\n", 9) != NULL;
}

static bool send_double_final(struct sim *sim, const struct addr *from, const struct addr *to,
	struct span data)
{
	if (!is_invite_final(data, "SIP/2.0 200"))
		return false;
	put_out(sim, from, to, altered(data, "SIP/2.0 200", "SIP/2.0 200"));
	put_out(sim, from, to, altered(data, "SIP/2.0 200", "SIP/2.0 486"));
	return true;
}

static bool send_no_final(struct sim *sim, const struct addr *from, const struct addr *to,
	struct span data)
{
	(void)from, (void)to;
	if (!is_invite_final(data, "SIP/2.0 4"))
		return false;
	return sim->is_broken = true;
}

static bool send_low_cseq(struct sim *sim, const struct addr *from, const struct addr *to,
	struct span data)
{
	char line[32];
	const char *at = memmem(data.ptr, data.len, "CSeq: ", 6);

	// In the dialogs that we opened: there the INVITE had a number already. Those of callers
	// have a Call-ID with their host in it.
	if (!span_starts(data, SPAN_LIT("BYE ")) || !at || atoi(at + 6) < 2 ||
		memmem(data.ptr, data.len, ".example\r\nCSeq", 14))
		return false;
	snprintf(line, sizeof(line), "CSeq: %u ", atoi(at + 6));
	put_out(sim, from, to, altered(data, line, "CSeq: 1 "));
	return true;
}

static bool send_far_tag(struct sim *sim, const struct addr *from, const struct addr *to,
	struct span data)
{
	char line[128];
	const struct ua *ua = &sim->uas[0];

	if (!span_starts(data, SPAN_LIT("INVITE ")) || ua->side == world_side(to))
		return false;
	snprintf(line, sizeof(line), "\r\nIn-Reply-To: %s\r\n", ua->local_tag);
	put_out(sim, from, to, altered(data, "\r\n", line));
	return true;
}

static bool send_own_tag(struct sim *sim, const struct addr *from, const struct addr *to,
	struct span data)
{
	const char *tag = memmem(data.ptr, data.len, ";tag=", 5);
	enum sim_side side = world_side(to);
	char old[64];

	if (!tag)
		return false;
	snprintf(old, sizeof(old), "%.*s", 29, tag);
	if (span_starts(data, SPAN_LIT("INVITE ")) && !sim->fault_tag[0]) {
		snprintf(sim->fault_tag, sizeof(sim->fault_tag), "%s", old);
		sim->fault_side = side;
	} else if (span_starts(data, SPAN_LIT("INVITE ")) && side != sim->fault_side) {
		put_out(sim, from, to, altered(data, old, sim->fault_tag));
		return true;
	}
	return false;
}

static bool send_no_ack(struct sim *sim, const struct addr *from, const struct addr *to,
	struct span data)
{
	(void)from, (void)to;
	if (!span_starts(data, SPAN_LIT("ACK ")) && !span_starts(data, SPAN_LIT("BYE ")))
		return false;
	return sim->is_broken = true;
}

static bool send_elsewhere(struct sim *sim, const struct addr *from, const struct addr *to,
	struct span data)
{
	struct addr wrong = *to;

	wrong.ip.b[15] ^= 0x60;
	if (!span_starts(data, SPAN_LIT("BYE ")))
		return false;
	sim->is_broken = true;
	check_sent(sim, from, &wrong, data);
	return true;
}

static bool send_invite_elsewhere(struct sim *sim, const struct addr *from, const struct addr *to,
	struct span data)
{
	struct addr wrong = *to;

	wrong.port++;
	if (!span_starts(data, SPAN_LIT("INVITE ")))
		return false;
	sim->is_broken = true;
	check_sent(sim, from, &wrong, data);
	return true;
}

static bool send_line_changed(struct sim *sim, const struct addr *from, const struct addr *to,
	struct span data)
{
	if (!is_invite_final(data, "SIP/2.0 200") || !memmem(data.ptr, data.len, "m=audio ", 8))
		return false;
	put_out(sim, from, to, altered(data, "m=audio ", "m=video "));
	return true;
}

// Of the same length, since the part's length counts.
static bool send_part_leaked(struct sim *sim, const struct addr *from, const struct addr *to,
	struct span data)
{
	static const char listed[] = "application/isup\r\nContent-D";

	if (!memmem(data.ptr, data.len, listed, sizeof(listed) - 1) ||
		!memmem(data.ptr, data.len, "multipart/mixed;", 16))
		return false;
	put_out(sim, from, to, altered(data, listed, "text/plain; a=bc\r\nContent-D"));
	return true;
}

static const struct fault faults[] = {
	{ "double-final", "final: 486 after 200", send_double_final, NULL },
	{ "no-final", "final: none", send_no_final, NULL },
	{ "low-cseq", "CSeq: BYE 1 after", send_low_cseq, NULL },
	{ "far-tag", "hidden: side", send_far_tag, NULL },
	{ "own-tag", "hidden: identifier", send_own_tag, NULL },
	// Whose 200 got no ACK gets no BYE either.
	{ "no-ack", "200: ", send_no_ack, "is over and was never told" },
	{ "elsewhere", "target: BYE", send_elsewhere, NULL },
	{ "invite-elsewhere", "target: INVITE", send_invite_elsewhere, NULL },
	{ "line-changed", "answer: line", send_line_changed, NULL },
	{ "part-leaked", "body: a part", send_part_leaked, NULL },
	{ "flow-kept", "flow: port", NULL, NULL },
	{ "flow-gone", "flow: ", NULL, NULL },
	{ "orphan-kept", "flow: port", NULL, NULL },
	{ "silence-kept", "silence: call", NULL, NULL },
	{ "trunk-kept", "left: trunk", NULL, NULL },
	{ "stream-repeated", "stream: repeated", NULL, NULL }, // in world.c
	{ "port-kept", "left: worker", NULL, NULL },
};

#define FAULTS (sizeof(faults) / sizeof(faults[0]))

int fault_find(const char *name)
{
	for (uint32_t i = 0; i < FAULTS; i++)
		if (strcmp(faults[i].name, name) == 0)
			return (int)i;
	return -1;
}

const char *fault_name(uint32_t fault)
{
	return fault < FAULTS ? faults[fault].name : NULL;
}

bool fault_is_found(int fault, const char *failure)
{
	const struct fault *f = &faults[fault];

	return strncmp(failure, f->expected, strlen(f->expected)) == 0 ||
		(f->follows && strstr(failure, f->follows));
}

bool fault_is(const struct sim *sim, const char *name)
{
	return sim->fault >= 0 && strcmp(faults[sim->fault].name, name) == 0;
}

bool fault_send(struct sim *sim, const struct addr *from, const struct addr *to, struct span data)
{
	if (sim->fault < 0 || !faults[sim->fault].send)
		return false;
	return faults[sim->fault].send(sim, from, to, data);
}

// A record and its ports that nobody will ever retire.
static void keep_flow(struct sim *sim, uint32_t worker, uint64_t token, bool is_published)
{
	struct flow_pair pair;
	struct flow_cfg cfg = { .probation_packets = 1, .call_token = token };

	if (flow_pair_reserve(sim->envs[worker].flows, SIM_ACCESS, -1, &pair) < 0)
		return;
	if (is_published)
		CHECK(flow_publish(sim->envs[worker].flows, &pair, 0, &cfg) == 0);
	sim->is_broken = true;
}

void fault_call_ended(struct sim *sim, uint32_t worker, const struct call_summary *summary)
{
	if (sim->is_broken)
		return;
	if (fault_is(sim, "flow-kept") || fault_is(sim, "port-kept"))
		keep_flow(sim, worker, summary->info.token, fault_is(sim, "flow-kept"));
	if (fault_is(sim, "trunk-kept"))
		sim->is_broken = trunk_take(sim->trunk_table,
			trunk_slot(sim->trunk_table, SPAN_LIT("core")), 0);
}

// Takes the first flow of a call in progress away from under it.
void fault_run(struct sim *sim)
{
	struct call_info info;
	uint32_t cursor = 0;

	if (!fault_is(sim, "flow-gone") || sim->is_broken)
		return;
	while (core_next_call(sim->cores[0], &cursor, &info)) {
		const struct addr *local = &info.legs[CALL_LEG_A].local_media;

		if (info.state != CALL_STATE_CONNECTED || ip_is_unset(&local->ip))
			continue;
		atomic_store(&shm_index(&sim->signaling, world_side(local))[local->port],
			SHM_FLOW_NONE);
		sim->is_broken = true;
		check_flows(sim);
		return;
	}
}
