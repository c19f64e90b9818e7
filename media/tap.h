// tap.h - what a lane does with packets beside forwarding them: copies for a recording, telephone
// events read and played, round trips from RTCP.
//
// Only on the lane that owns the flow. Nothing here is on the way of a usual packet: events and
// RTCP are odd to latch anyway, and flows that are recorded or played into have READY_ASIDE in
// their header.
#pragma once

#include "base/ring.h"
#include "event_reader.h"
#include "shm/recording.h"
#include "tone_player.h"

#include <stdbool.h>
#include <stdint.h>

struct burst;
struct flow_cfg;
struct lane;
struct packet;

#define TAP_PLAYING_MAX 256u // flows of a lane that are played into at once
#define TAP_RING_BYTES	(8u << 20)

// Private, beside flow_state and as long in use; taken from a checked record.
struct flow_tap {
	uint64_t incarnation;
	uint64_t call_token;
	uint32_t recording; // slot + 1, 0 = none
	uint32_t recording_flags;
	uint32_t event_rate;
	uint8_t event_type; // 0 = none
	uint8_t event_flags;
	uint8_t leg;
	bool is_queued; // stands in tap_lane.playing
	struct event_reader reader;
	struct tone_player player;
};

struct tap_playing {
	uint64_t incarnation;
	uint16_t address, port;
};

// Of one lane.
struct tap_lane {
	struct ring *ring; // to the recorder; NULL: nothing is recorded
	struct flow_tap *taps;		    // [flows]
	struct flow_report *reports;	    // media's file, [flows]
	const struct flow_tones *tones;	    // signaling's file, [flows]
	const struct shm_map *signaling;    // of its orders
	struct shm_recording_state *states; // media's file, [SHM_RECORDINGS_MAX]
	uint32_t flows;			    // 0 = not attached
	uint32_t playing_count;
	struct tap_playing playing[TAP_PLAYING_MAX];
};

// A packet on its way to the recorder: what follows is either the frame as it came, or the UDP
// payload.
struct tap_record {
	uint64_t call_token;
	uint64_t now_ns; // CLOCK_MONOTONIC
	struct addr source, to;
	uint16_t recording; // slot
	uint16_t len;
	uint8_t leg;
	uint8_t is_frame;
	uint8_t spare[2];
	uint8_t data[];
};

// `count` zeroed ones in untouched pages. NULL: out of memory.
struct flow_tap *flow_taps_new(uint32_t count);
void flow_taps_free(struct flow_tap *taps, uint32_t count);

// A record was taken into use: its part for taps. The flags to add to its ready header.
uint16_t tap_take(struct lane *lane, const struct flow_cfg *cfg);
// HINT_TONE: something is to be played there.
void tap_hint(struct lane *lane, uint16_t address, uint16_t port);
// Between bursts, each millisecond: packets of events for streams that are silent.
void tap_run(struct lane *lane, uint64_t now_ns);

// Stages, for bursts with READY_ASIDE: what came, before anything is undone; and what was accepted.
void tap_arrive_burst(struct lane *lane, struct burst *burst);
void tap_accept_burst(struct lane *lane, struct burst *burst);

enum tap_reading {
	TAP_OTHER,
	TAP_EVENT,	// of the flow's event payload type; it may have been dropped
	TAP_EVENT_OPEN, // no event, but one before it has not ended yet: show the next packet, too
};
// latch's odd path: reads an event, or what tells that one is over.
enum tap_reading tap_read_event(struct burst *burst, struct packet *packet);
