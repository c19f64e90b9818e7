// session.h - session timers (RFC 4028), on each leg by itself.
//
// A leg has an interval once its INVITE was answered with one; whoever is its refresher sends an
// UPDATE or a re-INVITE in time, or the call ends on both legs. Every INVITE and UPDATE of a leg
// says Session-Expires again, also one that crosses for another reason. The timers themselves are
// the call's: a leg may move to another call, where session_resume() starts them anew. Owner thread
// only.
#pragma once

#include "sip/build.h"
#include "sip/transaction.h"

struct call;
struct call_leg;
struct config_profile;
struct core;

#define SESSION_MOST_S 86400u // a longer interval is not believed

enum session_refresher { SESSION_REFRESHER_NONE, SESSION_REFRESHER_UAC, SESSION_REFRESHER_UAS };

struct leg_session {
	uint64_t expires_ms;     // of the interval in force
	uint32_t interval_s;     // in force, 0 = no timer
	bool is_ours;            // we refresh
	uint32_t far_min_s;      // Min-SE that the far end's 422 asked for, 0 = none
	uint32_t raises;         // how often it did
	uint32_t asked_s;        // by the far end's request at hand, 0 = nothing
	uint32_t asked_min_s;
	enum session_refresher asked_refresher;
};

// An interval below our least one: 422 with Min-SE. True: refused.
bool session_refuse(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_msg *msg, const struct config_profile *profile);
// An INVITE or UPDATE of the far end, whose 2xx session_put_answer() will write.
void session_hear_request(struct call_leg *leg, const struct sip_msg *msg);
// Lines of a 2xx to it; the interval begins.
void session_put_answer(struct sip_writer *w, struct call_leg *leg, const struct sip_turn *turn);
// Lines of our own INVITE or UPDATE.
void session_put_request(struct sip_writer *w, const struct call_leg *leg,
	const struct sip_turn *turn);
// The 2xx to it: the interval begins, or there is none.
void session_hear_answer(struct call_leg *leg, const struct sip_turn *turn,
	const struct sip_msg *msg);
// A 422 to it: true if it is to be sent again, with the interval that it asks for.
bool session_raise(struct call_leg *leg, const struct sip_msg *msg);
// The answer to a re-INVITE that was sent for nothing but the refresh.
void session_refreshed(struct call_leg *leg, const struct sip_turn *turn,
	const struct sip_msg *msg);
// A leg that came from elsewhere goes on with its interval.
void session_resume(struct call_leg *leg, uint64_t now_ms);
void session_stop(struct call_leg *leg);
