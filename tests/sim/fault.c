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
	fault_send_fn send;    // true: it has dealt with the message; NULL: see below
	const char *follows;   // in the text of what may come of it, found first at times; or NULL
	// Without `send`: messages that begin so and have that in them (NULL: anything) are lost,
	// or have `find` replaced. NULL: the fault is not one of messages.
	const char *first, *has, *find, *with;
	bool is_quiet; // shows only where nothing else goes wrong, and takes its time
};

static void put_out(struct sim *sim, const struct addr *from, const struct addr *to,
	const char *text)
{
	sim->is_broken = true;
	check_carried(sim, span_str(text), false);
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

// Another branch of the user agent that the request names by its tag. NULL: none.
static const struct ua *sibling_of(const struct sim *sim, struct span data, const struct ua **named)
{
	*named = NULL;
	for (uint32_t i = 0; i < sim->ua_count; i++)
		if (memmem(data.ptr, data.len, sim->uas[i].local_tag,
			strlen(sim->uas[i].local_tag)))
			*named = &sim->uas[i];
	for (uint32_t i = 0; i < sim->ua_count && *named; i++)
		if (&sim->uas[i] != *named && strcmp(sim->uas[i].call_id, (*named)->call_id) == 0)
			return &sim->uas[i];
	return NULL;
}

static bool send_to_sibling(struct sim *sim, const struct addr *from, const struct addr *to,
	struct span data)
{
	const struct ua *named, *other = sibling_of(sim, data, &named);

	if (!other)
		return false;
	put_out(sim, from, to, altered(data, named->local_tag, other->local_tag));
	return true;
}

// The PRACK of one early dialog in another one.
static bool send_early_mixed(struct sim *sim, const struct addr *from, const struct addr *to,
	struct span data)
{
	return span_starts(data, SPAN_LIT("PRACK ")) && send_to_sibling(sim, from, to, data);
}

static const struct fault faults[] = {
	{ .name = "double-final", .expected = "final: 486 after 200", .send = send_double_final },
	{ .name = "no-final", .expected = "final: none", .send = send_no_final },
	{ .name = "low-cseq", .expected = "CSeq: BYE 1 after", .send = send_low_cseq },
	{ .name = "far-tag", .expected = "hidden: another side", .send = send_far_tag },
	{ .name = "own-tag", .expected = "hidden: identifier", .send = send_own_tag },
	// Whose 200 got no ACK gets no BYE either.
	{ .name = "no-ack", .expected = "200: ", .send = send_no_ack,
		.follows = "is over and was never told" },
	{ .name = "elsewhere", .expected = "target: BYE", .send = send_elsewhere },
	{ .name = "invite-elsewhere", .expected = "target: INVITE", .send = send_invite_elsewhere },
	{ .name = "line-changed", .expected = "answer: line", .send = send_line_changed },
	{ .name = "part-leaked", .expected = "body: a part", .send = send_part_leaked },
	{ .name = "early-mixed", .expected = "reliable: PRACK of", .send = send_early_mixed },
	{ .name = "prack-wrong",
		.expected = "reliable: PRACK of", .first = "PRACK ", .find = "\r\nRAck: ",
		.with = "\r\nRAck: 9" },
	{ .name = "prack-lost",
		.expected = "reliable: no PRACK", .first = "PRACK ", .is_quiet = true,
		.follows = "answer: PRACK of" }, // the caller's own, which ours should answer
	{ .name = "reliable-plain",
		.expected = "reliable: 18", .first = "SIP/2.0 18", .find = "\r\nRSeq: ",
		.with = "\r\nX-Seq: " },
	{ .name = "update-lost",
		.expected = "answer: UPDATE", .first = "SIP/2.0 200", .has = " UPDATE\r\n",
		.is_quiet = true },
	{ .name = "update-unanswered", .expected = "update: an offer", .first = "SIP/2.0 200",
		.has = " UPDATE\r\n", .find = "application/sdp", .with = "application/odd" },
	{ .name = "update-mixed",
		.expected = "answer: line", .first = "SIP/2.0 200", .has = " UPDATE\r\n",
		.find = "m=audio ", .with = "m=video " },
	{ .name = "dialog-lost",
		.expected = "dialog: 481", .first = "SIP/2.0 200", .has = " UPDATE\r\n",
		.find = "SIP/2.0 200", .with = "SIP/2.0 481" },
	{ .name = "via-transport",
		.expected = "stream: the Via", .first = "INVITE ", .find = "Via: SIP/2.0/UDP",
		.with = "Via: SIP/2.0/TCP" },
	{ .name = "session-id-lost",
		.expected = "session-id: ", .first = "SIP/2.0 200", .has = " INVITE\r\n",
		.find = "\r\nSession-ID: ", .with = "\r\nX-Session: " },
	{ .name = "session-id-mixed",
		.expected = "session-id: ", .first = "SIP/2.0 200", .has = " INVITE\r\n",
		.find = ";remote=", .with = ";remote=0123456789abcdef0123456789abcdef;was=" },
	{ .name = "rule-skipped", .expected = "rules: ", .first = "INVITE ", .find = "\r\nX-Rule: ",
		.with = "\r\nX-Gone: " },
	{ .name = "notify-lost",
		.expected = "subscription: ", .first = "NOTIFY ", .has = "Event: presence",
		.is_quiet = true },
	{ .name = "refusal-bare",
		.expected = "refusal: 503", .first = "SIP/2.0 503", .find = "\r\nRetry-After: ",
		.with = "\r\nX-Retry: " },
	{ .name = "emergency-shed", .expected = "emergency: " }, // in world.c
	{ .name = "record-cseq", .expected = "CSeq: " },         // in record.c, as the next one
	{ .name = "record-port", .expected = "flow: " },
	{ .name = "call-kept", .expected = "left: call" },
	{ .name = "timer-kept", .expected = "left: timer" },
	{ .name = "transaction-kept", .expected = "left: transaction" },
	{ .name = "flow-kept", .expected = "flow: port" },
	{ .name = "flow-gone", .expected = "flow: " },
	{ .name = "orphan-kept", .expected = "flow: port" },
	{ .name = "silence-kept", .expected = "silence: call" },
	{ .name = "trunk-kept", .expected = "left: trunk" },
	{ .name = "stream-repeated", .expected = "stream: repeated" }, // in world.c
	{ .name = "port-kept", .expected = "left: ports" },
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

bool fault_is_quiet(const struct sim *sim)
{
	return sim->fault >= 0 && faults[sim->fault].is_quiet;
}

void fault_weather(struct sim *sim)
{
	if (fault_is(sim, "emergency-shed")) {
		sim->stress.drain_ms[0] = 1;
		sim->stress.drain_ms[1] = UINT64_MAX;
	}
	if (fault_is(sim, "silence-kept")) {
		sim->kill_peers_ms = sim_between(sim, 3000, 20000);
		sim->kill_workers_ms = 0;
	}
}

static bool has(struct span data, const char *text)
{
	return !text || memmem(data.ptr, data.len, text, strlen(text));
}

bool fault_send(struct sim *sim, const struct addr *from, const struct addr *to, struct span data)
{
	const struct fault *fault = sim->fault < 0 ? NULL : &faults[sim->fault];

	if (fault && fault->send)
		return fault->send(sim, from, to, data);
	if (!fault || !fault->first || !span_starts(data, span_str(fault->first)) ||
		!has(data, fault->has) || !has(data, fault->find))
		return false;
	if (fault->find)
		put_out(sim, from, to, altered(data, fault->find, fault->with));
	return sim->is_broken = true;
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
