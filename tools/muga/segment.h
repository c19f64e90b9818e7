// segment.h - the two files of the shared segment as a tool sees them: read-only, never trusted.
//
// Works on the files of living and of dead processes. Everything is copied out and bounds-checked;
// what changes under the reader's eyes at worst shows an older or newer number.
#pragma once

#include "shm/flow_table.h"
#include "shm/lane_counters.h"
#include "shm/latency.h"
#include "shm/segment.h"

struct segment {
	struct shm_map signaling;
	struct shm_map media;
	bool has_media;
	int media_error;       // why not, if !has_media
	struct flow_view view;
	uint64_t now_ns;
};

// What media has seen on one port.
struct segment_stats {
	struct flow_latch latch; // ip unset = no source yet
	uint64_t packets, octets, forwarded, rtcp_packets;
	uint64_t dropped;        // source, rate, other
	uint64_t expected, lost; // of all streams of this incarnation
	double jitter_ms;
	uint64_t age_ms;         // since the last packet
	uint32_t ssrc;
	uint32_t payload_type;
	// by RTCP of the far end, about what it hears
	uint64_t reports;        // 0 = it has said nothing
	double far_loss;         // 0..1, in its last interval
	double far_jitter_ms;
	double round_trip_ms;    // between us and it, 0 = not measured
	uint64_t events;         // telephone events read in its stream
};

struct segment_flow {
	struct flow_cfg cfg;     // valid copy
	struct shm_address address;
	bool has_stats;          // media has seen this incarnation
	struct segment_stats stats;
};

// 0, or a CLI exit status with the reason printed. A missing media file is no error.
int segment_open(const char *dir, struct segment *out);
void segment_close(struct segment *segment);

uint32_t segment_address_count(const struct segment *segment);
// Copies with all text terminated. False: no such address.
bool segment_address(const struct segment *segment, uint32_t id, struct shm_address *out);

// Walks the published flows. *cursor starts at 0; false at the end.
bool segment_next(const struct segment *segment, uint32_t *cursor, struct segment_flow *out);

// Ports of one address, counted one by one.
struct segment_ports {
	uint32_t total, used, resting; // resting: reserved, in grace or in quarantine
	uint32_t free;
};
void segment_count_ports(const struct segment *segment, uint32_t id, uint32_t quarantine_ms,
	struct segment_ports *out);

// What the lanes count: names and values. 0 of each without a media file.
uint32_t segment_counter_count(const struct segment *segment);
uint32_t segment_lane_count(const struct segment *segment);
void segment_counter_name(const struct segment *segment, uint32_t i, char out[SHM_NAME_MAX]);
uint64_t segment_counter(const struct segment *segment, uint32_t lane, uint32_t i);

// Adds what one lane counted: packets that came to that address, by how long they were held; its
// bursts, by how long each took. Nothing without a media file.
void segment_latency(const struct segment *segment, uint32_t lane, uint32_t id,
	struct histogram_counts *sum);
void segment_bursts(const struct segment *segment, uint32_t lane, struct histogram_counts *sum);
// Cycles of the lanes' clock as ns; 0 while its rate is not known.
double segment_ns(const struct segment *segment, uint64_t cycles);
