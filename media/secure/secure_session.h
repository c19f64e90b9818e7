// secure_session.h - ICE and DTLS of one leg: what they know of each other.
//
// DTLS is heard only from where ICE has validated a source; without ICE from the signaled address,
// or from whoever brings back a cookie. The selected pair is where DTLS sends to. What comes out is
// a struct flow_secure_result, which signaling turns into the flow's remote address and keys.
//
// Pure but for OpenSSL's timers: datagrams and the time come in by calls, what is to be sent leaves
// by a callback. Owned by the slow thread.
#pragma once

#include "dtls/dtls_endpoint.h"
#include "ice/ice_agent.h"
#include "shm/flow_secure.h"

struct secure_session;

// writer: the slow thread.
struct secure_counters {
#define METRIC(field, kind, unit, help) _Atomic uint64_t field;
#include "secure/secure_metric.def"
#undef METRIC
};

struct secure_env {
	// Component 1 leaves by the leg's RTP port, 2 by the next one. Borrowed for the call.
	void (*send)(void *context, uint32_t component, const struct addr *to, struct span data);
	void (*random)(void *context, void *out, uint32_t len);
	struct hash_key cookie_key;
	struct ice_counters ice;
	struct secure_counters counters;
	struct dtls_identity *identity; // the next secure_session_apply() takes a reference
};

// `context` is for env->send and env->random; env is borrowed for the session's life. NULL: out of
// memory.
struct secure_session *secure_session_new(struct secure_env *env, void *context);
void secure_session_free(struct secure_session *session); // NULL is fine

// The agreement, at first or another one of the same incarnation: what it has in common with the
// one before goes on. `own` is the leg's RTP address. Valid by flow_secure_is_valid().
void secure_session_apply(struct secure_session *session, const struct flow_secure *secure,
	const struct addr *own, uint64_t now_ms);

// What came to a port of the leg and is neither RTP nor RTCP.
void secure_session_receive(struct secure_session *session, uint32_t component,
	const struct addr *source, struct span datagram, uint64_t now_ms);

void secure_session_run(struct secure_session *session, uint64_t now_ms);
// When secure_session_run() has work, UINT64_MAX = never without further calls.
uint64_t secure_session_next(struct secure_session *session, uint64_t now_ms);

// True: *out is the result, which differs from the one taken last. The caller wipes its keys.
bool secure_session_take_result(struct secure_session *session, struct flow_secure_result *out);
