// flow_report.h - what media has read in a flow's packets (RTCP, telephone events), and the events
// that signaling wants played into it.
//
// Both slabs are indexed by flow_cfg.state_index, for the life of the incarnation that they carry.
// Reports are of RTP ports, whichever port RTCP came by. No pointer may appear here.
#pragma once

#include "shm/abi.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct shm_map;
struct flow_writer;
struct flow_pair;

#define FLOW_EVENT_LOG 8u // events that are remembered
#define FLOW_SR_LOG    4u
#define FLOW_TONES_MAX 8u // events that may wait to be played

// RFC 4733 2.5.1: one whole event.
struct flow_event {
	uint8_t code;	      // 0..15 = 0-9 * # A-D, 16 = flash, others by RFC 4733 and 4734
	uint16_t duration_ms; // as the sender said, cut at 65535
};

// writer: the lane of the port's media shard. Readers: signaling, tools (relaxed; each word is
// whole, of words that belong together only the log says so).
struct flow_report {
	alignas(64) _Atomic uint64_t incarnation; // whose report this is; others ignore it
	_Atomic uint32_t reports;	 // RTCP report blocks about what we sent there
	_Atomic uint32_t round_trip_us;	 // between us and the far end, 0 = not measured yet
	_Atomic uint32_t round_trip_max_us;
	_Atomic uint32_t fraction_lost_max; // 0..255, the worst interval that it reported
	_Atomic uint32_t jitter_max;	 // that it reported, in timestamp units
	// RFC 3611 4.7, of its last VoIP metrics: R factor, MOS-LQ * 10 << 8, MOS-CQ * 10 << 16,
	// bit 24: there were some. 127 = not available.
	_Atomic uint32_t voip;
	// line 1. Its sender reports: middle words of their NTP times, and when they came.
	alignas(64) _Atomic uint32_t sr_time[FLOW_SR_LOG];
	_Atomic uint32_t sr_at_us[FLOW_SR_LOG];
	_Atomic uint32_t sr_count;
	_Atomic uint32_t events;	   // read, each once; release-stored after the log
	_Atomic uint32_t tones_done;	   // of flow_tones, played or given up
	_Atomic uint32_t log[FLOW_EVENT_LOG]; // event n at n % FLOW_EVENT_LOG: code | ms << 8
};
_Static_assert(sizeof(struct flow_report) == 192, "three lines; a change bumps SHM_ABI");

// writer: the signaling worker that owns the port's block. Reader: the lane.
struct flow_tones {
	alignas(64) _Atomic uint64_t incarnation; // release-stored after `asked` was set to 0
	_Atomic uint32_t asked;			  // release-stored after the tone
	uint32_t spare[5];
	_Atomic uint32_t tone[FLOW_TONES_MAX]; // n at n % FLOW_TONES_MAX: code | ms << 8
};
_Static_assert(sizeof(struct flow_tones) == 64, "a line; a change bumps SHM_ABI");

static inline uint32_t flow_event_word(struct flow_event event)
{
	return event.code | (uint32_t)event.duration_ms << 8;
}

static inline struct flow_event flow_event_of(uint32_t word)
{
	return (struct flow_event){ .code = (uint8_t)word, .duration_ms = (uint16_t)(word >> 8) };
}

struct flow_report *shm_flow_reports(const struct shm_map *media);     // [flows]
struct flow_tones *shm_flow_tones(const struct shm_map *signaling); // [flows]

// signaling ---------------------------------------------------------------------------------------

// The report of a pair's RTP port; NULL: media has not read anything there.
const struct flow_report *flow_report_of(
	const struct flow_writer *writer, const struct flow_pair *pair);
// The next event behind *seen, which moves on; what is not remembered any more is passed over and
// counted in *missed. False: there is none.
bool flow_event_next(const struct flow_report *report, uint32_t *seen, struct flow_event *out,
	uint32_t *missed);
// Has media play an event into the stream that comes to the pair's RTP port, towards its peer. 0;
// -ENODEV: no media process, -EAGAIN: FLOW_TONES_MAX wait.
int flow_pair_play(
	struct flow_writer *writer, const struct flow_pair *pair, struct flow_event event);

// media -------------------------------------------------------------------------------------------

// Appends to the log.
void flow_report_add_event(struct flow_report *report, struct flow_event event);
// Takes the slot for another incarnation.
void flow_report_reset(struct flow_report *report, uint64_t incarnation);
// The tone that is to be played next, of those of that incarnation. False: none.
bool flow_tone_next(const struct flow_tones *tones, uint64_t incarnation, uint32_t done,
	struct flow_event *out);
