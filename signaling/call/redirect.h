// redirect.h - 3xx answers to a first INVITE (RFC 3261 8.1.3.4): followed, or passed on.
//
// Followed are 300, 301 and 302, Contact by Contact in the order of q. A Contact only names a user:
// where it is called is decided by the routes that hold for the caller, so nobody is led to where
// he could not have called himself. For another trunk the INVITE is made anew from the caller's: by
// its profile, for its realm's trust and with that realm's media; the caller's ports stay. Each
// user is tried once, at most REDIRECT_TRIED_MAX in a call, within limits.ring_timeout as a whole,
// and each step costs a hop of Max-Forwards, so that no chain of trunks is without end. Pure core,
// owner thread.
#pragma once

#include "call/core_private.h"

#define REDIRECT_TRIED_MAX 5u
#define REDIRECT_LINES_MAX 2048u

// Before the first INVITE leaves: keeps the caller's if leg B's profile says that 3xx are followed.
// True: it says so.
bool redirect_prepare(struct call *call, const struct core_env *env, const struct sip_msg *invite);
// Takes the Contacts of a 3xx and calls the first of them, if the profile of leg B says so. False:
// none can be called.
bool redirect_follow(struct call *call, const struct sip_turn *turn, const struct sip_msg *msg);
// The one that was called failed: the next one. False: there is none.
bool redirect_next(struct call *call, const struct sip_turn *turn);
// Where the profile passes 3xx on: their status, and Contacts with our own host instead of theirs.
// `lines` is of REDIRECT_LINES_MAX bytes and must live until the answer is sent.
void redirect_pass(struct call *call, const struct sip_msg *msg, struct leg_response *response,
	char *lines);
