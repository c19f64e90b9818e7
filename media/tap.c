#include "tap.h"

#include "base/metric.h"
#include "flow_sync.h"
#include "lane.h"
#include "rewrite.h"
#include "stream.h"

#include <rte_branch_prediction.h>
#include <rte_mbuf.h>
#include <string.h>
#include <sys/mman.h>

#define UDP_HEADER 8u

struct flow_tap *flow_taps_new(uint32_t count)
{
	void *memory = mmap(NULL, (size_t)count * sizeof(struct flow_tap), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void flow_taps_free(struct flow_tap *taps, uint32_t count)
{
	if (taps)
		munmap(taps, (size_t)count * sizeof(*taps));
}

static struct flow_tap *tap_of(const struct lane *lane, const struct packet *packet)
{
	return &lane->tap->taps[packet->header->state_index];
}

// Likewise, if anything is to be done for the flow; else NULL.
static struct flow_tap *wanted_tap(const struct lane *lane, const struct packet *packet)
{
	struct flow_tap *flow;

	if (!(packet->header->flags & READY_ASIDE) ||
		packet->header->state_index >= lane->tap->flows)
		return NULL;
	flow = tap_of(lane, packet);
	return flow->incarnation == packet->header->incarnation ? flow : NULL;
}

// Records ---------------------------------------------------------------------------------------

static bool has_tone(const struct tap_lane *tap, uint32_t state, const struct flow_tap *flow)
{
	struct flow_event event;
	uint32_t done = atomic_load_explicit(
		&tap->reports[state].tones_done, memory_order_relaxed);

	return flow->event_type != 0 && flow->event_rate != 0 &&
		flow_tone_next(&tap->tones[state], flow->incarnation, done, &event);
}

static void fill(struct tap_lane *tap, const struct flow_cfg *cfg, struct flow_tap *flow)
{
	struct recording_order order;

	flow->call_token = cfg->call_token;
	flow->leg = (uint8_t)(cfg->call_leg & 1);
	flow->event_type = cfg->event_type;
	flow->event_flags = cfg->event_flags;
	flow->event_rate = cfg->event_rate;
	flow->recording = 0;
	if (cfg->recording == 0 || cfg->recording > SHM_RECORDINGS_MAX || !tap->ring ||
		recording_read(tap->signaling, cfg->recording - 1u, &order) == 0)
		return;
	flow->recording = cfg->recording;
	flow->recording_flags = order.flags;
}

uint16_t tap_take(struct lane *lane, const struct flow_cfg *cfg)
{
	struct tap_lane *tap = lane->tap;
	struct flow_tap *flow;

	if (!tap || cfg->state_index >= tap->flows)
		return 0;
	flow = &tap->taps[cfg->state_index];
	if (flow->incarnation != cfg->incarnation) {
		if (cfg->recording == 0 && cfg->event_type == 0 && flow->incarnation == 0)
			return 0; // the page stays untouched
		*flow = (struct flow_tap){ .incarnation = cfg->incarnation };
	}
	fill(tap, cfg, flow);
	bool is_wanted = flow->recording || flow->player.shift || flow->player.is_playing ||
		has_tone(tap, cfg->state_index, flow);
	return is_wanted ? READY_ASIDE : 0;
}

// The report of the flow, begun anew with each incarnation.
static struct flow_report *report_of(struct tap_lane *tap, uint32_t state, uint64_t incarnation)
{
	struct flow_report *report = &tap->reports[state];

	if (atomic_load_explicit(&report->incarnation, memory_order_relaxed) != incarnation)
		flow_report_reset(report, incarnation);
	return report;
}

// Recording ---------------------------------------------------------------------------------------

static void post(struct lane *lane, const struct burst *burst, const struct packet *packet,
	const uint8_t *data, uint32_t len)
{
	struct tap_lane *tap = lane->tap;
	const struct flow_tap *flow = tap_of(lane, packet);
	struct tap_record *record = ring_reserve(tap->ring, (uint32_t)sizeof(*record) + len);

	if (!record) {
		atomic_fetch_add_explicit(&tap->states[flow->recording - 1].lost_lane, 1,
			memory_order_relaxed);
		metric_add(&lane->counters.recording_lost, 1);
		return;
	}
	const struct address_entry *own = address_map_of(lane->addresses, packet->address);
	*record = (struct tap_record){ .call_token = flow->call_token,
		.now_ns = burst->now_ns,
		.source = { .port = rtp_load16(packet->udp) },
		.to = { .port = packet->port },
		.recording = (uint16_t)(flow->recording - 1),
		.len = (uint16_t)len,
		.leg = flow->leg,
		.is_frame = !(flow->recording_flags & RECORDING_DECRYPTED) };
	if (packet->flags & PACKET_IPV6)
		memcpy(record->source.ip.b, packet->ip + 8, sizeof(record->source.ip.b));
	else
		record->source.ip = ip_from_v4(rtp_load32(packet->ip + 12));
	if (own)
		record->to.ip = own->ip;
	memcpy(record->data, data, len);
	ring_commit(tap->ring, (uint32_t)sizeof(*record) + len);
	metric_add(&lane->counters.recorded, 1);
}

void tap_arrive_burst(struct lane *lane, struct burst *burst)
{
	for (uint32_t i = 0; lane->tap && i < burst->count; i++) {
		const struct packet *packet = &burst->packets[i];

		if (packet->verdict != VERDICT_FORWARD)
			continue;
		const struct flow_tap *flow = wanted_tap(lane, packet);
		if (flow && flow->recording && !(flow->recording_flags & RECORDING_DECRYPTED))
			post(lane, burst, packet, rte_pktmbuf_mtod(packet->mbuf, const uint8_t *),
				packet->mbuf->data_len);
	}
}

// Events ----------------------------------------------------------------------------------------

static void tell_event(
	struct lane *lane, const struct packet *packet, struct flow_event event, uint8_t flags)
{
	flow_report_add_event(report_of(lane->tap, packet->header->state_index,
				      packet->header->incarnation),
		event);
	metric_add(&lane->counters.events_read, 1);
	if (flags & FLOW_EVENT_TELL)
		lane_post(lane, HINT_EVENT, packet->cfg);
}

enum tap_reading tap_read_event(struct burst *burst, struct packet *packet)
{
	struct lane *lane = burst->lane;
	const uint8_t *rtp = packet->udp + UDP_HEADER;
	struct flow_event event;
	struct rtp_view view;

	if (!lane->tap || packet->header->state_index >= lane->tap->flows)
		return TAP_OTHER;
	struct flow_tap *flow = tap_of(lane, packet);
	if (flow->incarnation != packet->header->incarnation || flow->event_type == 0 ||
		flow->event_rate == 0 || !rtp_parse(rtp, packet->udp_len - UDP_HEADER, &view))
		return TAP_OTHER;
	if (view.payload_type != flow->event_type) {
		if (event_reader_pass(&flow->reader, &view, flow->event_rate, &event))
			tell_event(lane, packet, event, flow->event_flags);
		return flow->reader.is_open ? TAP_EVENT_OPEN : TAP_OTHER;
	}
	if (event_reader_take(&flow->reader, &view, rtp + view.payload_at, flow->event_rate,
		    &event))
		tell_event(lane, packet, event, flow->event_flags);
	if (flow->event_flags & FLOW_EVENT_KEEP) {
		tone_player_skip(&flow->player, rtp, burst->now_ns);
		packet->header->flags |= READY_ASIDE; // what follows moves up
		packet_drop(packet, DROP_EVENT_KEPT);
	}
	return TAP_EVENT;
}

// Tones -----------------------------------------------------------------------------------------

// The stream went by untouched until now: where it stands is known from its statistics.
static void sync_player(const struct flow_state *state, struct tone_player *player)
{
	uint64_t last_ns = metric_read(&state->last_ns);
	uint32_t rate = stream_get(&state->clock_rate);
	struct rtp_header rtp = { .ssrc = stream_get(&state->ssrc),
		.seq = (uint16_t)stream_get(&state->sequence_max) };

	if (player->shift != 0 || rate == 0 || last_ns == 0)
		return;
	rtp.timestamp = stream_clock_of(last_ns, rate) - stream_get(&state->transit);
	tone_player_sync(player, &rtp, last_ns);
}

// Begins what waits, if it may begin.
static void begin_tone(struct lane *lane, uint32_t state, struct flow_tap *flow, uint64_t now_ns)
{
	struct tap_lane *tap = lane->tap;
	struct flow_report *report = report_of(tap, state, flow->incarnation);
	struct flow_event event;
	uint32_t done = atomic_load_explicit(&report->tones_done, memory_order_relaxed);

	if (flow->event_type == 0 || flow->event_rate == 0 ||
		!tone_player_is_free(&flow->player, now_ns) ||
		!flow_tone_next(&tap->tones[state], flow->incarnation, done, &event))
		return;
	sync_player(&lane->states[state], &flow->player);
	tone_player_begin(&flow->player, event, flow->event_type, flow->event_rate);
}

static void end_tone(struct lane *lane, uint32_t state)
{
	struct flow_report *report = &lane->tap->reports[state];
	uint32_t done = atomic_load_explicit(&report->tones_done, memory_order_relaxed);

	atomic_store_explicit(&report->tones_done, done + 1, memory_order_relaxed);
	metric_add(&lane->counters.tones_played, 1);
}

static void play(struct lane *lane, const struct burst *burst, struct packet *packet)
{
	struct flow_tap *flow = tap_of(lane, packet);
	uint32_t state = packet->header->state_index;
	uint8_t *rtp = packet->udp + UDP_HEADER;

	if (!(packet->header->flags & READY_RTP) || packet->flags & PACKET_RTCP ||
		rtp_payload_type(rtp) == flow->event_type)
		return;
	begin_tone(lane, state, flow, burst->now_ns);
	enum tone_step step = tone_player_relay(&flow->player, rtp, burst->now_ns);
	if (step == TONE_PASS)
		return;
	packet->flags |= PACKET_CHANGED;
	if (step == TONE_SHIFTED)
		return;
	packet->udp_len = UDP_HEADER + TONE_PACKET_BYTES;
	if (step == TONE_ENDED)
		end_tone(lane, state);
}

void tap_accept_burst(struct lane *lane, struct burst *burst)
{
	for (uint32_t i = 0; lane->tap && i < burst->count; i++) {
		struct packet *packet = &burst->packets[i];
		bool is_accepted = packet->verdict == VERDICT_FORWARD ||
			(packet->verdict == VERDICT_DROP && packet->reason == DROP_EVENT_KEPT);

		const struct flow_tap *flow = is_accepted ? wanted_tap(lane, packet) : NULL;
		if (!flow)
			continue;
		if (flow->recording && flow->recording_flags & RECORDING_DECRYPTED)
			post(lane, burst, packet, packet->udp + UDP_HEADER,
				packet->udp_len - UDP_HEADER);
		if (packet->verdict == VERDICT_FORWARD && flow->event_type != 0 &&
			(!(packet->header->flags & READY_RTP) ||
				packet->udp_len >= UDP_HEADER + TONE_PACKET_BYTES))
			play(lane, burst, packet);
	}
}

// The record and header of a flow that is played into. NULL: it is gone.
static const struct flow_cfg *cfg_of(const struct lane *lane, const struct tap_playing *playing)
{
	const struct flow_cfg *cfg;

	if (playing->address >= lane->view.addresses)
		return NULL;
	cfg = flow_lookup(&lane->view, playing->address, playing->port);
	if (!cfg || cfg->incarnation != playing->incarnation ||
		(uint32_t)(cfg - lane->view.cfg) >= lane->headers_max)
		return NULL;
	return cfg;
}

void tap_hint(struct lane *lane, uint16_t address, uint16_t port)
{
	struct tap_lane *tap = lane->tap;
	const struct flow_cfg *cfg;

	if (!tap || tap->flows == 0 || address >= lane->view.addresses ||
		lane->shard_lane[shm_media_shard(port)] != lane->id)
		return;
	lane_flow_changed(lane, address, port); // builds the header, which finds the tone
	cfg = flow_lookup(&lane->view, address, port);
	if (!cfg || (uint32_t)(cfg - lane->view.cfg) >= lane->headers_max)
		return;
	struct ready_header *header = &lane->headers[cfg - lane->view.cfg];
	if (!ready_header_is_fresh(lane, cfg, header) || header->state_index >= tap->flows)
		return;
	struct flow_tap *flow = &tap->taps[header->state_index];
	if (flow->incarnation != header->incarnation || flow->is_queued)
		return;
	header->flags |= READY_ASIDE;
	if (tap->playing_count == TAP_PLAYING_MAX) {
		metric_add(&lane->counters.tones_lost, 1); // plays when the stream has packets
		return;
	}
	flow->is_queued = true;
	tap->playing[tap->playing_count++] = (struct tap_playing){
		.incarnation = header->incarnation, .address = address, .port = port
	};
}

// A burst of one packet of our own, from rewrite on.
static bool send_tone(struct lane *lane, const struct tap_playing *playing,
	const struct flow_cfg *cfg, uint64_t now_ns)
{
	static _Thread_local struct burst burst;
	struct rte_mbuf *mbuf = lane->mbuf_new ? lane->mbuf_new(lane->mbuf_context) : NULL;
	struct ready_header *header = &lane->headers[cfg - lane->view.cfg];
	struct flow_tap *flow = &lane->tap->taps[header->state_index];
	struct packet *packet = &burst.packets[0];

	if (!mbuf)
		return false;
	burst_init(&burst, &mbuf, 1, now_ns);
	burst.rx_port = 0;
	burst.lane = lane;
	packet->udp = rte_pktmbuf_mtod(mbuf, uint8_t *);
	packet->ip = packet->udp;
	packet->udp_len = UDP_HEADER + TONE_PACKET_BYTES;
	packet->cfg = cfg;
	packet->header = header;
	packet->state = &lane->states[header->state_index];
	packet->address = playing->address;
	packet->port = playing->port;
	packet->slot = (uint32_t)(cfg - lane->view.cfg);
	packet->flags = PACKET_CHANGED;
	memset(packet->udp, 0, UDP_HEADER);
	enum tone_step step = tone_player_make(&flow->player,
		(uint32_t)(flow->call_token ^ header->incarnation * 2654435761u),
		packet->udp + UDP_HEADER, now_ns);
	rewrite_burst(lane, &burst);
	if (burst.is_protected)
		protect_burst(lane, &burst);
	transmit_burst(lane, &burst);
	burst_finish(lane, &burst);
	if (step == TONE_ENDED)
		end_tone(lane, header->state_index);
	return true;
}

// False: nothing is left to be played there.
static bool run_flow(struct lane *lane, const struct tap_playing *playing, uint64_t now_ns)
{
	struct tap_lane *tap = lane->tap;
	const struct flow_cfg *cfg = cfg_of(lane, playing);

	if (!cfg)
		return false;
	struct ready_header *header = &lane->headers[cfg - lane->view.cfg];
	if (!ready_header_is_fresh(lane, cfg, header))
		lane_flow_changed(lane, playing->address, playing->port);
	if (!ready_header_is_fresh(lane, cfg, header) || header->state_index >= tap->flows)
		return true; // refused for now: a later record may not be
	uint32_t state = header->state_index;
	struct flow_tap *flow = &tap->taps[state];
	begin_tone(lane, state, flow, now_ns);
	if (tone_player_is_due(&flow->player, now_ns) && !send_tone(lane, playing, cfg, now_ns))
		metric_add(&lane->counters.tones_lost, 1);
	if (flow->player.is_playing || has_tone(tap, state, flow))
		return true;
	flow->is_queued = false;
	if (flow->recording == 0 && flow->player.shift == 0)
		header->epoch = 0; // a usual flow again, when it is built anew
	return false;
}

void tap_run(struct lane *lane, uint64_t now_ns)
{
	struct tap_lane *tap = lane->tap;

	for (uint32_t i = 0; tap && i < tap->playing_count;) {
		if (run_flow(lane, &tap->playing[i], now_ns))
			i++;
		else
			tap->playing[i] = tap->playing[--tap->playing_count];
	}
}
