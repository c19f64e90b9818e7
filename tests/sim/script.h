// script.h - what one user agent of the simulator will do (ua_script.c), and what it never does.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// What a user agent does with its call; chosen at random.
struct script {
	uint32_t ring_ms;     // callee: time from INVITE to the final answer
	uint32_t talk_ms;     // after the ACK until it hangs up, 0 = leaves that to the other
	uint32_t cancel_ms;   // caller: gives up after that time, 0 = never
	uint32_t reinvite_ms; // after the ACK: changes the session, 0 = never
	uint16_t status;      // callee: final answer
	uint32_t refer_ms;    // after the ACK: hands the other party on, 0 = never
	bool is_attended;     // to whom another user agent of its side talks to
	bool is_hasty;        // hangs up as soon as its REFER is accepted
	bool is_silent;       // answers nothing at all
	bool is_late;         // caller: INVITE without an offer
	bool has_early_media; // callee: 183 with a session description
	bool is_ackless;      // caller: never sends the ACK of a 2xx
	bool is_forked;       // callee: a second 2xx from another branch
	bool has_video;
	bool is_bundling;     // groups its audio and video lines, agrees to a group
	bool has_parts;       // its bodies are multipart
	uint8_t lines;        // of its offers, beyond audio and video
	bool is_slow;         // callee: 180 to a re-INVITE before its answer
	uint8_t reliable;     // RFC 3262: 0 unknown, 1 supported, 2 required (called side: 1)
	bool is_prackless;    // caller: acknowledges no provisional answer
	bool has_update;      // lists UPDATE in Allow
	uint8_t session;      // caller asks for a session timer: 1 refresher uac, 2 uas, 0 does not
	bool is_forked_early; // callee that forks: the other branch rings, too
	uint16_t session_s;   // that it asks for
	uint16_t least_s;     // called side: Min-SE, 0 = takes any
	bool is_lazy;         // does not refresh what it should
	bool has_uuid;        // says a Session-ID
	bool is_resuming;     // takes the other one off hold again
	uint32_t info_ms;     // after the ACK: INFO, 0 = never
	uint32_t update_ms;   // after the ACK: UPDATE, 0 = never
	uint8_t hold;         // of the re-INVITE: 0 sendonly, 1 inactive, 2 c=0.0.0.0, 3 no offer
};
