// hide.h - what one side of the border may see of the other: the allow-list and its parts.
//
// Messages are built anew; what no function here writes does not cross. Pure, owner thread. Parts:
// identity.c (who calls, RFC 3323, 3325), divert.c (who diverted, RFC 5806, 7044, 7544), cause.c
// (why it failed, RFC 3326), challenge.c (digest between the ends), session_id.c (RFC 7989), edit.c
// (rules of the profiles).
#pragma once

#include "call/call.h"
#include "sip/build.h"

// A message on its way from one peer to another.
struct hide_params {
	const struct sip_msg *msg;
	struct addr own;                   // our address on the other leg
	const struct config_profile *from; // of the peer that sent it
	const struct config_profile *to;   // of the peer that will get it
	bool is_from_trusted, is_to_trusted; // their realms (RFC 3325)
	bool is_emergency;
	const struct config_trunk *caller; // that may name its own numbers only (caller.h), or NULL
};

// Of a message that came by leg `from` of a call.
struct hide_params hide_params_of(const struct call *call, const struct core_env *env,
	enum call_side from, const struct sip_msg *msg);

// The header lines of a request or of a 1xx or 2xx answer that go along, whatever its method.
void hide_put_request(struct sip_writer *w, const struct hide_params *params);
void hide_put_answer(struct sip_writer *w, const struct hide_params *params);
// Those of an error answer, Reason included.
void hide_put_error(struct sip_writer *w, const struct hide_params *params);
// The status that the other side is told for an error answer, by its profile; and where no profile
// has a say.
uint16_t hide_told(const struct hide_params *params);
uint16_t hide_status(uint16_t status);

// The same for a message that came by leg `from` of a call, in core->extra: empty where it does not
// fit, for the call matters more than its decoration.
struct span hide_request(struct call *call, enum call_side from, const struct sip_msg *msg);
struct span hide_answer(struct call *call, enum call_side from, const struct sip_msg *msg);
struct span hide_error(struct call *call, enum call_side from, const struct sip_msg *msg,
	uint16_t *status);
// Credentials of a request in the call, Authentication-Info of its 2xx, behind `lines`, in `buf` of
// CORE_EXTRA_MAX bytes; `lines` alone where the profile lets none pass.
struct span hide_add_credentials(const struct call *call, enum call_side from,
	const struct sip_msg *msg, struct span lines, char *buf);
// Whether that answer is a challenge that goes on to the other side.
bool hide_is_challenge(const struct call *call, enum call_side from, const struct sip_msg *msg);
// Reason of a BYE or CANCEL.
struct span hide_reason(struct call *call, enum call_side from, const struct sip_msg *msg);

// The host that a peer sees as ours, in From and in identities.
void hide_put_own_host(struct sip_writer *w, const struct hide_params *params);

// identity.c -------------------------------------------------------------------------------------

// Values of Privacy (RFC 3323 4.2, RFC 3325 9.3, RFC 7044 10.1), as bits.
enum privacy {
	PRIVACY_NONE = 1 << 0,
	PRIVACY_HEADER = 1 << 1,
	PRIVACY_SESSION = 1 << 2,
	PRIVACY_USER = 1 << 3,
	PRIVACY_ID = 1 << 4,
	PRIVACY_HISTORY = 1 << 5,
	PRIVACY_CRITICAL = 1 << 6,
};
uint32_t identity_privacy(const struct sip_msg *msg);
// It is critical, and asks for what we cannot grant: 500 (RFC 3323 4.2, 5). All that it knows by
// name is granted: what `header` and `session` mean no call through us shows.
bool identity_is_refused(const struct sip_msg *msg);
// Whether the caller must stay unknown to the peer that gets the message.
bool identity_is_hidden(const struct hide_params *params);
// From names nobody (RFC 3323 4.1.1.3).
bool identity_is_anonymous(const struct sip_msg *msg);
// P-Asserted-Identity and Privacy.
void identity_put(struct sip_writer *w, const struct hide_params *params);
// The value of From without its tag; `user` unescaped.
void identity_put_from(struct sip_writer *w, const struct hide_params *params, struct span user);

// divert.c ---------------------------------------------------------------------------------------

#define DIVERT_MAX 8u // of one call, older ones are forgotten first

// Who diverted a call, and why, in the order of time.
struct divert_entry {
	char user[CALL_PARTY_MAX];
	uint16_t cause;     // SIP status (RFC 4458): 302 unconditional, 486 busy, ...
	uint8_t times;      // Diversion's counter, 1..99
	bool is_private;
};
struct divert {
	uint32_t count;
	struct divert_entry entries[DIVERT_MAX];
};
// What Diversion or History-Info of the message say. Returns how many entries.
uint32_t divert_read(struct divert *divert, const struct sip_msg *msg);
// Keeps that in the call. False: its arena is full.
bool divert_receive(struct call *call, const struct sip_msg *msg);
// A redirection that we follow: `user` was called and diverted by an answer `cause` (302, ...).
bool divert_add(struct call *call, struct span user, uint16_t cause);
// As the profile of the peer wants it; `target` is the user that is called now.
void divert_put(struct sip_writer *w, const struct divert *divert,
	const struct hide_params *params, struct span target);

// cause.c ----------------------------------------------------------------------------------------

// Q.850 cause of a final SIP status >= 300 (RFC 3398 8.2.6.1), and back (7.2.4.1). 0: none fits.
uint32_t cause_of_status(uint32_t status);
uint32_t cause_to_status(uint32_t cause);
// Reason lines for the peer, of a BYE or CANCEL (status 0) or an error answer.
void cause_put(struct sip_writer *w, const struct hide_params *params, uint32_t status);

// challenge.c ------------------------------------------------------------------------------------

// Whether a 401 or 407 goes to the other side as it is: its sender challenges from end to end.
bool challenge_passes(const struct hide_params *params);
// Challenges of such an answer; credentials of a request to such a peer; Authentication-Info.
void challenge_put(struct sip_writer *w, const struct hide_params *params);
void challenge_put_credentials(struct sip_writer *w, const struct hide_params *params);
void challenge_put_info(struct sip_writer *w, const struct hide_params *params);

// session_id.c -----------------------------------------------------------------------------------

// The caller's and, once known, the called side's UUID.
void session_id_begin(struct call *call, const struct core_env *env, const struct sip_msg *invite);
// What a message from leg `side` says of its end; an answer that says nothing gets one made.
void session_id_learn(struct call *call, const struct core_env *env, enum call_side side,
	const struct sip_msg *msg);
// A leg's UUID as bytes, for its record. False: it has none yet.
#define SESSION_ID_BYTES 16u
bool session_id_pack(const struct call_leg *leg, uint8_t out[SESSION_ID_BYTES]);
void session_id_unpack(struct call_leg *leg, const uint8_t in[SESSION_ID_BYTES]);
// The line of a message to leg `side`.
void session_id_put(struct sip_writer *w, const struct call *call, enum call_side side);

// emergency.c ------------------------------------------------------------------------------------

// By its Request-URI, the realm's numbers, or Resource-Priority of a trusted realm.
bool emergency_is(const struct core_env *env, uint32_t realm, const struct sip_msg *msg);
// Once, before the call takes a trunk: marks and counts it.
void emergency_mark(struct call *call);
// Of a service URN (RFC 5031) what routes match: "sos", "sos.fire"; empty = it is none.
struct span emergency_user(const struct sip_uri *uri);

// edit.c: rules and names of the profiles --------------------------------------------------------

// Profile of whoever sent the message: its dialog's leg, its trunk, its realm.
const struct config_profile *edit_peer(struct core *core, const struct core_env *env,
	const struct sip_received *in);
// The message as the rules `in` of the profile leave it; the same one where they change nothing.
// Valid until the next call.
const struct sip_msg *edit_receive(struct core *core, const struct config_profile *profile,
	const struct sip_msg *msg);
// Likewise a complete message of ours and the rules `out`.
struct span edit_send(struct core *core, const struct config_profile *profile,
	struct span message);
// User-Agent or Server.
void edit_put_agent(struct sip_writer *w, const struct config_profile *profile, bool is_request);
// The profile's own reason phrase, empty = the usual one.
struct span edit_phrase(const struct config_profile *profile, uint16_t status);
