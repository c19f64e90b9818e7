// body.h - what of a message's body crosses the border: its session description, and the parts that
// the profiles of both sides list (RFC 5621).
//
// Pure core, owner thread. The session description is for offer.h; the parts go along as they are,
// with their Content-Type, Content-Disposition, Content-ID and Content-Transfer-Encoding. What is
// not listed is dropped where the sender says that this does no harm (handling=optional), else the
// request is refused. A response cannot be refused: such parts are dropped from it.
#pragma once

#include "call/summary.h"
#include "sip/multipart.h"

struct call;
struct core;
struct core_env;
struct config_profile;

struct call_body {
	struct span sdp;   // borrowed from the message, empty = none
	struct span parts; // for struct sip_body; good until the next body_read(), empty = none
};

enum body_verdict {
	BODY_OK,
	BODY_MALFORMED,   // no Content-Type, or a multipart that cannot be taken apart: 400
	BODY_UNSUPPORTED, // a part that must be understood and is not listed, or a coding: 415
};

// Of a message from leg `from` of a call, for the other leg. With another verdict than BODY_OK
// *out holds what may cross all the same.
enum body_verdict body_read(struct call *call, const struct core_env *env, enum call_side from,
	const struct sip_msg *msg, struct call_body *out);
// The same outside a call, between two profiles.
enum body_verdict body_read_between(struct core *core, const struct core_env *env,
	const struct config_profile *const profiles[CALL_LEGS], const struct sip_msg *msg,
	struct call_body *out);
// The session description alone, whatever else there is; empty = none.
struct span body_sdp(const struct sip_msg *msg);
// "Accept: ..." line with what that profile's side may send.
void body_put_accept(struct sip_writer *w, const struct config_profile *profile);
