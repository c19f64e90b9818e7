// dialog.h - dialog state of one leg: RFC 3261 section 12, both as UAS and as UAC.
//
// Strings live in the caller's arena (a call's, bounded); replaced ones reuse their room. One
// thread.
// Holds no transaction, no timer and no SDP: those are the call's.
#pragma once

#include "base/arena.h"
#include "sip/build.h"
#include "sip/msg.h"

#include <stdbool.h>
#include <stdint.h>

#define SIP_DIALOG_ROUTES_MAX 16u // route set, more is refused with 400

// A copy in the arena that can be replaced.
struct sip_text {
	struct span text; // ptr into the arena
	uint32_t cap;     // bytes there
};

struct sip_dialog {
	struct arena *arena;          // borrowed for the dialog's life
	struct sip_text call_id;
	struct sip_text local_tag;
	struct sip_text remote_tag;   // empty until the far end has answered (UAC)
	struct sip_text local; // our side's name-addr or URI, without tag: From of our requests
	struct sip_text remote;       // far side's, without tag: To of our requests
	struct sip_text remote_target; // Contact URI of the far end
	// name-addrs in the order in which we send them; [route_room], in the arena: most have none
	struct sip_text *route;
	uint32_t route_count, route_room;
	uint32_t local_cseq;          // last one sent, 0 = none yet
	uint32_t remote_cseq;         // last one accepted
	bool has_remote_cseq;
	bool is_uac;                  // we sent the request that made it
	bool is_confirmed;            // by a 2xx; else early
	bool is_secure;               // made by sips over TLS
};

// As UAS from the request that makes the dialog (12.1.1). `local_tag` is our To tag. 0, -EINVAL (no
// usable Contact, too many routes), -ENOMEM (arena full).
int sip_dialog_init_uas(struct sip_dialog *dialog, struct arena *arena,
	const struct sip_msg *request, struct span local_tag);

struct sip_dialog_uac {
	struct span call_id;
	struct span local_tag;
	struct span local;     // From value without tag, e.g. "Alice" <sip:1@sbc>
	struct span remote;    // To value
	struct span target;    // Request-URI of the first request
	uint32_t cseq_first;   // of the first request, < 2^31
};
// As UAC before the first request is sent; -ENOMEM.
int sip_dialog_init_uac(struct sip_dialog *dialog, struct arena *arena,
	const struct sip_dialog_uac *params);
// 101..299 with a To tag (12.1.2): takes remote tag, route set and target. On an early dialog a
// later response with the same tag renews route set and target (13.2.2.4); with a 2xx it is
// confirmed. 0, -EINVAL (2xx without tag or Contact, too many routes), -ENOMEM, -EXDEV: tag of
// another dialog.
int sip_dialog_receive_response(struct sip_dialog *dialog, const struct sip_msg *response);

// Room for a route set of that many; what is in it stays. -ENOMEM.
int sip_dialog_make_room(struct sip_dialog *dialog, uint32_t route_count);

// A NOTIFY that overtakes the 2xx of its SUBSCRIBE makes the dialog as well (RFC 6665 4.4.1): takes
// remote tag, route set and target of the request. 0, -EINVAL, -ENOMEM.
int sip_dialog_take_request(struct sip_dialog *dialog, const struct sip_msg *request);

// Whether a message from the far end belongs here: Call-ID and both tags. An early UAC dialog
// without remote tag accepts any.
bool sip_dialog_matches(const struct sip_dialog *dialog, const struct sip_msg *msg);

enum sip_dialog_verdict {
	SIP_DIALOG_OK,
	SIP_DIALOG_FOREIGN,      // 481
	SIP_DIALOG_OUT_OF_ORDER, // lower CSeq than before: 500 (12.2.2)
};
// Of an in-dialog request other than ACK and CANCEL; on OK its CSeq is taken over.
enum sip_dialog_verdict sip_dialog_receive_request(
	struct sip_dialog *dialog, const struct sip_msg *request);
// Target refresh (re-INVITE, UPDATE, their 2xx, ...): takes the Contact. 0 (also without Contact),
// -EINVAL, -ENOMEM.
int sip_dialog_refresh_target(struct sip_dialog *dialog, const struct sip_msg *msg);

// Head of a request in the dialog (12.2.1.1): request line, Via, Max-Forwards, Route, From, To,
// Call-ID, CSeq. The caller adds headers (Contact, ...) and sip_put_body(). Strict routers are
// handled.
struct sip_dialog_request {
	struct span method;
	uint32_t cseq;          // sip_dialog_next_cseq(), or that of the INVITE for ACK
	struct sip_via_out via;
	uint32_t max_forwards;  // 0..255
};
uint32_t sip_dialog_next_cseq(struct sip_dialog *dialog);
void sip_dialog_put_request(const struct sip_dialog *dialog, struct sip_writer *w,
	const struct sip_dialog_request *request);

// The URI that the next request is sent to: first route, else the remote target. 0 or -EINVAL.
int sip_dialog_next_hop(const struct sip_dialog *dialog, struct sip_uri *out);
