// offer.h - offer/answer between the two legs of a call (RFC 3264), media addresses replaced.
//
// Pure core, owner thread. At most one exchange is open in a call: an offer that came from one leg,
// was rewritten for the other, and waits for its answer. Flows follow: new streams are published at
// once (early media), those in force change only with the answer, so a refused re-INVITE changes
// nothing.
#pragma once

#include "call/media.h"

struct call;

enum offer_result {
	OFFER_OK,
	OFFER_UNUSABLE, // no line that we could relay, or an answer that does not fit: 488
	OFFER_NO_PORTS, // ports or slots are used up: 503
};

enum offer_fate {
	OFFER_LINE_REJECTED, // port 0 for both sides
	OFFER_LINE_RELAYED,  // through our ports
	OFFER_LINE_PASSED,   // as it came: its media goes past us, by profile
};

// ICE and DTLS with the far end of one side in an exchange (agreement.c); its numbers are in the
// leg's media_secure.next.
struct line_agreement {
	bool has_ice;
	bool has_dtls;
	bool is_mismatch; // its candidates contradict its c= and m=: no ICE (RFC 8839 4.2.5)
	bool has_tls_id;
};

#define OFFER_MID_MAX 32u

// How packets of the offerer's line are known on a shared port (RFC 8843 9.2).
struct share_marks {
	uint32_t ssrc[FLOW_MEMBER_SSRCS]; // signaled, 0 = none
};

struct offer_line {
	uint8_t fate;               // enum offer_fate; the answer may still reject it
	uint8_t kind;               // enum line_kind (offer_line.h)
	bool is_grouped;            // offered in a BUNDLE group
	uint8_t group;              // which one; only if is_grouped
	bool is_bundle_only;        // offered without an address of its own: no stream of its own
	bool is_agreed;             // bundled by the answer too
	bool is_moved;              // `moved` waits: the offerer has changed its address family
	struct flow_pair moved;     // of the offerer's leg, in force with the answer
	struct media_remote remote; // the offerer's, in force once answered
	// Keys of the exchange (secure.c): the offerer's, ours for it and its tag; ours for the
	// answerer, of any suite until it has chosen; the answerer's.
	struct sdes_key offerer, for_offerer, for_answerer, answerer;
	uint32_t tag;
	bool is_keyed; // keys were offered to the answerer
	struct line_agreement with_offerer, with_answerer;
	// Of the legs' own groups (share.c): 1 + its number, 1 + the line whose port the line has;
	// 0 = none, its own.
	uint8_t own_group[CALL_LEGS], owner[CALL_LEGS];
	uint8_t heir[CALL_LEGS]; // 1 + the line, taken away, whose port it goes on with; 0 = none
	struct share_marks marks;
	bool is_mux_offered; // to the answerer (RFC 5761)
	uint8_t mid_len;     // of the offerer's line, 0 = none, or too long to be kept
	char mid[OFFER_MID_MAX];
};

struct offer {
	bool is_open;         // an answer is awaited
	bool is_early;        // an answer came in a provisional response
	enum call_side from;
	uint32_t fork;        // early dialog that it belongs to alone (face.h), 0 = the call's
	uint32_t line_count;  // m= lines of the offer
	uint32_t opened;      // bit i: stream i was opened for this offer
	struct offer_line *lines; // [capacity], in the call's arena; kept for the next offer
	uint32_t capacity;
};

// For media_publish(): whose flows they are, and by which profiles.
struct media_owner offer_owner(const struct call *call);

// `body` came from leg `from`; what goes to the other leg is then in its sdp_sent. On failure
// nothing of the session in force has changed. Not while an exchange is open.
enum offer_result offer_receive(struct call *call, const struct core_env *env, enum call_side from,
	struct span body);
// The answer to the open offer, from the other leg than the offer; flows are changed, and what goes
// to the offerer is in its sdp_sent. With `is_final` the exchange is closed, also on failure.
enum offer_result offer_answer(struct call *call, const struct core_env *env, struct span body,
	bool is_final);
// The offer of a call that is not answered once more, to another far end than before: by that one's
// profile and ports. What the one before has answered is forgotten, and no secret of ours that was
// in force with it is offered again. The offerer's own ports stay, with their keys. Errors like
// offer_receive().
enum offer_result offer_renew(struct call *call, const struct core_env *env, enum call_side from,
	struct span body);
// The offer was refused: streams opened for it go, the session in force stays. Safe when none is
// open.
void offer_drop(struct call *call, const struct core_env *env);
// The final answer repeats the early one: closes the exchange as it is.
void offer_close(struct call *call);
