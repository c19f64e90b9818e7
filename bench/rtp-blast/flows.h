// flows.h - the streams of a blast and their pre-rendered frames.
//
// Read from a file of lines "side own-ip own-port border-ip border-port [suite key border-key]", as
// tests/system/tools/sipcall and bench/relay's ng-client write them. Lines 2 i and 2 i + 1 are the
// two ends of one call; an end with keys sends and hears SRTP.
#pragma once

#include "keys.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	BLAST_SIDES = 2,
	BLAST_RTP_BYTES = 172,                       // G.711, 20 ms
	BLAST_FRAME_MAX = 14 + 40 + 8 + BLAST_RTP_BYTES + BLAST_TAG_MAX,
	BLAST_SSRC = 0x42000000,                     // + line number
};

struct blast_flow {
	uint8_t side;
	uint8_t frame_bytes;
	uint8_t udp_at;                // offset of the UDP header
	bool has_checksum;
	uint32_t sum;                  // of all checksummed words but the changing ones
	uint32_t first, sent;          // numbers: of this blast's first packet, of the next one
	uint32_t received;             // by the other end, in order
	uint32_t next;                 // number expected there
	uint32_t late;                 // came after a higher number: doubled or reordered
	uint32_t forged;               // came and was not authentic
	struct blast_keys *keys;       // NULL: plain RTP
	uint8_t rtp[BLAST_RTP_BYTES];  // with keys: the packet before they are used
	uint8_t frame[BLAST_FRAME_MAX];
};

struct blast_macs {
	uint8_t own[6], border[6];
};

struct blast_flows {
	struct blast_flow *flows;
	uint32_t count;
	uint32_t first; // number of all first packets
};

// Numbers go on from those of the blast before on the same file, because a number sent twice under
// one key is a replay: FILE.next remembers. 0, -errno with a message on stderr. Owned;
// blast_flows_fini() writes FILE.next.
int blast_flows_init(struct blast_flows *out, const char *path,
	const struct blast_macs macs[BLAST_SIDES],
	bool has_checksum);
void blast_flows_fini(struct blast_flows *flows, const char *path);
// Writes the flow's next number into its frame: sequence, timestamp, number, checksum.
void blast_flow_advance(struct blast_flow *flow);
// Accounts for an IP packet that came in on `side`. Whatever is no packet of ours is ignored.
void blast_flows_receive(struct blast_flows *flows, uint32_t side, const uint8_t *ip, uint32_t len);
