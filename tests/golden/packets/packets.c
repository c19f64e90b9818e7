// packets.c - golden packets: each file tests/golden/packets/*.txt sets up flows, then gives
// packets in and what must become of each. A new case is a new file.
//
//   # comment
//   name words                        what the case shows
//   address ip=A [port=P] [vlan=V]    media addresses, in order of their ids; P is the lane's port
//   rx port=P checksum=recompute      what comes in on P has partial UDP checksums
//   flow address=N port=P ...         publishes (again: a new generation); see put_flow()
//   retire address=N port=P           unpublishes
//   noroute address=N                 nothing leaves there, until
//   mtu address=N bytes=B
//   in port=P at=<ms> FRAME           followed by exactly one of:
//     out port=P FRAME                left there, equal byte by byte (the IPv4 identification is
// free)
//     drop reason=R | except reason=R | handover
//   flood port=P at=<ms> count=N gap_us=G FRAME  sequence numbers run on; followed by
//     counts sent=N drop=R:N
//   key | bundle | member ...         SRTP and BUNDLE, see secure.h; flow takes rx= tx= secure=
//                                     bundle=
//   crypto slot=N key=value           what was counted under an SRTP key
//   state address=N port=P key=value  packets octets forwarded lost jitter rtcp phase latch source
//                                     rate other remote_lost remote_fraction
#include "frame.h"
#include "secure.h"
#include "proto/rtp.h"
#include "unit/media/bed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct golden {
	struct address_entry addresses[BED_ADDRESSES];
	uint32_t address_count;
	bool is_running; // the bed is set up
	bool is_owing;   // an `in` waits for its outcome
	uint32_t flood_sent;
	uint32_t flood_dropped[DROP_REASON_COUNT];
	uint32_t checks;
};

static struct golden golden;

static void start(void)
{
	if (golden.is_running)
		return;
	bed_init(golden.addresses, golden.address_count);
	secure_attach(&bed.lane);
	golden.is_running = true;
}

static void put_address(struct span words)
{
	struct address_entry *entry = &golden.addresses[golden.address_count];

	if (golden.is_running || golden.address_count >= BED_ADDRESSES)
		golden_fail("too many addresses, or too late", words);
	*entry = (struct address_entry){
		.rx_port = (uint16_t)words_number(words, "port", 0),
		.vlan = (uint16_t)words_number(words, "vlan", 0),
		.address = (uint16_t)golden.address_count++,
		.port_min = 10000,
		.port_max = 59999,
	};
	if (ip_parse(words_get(words, "ip"), &entry->ip) != 0)
		golden_fail("not an address", words);
}

static bool has_word(struct span list, const char *word)
{
	struct span item;
	while (span_cut(&list, ',', &item))
		if (span_eq(item, span_str(word)))
			return true;
	return false;
}

static uint8_t latch_mode(struct span mode)
{
	if (span_is_empty(mode))
		return FLOW_LATCH_ONCE;
	if (span_eq(mode, SPAN_LIT("strict")))
		return FLOW_LATCH_STRICT;
	if (!span_eq(mode, SPAN_LIT("proof")))
		golden_fail("no such mode", mode);
	return FLOW_LATCH_PROOF;
}

static void put_flow(struct span words)
{
	struct span flags = words_get(words, "flags"), remote = words_get(words, "remote");
	struct span peer = words_get(words, "peer"), peer_address;
	struct span kind = words_get(words, "kind");
	struct addr far = { 0 };
	uint32_t value;
	struct flow_cfg cfg = {
		.media_address = (uint16_t)words_number(words, "address", 0),
		.port = (uint16_t)words_number(words, "port", 20000),
		.incarnation = words_number(words, "call", BED_CALL),
		.peer_incarnation = words_number(words, "peer_call", BED_CALL),
		.state_index = (uint32_t)words_number(words, "state", 0),
		.dscp = (uint8_t)words_number(words, "dscp", 0),
		.probation_packets = (uint16_t)words_number(words, "probation", 3),
		.rate_pps_max = (uint32_t)words_number(words, "rate", 0),
		.latch_mode = latch_mode(words_get(words, "latch")),
		.kind = FLOW_RTP,
	};
	if (span_eq(kind, SPAN_LIT("rtcp")))
		cfg.kind = FLOW_RTCP;
	else if (span_eq(kind, SPAN_LIT("opaque")))
		cfg.kind = FLOW_OPAQUE;
	cfg.flags |= has_word(flags, "mux") ? FLOW_RTCP_MUX : 0;
	cfg.flags |= has_word(flags, "companion") ? FLOW_RTCP_COMPANION : 0;
	cfg.flags |= has_word(flags, "drop") ? FLOW_DROP : 0;
	cfg.flags |= has_word(flags, "anchor") ? FLOW_ANCHOR : 0;
	if (!span_is_empty(remote) && addr_parse(remote, 0, &far) != 0)
		golden_fail("not an address", remote);
	cfg.remote_ip = far.ip;
	cfg.remote_port = far.port;
	if (span_is_empty(peer))
		cfg.peer_incarnation = 0;
	if (span_cut(&peer, ':', &peer_address)) {
		if (span_parse_u32(peer_address, UINT16_MAX, &value) != 0)
			golden_fail("not address:port", peer_address);
		cfg.peer_address = (uint16_t)value;
		if (span_parse_u32(peer, UINT16_MAX, &value) != 0)
			golden_fail("not address:port", peer);
		cfg.peer_port = (uint16_t)value;
	}
	secure_fill_flow(words, &cfg);
	struct flow_cfg *record = bed_flow(&cfg);
	if (has_word(flags, "corrupt"))
		record->checksum ^= 1;
	if (!has_word(flags, "nohint"))
		lane_flow_changed(&bed.lane, cfg.media_address, cfg.port);
}

static void edit_egress(struct span words, bool is_gone)
{
	uint32_t address = (uint32_t)words_number(words, "address", 0);
	struct nexthop_snapshot *edit = nexthop_table_edit(bed.nexthops);

	memcpy(edit->egress, nexthop_table_current(bed.nexthops)->egress, sizeof(edit->egress));
	edit->egress[address].is_fixed = !is_gone;
	edit->egress[address].ifindex = !is_gone;
	edit->egress[address].mtu = (uint16_t)words_number(words, "bytes", 1500);
	nexthop_table_publish(bed.nexthops);
}

static void run_burst(struct span words, uint32_t count, uint64_t now_ns)
{
	uint16_t port = (uint16_t)words_number(words, "port", 0);
	struct burst *burst = bed_burst(port, count, now_ns);

	forward_burst(&bed.lane, burst);
	bed.lane.event_count = 0;
}

static void put_in(struct span words)
{
	static uint8_t frame[FRAME_MAX];
	uint32_t len = frame_build(words, frame);

	if (golden.is_owing)
		golden_fail("the packet before has no outcome", words);
	bed_mbuf(0, frame, len);
	// The bed's time starts at one second: 0 means "never" in the states.
	run_burst(words, 1, (1000 + words_number(words, "at", 0)) * 1000000);
	golden.is_owing = true;
}

static void put_flood(struct span words)
{
	static uint8_t frame[FRAME_MAX];
	uint32_t count = (uint32_t)words_number(words, "count", 1);
	uint64_t gap_us = words_number(words, "gap_us", 0);
	uint32_t len = frame_build(words, frame);
	uint8_t *seq = frame + len - words_number(words, "n", 20) - 10;

	golden.flood_sent = 0;
	memset(golden.flood_dropped, 0, sizeof(golden.flood_dropped));
	for (uint32_t i = 0; i < count; i++) {
		uint64_t now_us = (1000 + words_number(words, "at", 0)) * 1000 + i * gap_us;
		bed_mbuf(0, frame, len);
		run_burst(words, 1, now_us * 1000);
		if (bed.burst.packets[0].verdict == VERDICT_SENT)
			golden.flood_sent++;
		else
			golden.flood_dropped[bed.burst.packets[0].reason]++;
		seq[1]++;
		seq[0] += seq[1] == 0;
	}
}

// Expectations ------------------------------------------------------------------------------------

static const char *describe(const struct packet *packet)
{
	static const char *const verdicts[] = { "forward", "drop", "except", "handover", "sent" };
	static char text[64];

	snprintf(text, sizeof(text), "%s %s", verdicts[packet->verdict],
		drop_reason_name(packet->reason));
	return text;
}

static bool check_out(struct span words)
{
	static uint8_t expected[FRAME_MAX];
	uint32_t port = (uint32_t)words_number(words, "port", 1);
	uint32_t len = frame_build(words, expected);
	const struct packet *packet = &bed.burst.packets[0];

	if (packet->verdict != VERDICT_SENT || port >= BED_PORTS || bed.ports[port].count != 1) {
		fprintf(stderr, "  not sent on port %u: %s\n", port, describe(packet));
		return false;
	}
	struct rte_mbuf *mbuf = bed.ports[port].sent[0];
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	uint32_t ip = frame[12] == 0x81 ? 18 : 14;
	if (frame[ip] == 0x45) { // free identification: the checksum moves by it
		uint32_t sum = (uint16_t)~rtp_load16(frame + ip + 10);
		uint32_t id = rtp_load16(frame + ip + 4);
		sum = sum >= id ? sum - id : sum - id - 1;
		rtp_store16(frame + ip + 10, (uint16_t)~sum);
		rtp_store16(frame + ip + 4, 0);
	}
	if (mbuf->data_len == len && mbuf->pkt_len == len && memcmp(frame, expected, len) == 0)
		return true;
	fprintf(stderr, "  left with %u bytes, expected %u\n", mbuf->data_len, len);
	for (uint32_t i = 0; i < len && i < mbuf->data_len; i++)
		if (frame[i] != expected[i])
			fprintf(stderr, "  byte %u is %02x, expected %02x\n", i, frame[i],
				expected[i]);
	return false;
}

static bool check_verdict(struct span words, enum verdict verdict)
{
	const struct packet *packet = &bed.burst.packets[0];
	struct span reason = words_get(words, "reason");

	if (packet->verdict == verdict &&
		(verdict == VERDICT_HANDOVER ||
			span_eq(reason, span_str(drop_reason_name(packet->reason)))))
		return true;
	fprintf(stderr, "  became: %s\n", describe(packet));
	return false;
}

static bool check_counts(struct span words)
{
	struct span drop = words_get(words, "drop"), name;
	uint32_t number = 0;

	if (words_number(words, "sent", 0) != golden.flood_sent) {
		fprintf(stderr, "  %u were sent\n", golden.flood_sent);
		return false;
	}
	if (!span_cut(&drop, ':', &name) || span_parse_u32(drop, UINT32_MAX, &number) != 0)
		return true;
	for (uint32_t i = 0; i < DROP_REASON_COUNT; i++)
		if (span_eq(name, span_str(drop_reason_name(i))) &&
			golden.flood_dropped[i] == number)
			return true;
	fprintf(stderr, "  dropped for other reasons or another number\n");
	return false;
}

static uint64_t lost_of(const struct flow_state *state)
{
	return state->lost_before + state->sequence_max - state->sequence_base + 1 -
		state->stream_packets;
}

static bool check_state(struct span words)
{
	static const char *const phases[] = { "none", "probation", "locked" };
	struct flow_state *state = bed_state((uint16_t)words_number(words, "address", 0),
		(uint16_t)words_number(words, "port", 20000));
	if (!state)
		golden_fail("no such flow", words);
	struct flow_latch latch = state->latch[state->latch_selector & 1];
	struct addr source = { .ip = latch.ip, .port = latch.port }, expected;
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = { { "packets", state->packets }, { "octets", state->octets },
		{ "forwarded", state->forwarded }, { "lost", lost_of(state) },
		{ "jitter", state->jitter_x16 >> 4 }, { "rtcp", state->rtcp_packets },
		{ "source", state->dropped_source }, { "rate", state->dropped_rate },
		{ "other", state->dropped_other }, { "remote_lost", state->remote_lost },
		{ "remote_fraction", state->remote_fraction }, { "seen", latch.seen } };
	bool is_good = true;
	for (uint32_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (words_number(words, numbers[i].key, numbers[i].value) == numbers[i].value)
			continue;
		fprintf(stderr, "  %s is %lu\n", numbers[i].key, numbers[i].value);
		is_good = false;
	}
	struct span phase = words_get(words, "phase"), text = words_get(words, "latch");
	if (!span_is_empty(phase) && !span_eq(phase, span_str(phases[latch.phase]))) {
		fprintf(stderr, "  phase is %s\n", phases[latch.phase]);
		is_good = false;
	}
	if (!span_is_empty(text) &&
		(addr_parse(text, 0, &expected) != 0 || !addr_eq(&expected, &source))) {
		fprintf(stderr, "  latched to another source\n");
		is_good = false;
	}
	return is_good;
}

// Lines -------------------------------------------------------------------------------------------

static bool put_outcome(struct span verb, struct span words, bool *is_good)
{
	if (span_eq(verb, SPAN_LIT("out")))
		*is_good = check_out(words);
	else if (span_eq(verb, SPAN_LIT("drop")))
		*is_good = check_verdict(words, VERDICT_DROP);
	else if (span_eq(verb, SPAN_LIT("except")))
		*is_good = check_verdict(words, VERDICT_EXCEPTION);
	else if (span_eq(verb, SPAN_LIT("handover")))
		*is_good = check_verdict(words, VERDICT_HANDOVER);
	else
		return false;
	if (!golden.is_owing)
		golden_fail("an outcome without a packet", words);
	golden.is_owing = false;
	golden.checks++;
	return true;
}

static bool put_check(struct span verb, struct span words, bool *is_good)
{
	if (span_eq(verb, SPAN_LIT("counts")))
		*is_good = check_counts(words);
	else if (span_eq(verb, SPAN_LIT("state")))
		*is_good = check_state(words);
	else if (span_eq(verb, SPAN_LIT("crypto")))
		*is_good = secure_check(words);
	else
		return put_outcome(verb, words, is_good);
	golden.checks++;
	return true;
}

// SRTP and BUNDLE. False: another line.
static bool put_secure(struct span verb, struct span words)
{
	if (span_eq(verb, SPAN_LIT("key")))
		secure_put_key(&bed.lane, words);
	else if (span_eq(verb, SPAN_LIT("bundle")))
		secure_put_bundle(words);
	else if (span_eq(verb, SPAN_LIT("member")))
		secure_put_member(words);
	else
		return false;
	return true;
}

static void put_setup(struct span verb, struct span words)
{
	uint32_t place = (uint32_t)words_number(words, "address", 0) * SHM_PORTS +
		(uint32_t)words_number(words, "port", 0);

	start();
	if (span_eq(verb, SPAN_LIT("flow")))
		put_flow(words);
	else if (span_eq(verb, SPAN_LIT("retire")))
		atomic_store(&bed.index[place], SHM_FLOW_NONE);
	else if (span_eq(verb, SPAN_LIT("rx")))
		bed.lane.ports[words_number(words, "port", 0) % BED_PORTS].is_checksum_trusted =
			false;
	else if (span_eq(verb, SPAN_LIT("noroute")) || span_eq(verb, SPAN_LIT("mtu")))
		edit_egress(words, span_eq(verb, SPAN_LIT("noroute")));
	else if (span_eq(verb, SPAN_LIT("otherlane")))
		bed.lane.shard_lane[shm_media_shard((uint16_t)words_number(words, "port", 0))] = 1;
	else if (span_eq(verb, SPAN_LIT("in")))
		put_in(words);
	else if (span_eq(verb, SPAN_LIT("flood")))
		put_flood(words);
	else if (!put_secure(verb, words))
		golden_fail("unknown line", verb);
}

static bool put_line(struct span line)
{
	struct span verb;
	bool is_good = true;

	line = span_trim(line);
	if (span_is_empty(line) || line.ptr[0] == '#')
		return true;
	span_cut(&line, ' ', &verb);
	if (span_eq(verb, SPAN_LIT("name")))
		return true;
	if (span_eq(verb, SPAN_LIT("address")))
		put_address(line);
	else if (!put_check(verb, line, &is_good))
		put_setup(verb, line);
	return is_good;
}

static bool run_case(const char *path)
{
	static char text[1 << 16];
	FILE *file = fopen(path, "r");
	bool is_good = true;

	if (!file)
		golden_fail("cannot read", span_str(path));
	struct span rest = { text, (uint32_t)fread(text, 1, sizeof(text) - 1, file) }, line;
	fclose(file);
	memset(&golden, 0, sizeof(golden));
	for (uint32_t number = 1; span_cut(&rest, '\n', &line); number++) {
		if (put_line(line))
			continue;
		fprintf(stderr, "%s:%u: " SPAN_FMT "\n", path, number, SPAN_ARG(line));
		is_good = false;
	}
	secure_detach(&bed.lane);
	if (golden.is_owing || golden.checks == 0) {
		fprintf(stderr, "%s: a packet without outcome, or nothing checked\n", path);
		is_good = false;
	}
	return is_good;
}

int main(int argc, char **argv)
{
	uint32_t failed = 0;

	for (int i = 1; i < argc; i++)
		failed += !run_case(argv[i]);
	printf("%d cases, %u failed\n", argc - 1, failed);
	return failed != 0 || argc < 2;
}
