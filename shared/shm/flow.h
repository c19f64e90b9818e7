// flow.h - what media does with the packets of one local port, and what it has seen there.
//
// Signaling fills a struct flow_cfg completely, then publishes it (flow_table.h); from then on it
// is immutable until every lane has passed a quiescent state. A change is a new record. Media keeps
// a struct flow_state per allocated port; signaling only reads it. No pointer may appear here.
#pragma once

#include "base/addr.h"
#include "shm/abi.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum flow_kind {
	FLOW_RTP,    // RTP; with FLOW_RTCP_MUX also RTCP (RFC 5761)
	FLOW_RTCP,   // RTCP on its own port (RFC 3550 11, RFC 3605)
	FLOW_OPAQUE, // any UDP payload (UDPTL): no RTP checks
};

enum flow_latch_mode {
	FLOW_LATCH_STRICT, // only the signaled remote address and port are accepted
	FLOW_LATCH_ONCE,   // the signaled remote wins at once; else the first source is learned
			   // while probation lasts (RFC 4961 symmetric RTP behind a NAT), strict
			   // afterwards
	FLOW_LATCH_PROOF,  // likewise, and when that source falls silent another one is taken that
			   // goes on with its stream, or has its SRTP key
};

// What a far end is sent when nothing else is (RFC 6263), so that its NAT stays open.
enum flow_keepalive {
	FLOW_KEEPALIVE_NONE,
	FLOW_KEEPALIVE_RTP,
	FLOW_KEEPALIVE_RTCP, // without FLOW_RTCP_MUX as FLOW_KEEPALIVE_RTP
	FLOW_KEEPALIVE_STUN,
};

enum flow_flags {
	FLOW_RTCP_MUX = 1 << 0,	      // this port receives RTP and RTCP
	FLOW_RTCP_COMPANION = 1 << 1, // RTCP received here leaves by the record at port ^ 1
	FLOW_DROP = 1 << 2, // hold (a=inactive / c=0.0.0.0): receive, count, forward nothing
	// Our stream to this port's far end goes on over a change of its source (flow_anchor).
	FLOW_ANCHOR = 1 << 3,
};

enum flow_event_flags {
	FLOW_EVENT_TELL = 1 << 0, // signaling is told of each event by HINT_EVENT
	FLOW_EVENT_KEEP = 1 << 1, // events end here: the peer's far end does not get them
};

// writer: the signaling worker that owns the port's block, before flow_publish(). Readers: lanes.
struct flow_cfg {
	// line 0: needed for every packet received on the port
	alignas(64) uint64_t
		incarnation;	    // names the call's use of this port; never repeats, never 0
	uint32_t generation;	    // 1, 2, ... raised by every replacement in one incarnation
	uint32_t state_index;	    // struct flow_state slot, for the life of the incarnation
	struct ip remote_ip;	    // signaled far end; unset = not known yet
	uint16_t remote_port;	    // host order, 0 = not known yet
	uint16_t media_address;	    // own, index into the address table
	uint16_t port;		    // own, host order
	uint8_t kind;		    // enum flow_kind
	uint8_t latch_mode;	    // enum flow_latch_mode
	uint8_t flags;		    // enum flow_flags
	uint8_t dscp;		    // 0..63 of what leaves by the peer for this flow
	uint16_t probation_packets; // packets until a learned source is locked, >= 1
	uint32_t rate_pps_max;	    // 0 = no policing
	// SRTP (flow_crypto.h): key slot + 1 of what comes in and of what leaves by this port; 0 =
	// plain. Set by flow_publish().
	uint32_t key_rx;
	uint32_t key_tx;

	// line 1: where those packets leave; read when a lane builds its cached header
	alignas(64) uint64_t peer_incarnation; // 0 = no peer yet: receive, count, forward nothing
	uint16_t peer_address;		       // media address that sends them out
	uint16_t peer_port;		       // source port of what leaves, host order
	uint32_t owner;			       // signaling worker
	uint64_t call_token;		       // for logs, `muga show` and orphans
	uint32_t lease_epoch;		       // fencing, with the cluster
	uint32_t call_leg;		       // 0 = A (caller's side), 1 = B
	uint64_t created_ns;
	uint32_t secure; // ICE and DTLS (flow_secure.h): slot + 1, 0 = neither; by flow_publish()
	// This port receives nothing: its packets come and leave by that port of the same media
	// address and call, under its keys (RFC 8843; flow_secure.h). 0 = it has its own.
	uint16_t bundle_port;
	uint8_t keepalive;   // enum flow_keepalive, to this port's far end
	uint8_t keepalive_s; // seconds of silence before one, >= 1 with a method
	uint16_t recording;  // slot + 1 in the table of recordings, 0 = none (recording.h)
	uint8_t event_type;  // payload type of telephone events here (RFC 4733), 0 = none agreed
	uint8_t event_flags; // enum flow_event_flags
	uint32_t event_rate; // Hz of the clock of event_type
	uint32_t spare1[1];
	uint32_t checksum; // flow_checksum(), verified whenever line 1 is read
};
_Static_assert(sizeof(struct flow_cfg) == 128, "two lines; a change bumps SHM_ABI");
_Static_assert(offsetof(struct flow_cfg, peer_incarnation) == 64, "ingress touches line 0 only");

enum flow_latch_phase {
	FLOW_LATCH_NONE,      // nothing accepted yet
	FLOW_LATCH_PROBATION, // a source is followed, the signaled one would still win
	FLOW_LATCH_LOCKED,    // only this source
};

// One accepted source. Read as the copy that `latch_selector` names.
struct flow_latch {
	struct ip ip;
	uint16_t port;
	uint8_t phase; // enum flow_latch_phase
	uint8_t seen;  // packets accepted in probation, saturating
	uint32_t ssrc; // of the RTP last accepted, host order
};
_Static_assert(sizeof(struct flow_latch) == 24, "two copies must fit line 0");

enum flow_anchor_flags {
	FLOW_ANCHOR_USED = 1 << 0, // a stream has begun
	FLOW_ANCHOR_JUMP = 1 << 1, // `jump` is set
	FLOW_ANCHOR_FRESH = 1 << 2, // the source changed a moment ago, with `first`
};

// The stream that leaves by a port where its SSRC, sequence and time are not its source's: out = in
// + shift. All zero: it is as it came.
struct flow_anchor {
	uint32_t ssrc_in, ssrc_out;
	uint32_t timestamp; // sent last
	uint32_t timestamp_shift;
	uint32_t packets, octets; // sent, as an SR tells them: octets without headers
	uint32_t sent_ms;	  // when the last one was, modulo 2^32
	uint32_t base_ms;	  // when the source's clock began to be watched
	uint32_t base_timestamp;  // of the source, then
	uint16_t sequence;	  // highest sent
	uint16_t sequence_shift;
	uint16_t jump;	 // sequence that would confirm that the source restarted
	uint16_t origin; // names the far end that sends
	uint16_t flags;	 // enum flow_anchor_flags
	uint16_t first;	 // sequence sent first since the source changed
};

// Whose packets come first when a flow sends more than it may.
struct flow_police {
	uint32_t owner_ssrc, other_ssrc; // the stream that was first, and one that would follow it
	uint16_t owner_sequence, other_sequence; // last seen
	uint16_t owner_s; // second of the owner's last packet + 1, modulo 2^16; 0 = no owner
	uint16_t kept_s;  // second of the last keep-alive to the port's far end, modulo 2^16
};

// writer: the lane of the port's media shard. Readers: signaling, tools (relaxed; each word is
// whole).
struct flow_state {
	// line 0: the source check
	alignas(64) _Atomic uint64_t incarnation; // whose state this is; others ignore it
	_Atomic uint32_t generation;		  // last generation that the lane acted on
	_Atomic uint32_t latch_selector; // latch[latch_selector & 1] is whole; release-stored
	struct flow_latch latch[2];

	// line 1: the RTP stream as received (RFC 3550 A.1, A.3, A.8)
	alignas(64) _Atomic uint64_t packets; // accepted from the latched source, RTP or opaque
	_Atomic uint64_t octets;	      // UDP payload bytes of these
	_Atomic uint64_t last_ns;	      // when the last one came
	_Atomic uint32_t sequence_base;	      // first extended sequence of the stream
	_Atomic uint32_t sequence_max;	      // highest extended sequence: cycles << 16 | seq
	_Atomic uint32_t stream_packets;      // of the current SSRC; loss = expected - this
	_Atomic uint32_t jitter_x16;	      // RFC 3550, timestamp units, 4 fraction bits
	_Atomic uint32_t transit;	      // relative transit of the last packet
	_Atomic uint32_t ssrc;
	_Atomic uint32_t rate_tokens;  // policing bucket
	_Atomic uint32_t payload_type; // of the last RTP packet, 0..127
	_Atomic uint64_t forwarded;    // left by the peer

	// line 2: what is rare
	alignas(64) _Atomic uint64_t rtcp_packets;
	_Atomic uint64_t dropped_source; // wrong source
	_Atomic uint64_t dropped_rate;
	_Atomic uint64_t dropped_other;	  // malformed, no peer, held
	_Atomic uint64_t first_ns;	  // first packet of the incarnation
	_Atomic uint32_t lost_before;	  // losses of earlier SSRCs of this incarnation
	_Atomic uint32_t remote_jitter;	  // from the far end's last RTCP report about us
	_Atomic uint32_t remote_lost;	  // cumulative loss it reported, 24 bits
	_Atomic uint32_t remote_fraction; // 0..255
	_Atomic uint32_t clock_rate;	  // Hz assumed for jitter
	_Atomic uint32_t remote_hash;	  // of the signaled remote that the latch belongs to

	// line 3: the lane's alone
	alignas(64) struct flow_anchor anchor;
	struct flow_police police;
};
_Static_assert(sizeof(struct flow_state) == 256, "four lines; a change bumps SHM_ABI");

// CRC-32C over the record with `checksum` taken as 0.
uint32_t flow_checksum(const struct flow_cfg *cfg);

// Whether the record is whole and belongs to that port: checksum, identity, numbers in range.
// `flows` is the size of the slabs.
bool flow_is_valid(
	const struct flow_cfg *cfg, uint32_t media_address, uint16_t port, uint32_t flows);
