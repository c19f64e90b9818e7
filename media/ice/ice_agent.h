// ice_agent.h - one side of ICE for one media stream (RFC 8445): lite or full, controlling or
// controlled, with consent freshness (RFC 7675).
//
// A pure state machine: no socket, no clock, no allocation. Datagrams and the time come in by
// calls, what is to be sent leaves by a callback. Owned by one thread (the slow thread, a test).
// Candidates of ours are addresses that we own: nothing is gathered from servers. The far end's
// come from signaling, also one by one, and from its checks.
#pragma once

#include "base/addr.h"
#include "base/metric.h"
#include "proto/ice.h"

#define ICE_LOCALS_MAX	4u
#define ICE_REMOTES_MAX 24u
#define ICE_PAIRS_MAX	48u

struct ice_agent;

struct ice_credentials {
	uint16_t ufrag_len, pwd_len; // bytes, 0 = not known yet
	char ufrag[ICE_SECRET_MAX];
	char pwd[ICE_SECRET_MAX];
};

// 0, or -EINVAL: too short, too long, or not of ice-chars.
int ice_credentials_set(struct ice_credentials *credentials, struct span ufrag, struct span pwd);

struct ice_candidate {
	struct addr addr;
	uint32_t priority;   // 1..2^31-1
	uint32_t foundation; // equal ones share their fate at first (RFC 8445 5.1.1.3): any hash
	uint8_t component;   // 1..ICE_COMPONENTS_MAX
	uint8_t type;	     // enum ice_type
};

// writer: the agent's thread; agents may share them.
struct ice_counters {
#define METRIC(field, kind, unit, help) _Atomic uint64_t field;
#include "ice/ice_metric.def"
#undef METRIC
};

struct ice_env {
	void *context;
	// `data` is borrowed for the call. `local` names the candidate to send from.
	void (*send)(void *context, uint32_t local, const struct addr *to, struct span data);
	// Random bytes that nobody can guess; tests take them from a seed.
	void (*random)(void *context, void *out, uint32_t len);
	struct ice_counters *counters;
};

struct ice_params {
	const struct ice_env *env; // borrowed for the agent's life
	bool is_lite;
	bool is_controlling;	   // a lite agent never is
	uint32_t components;	   // 1 with rtcp-mux, else 2
	const struct ice_credentials *own;
};

enum ice_state {
	ICE_STATE_WAITING,   // for the far end's credentials (full), or its checks (lite)
	ICE_STATE_RUNNING,   // checks go on
	ICE_STATE_COMPLETED, // each component has its pair
	ICE_STATE_FAILED,    // nothing works
};

enum ice_event {
	ICE_EVENT_SELECTED = 1 << 0,	 // a component has a pair, or another one
	ICE_EVENT_COMPLETED = 1 << 1,	 // the last component got its first
	ICE_EVENT_FAILED = 1 << 2,	 // no pair works (RFC 8863: after all patience)
	ICE_EVENT_CONSENT_LOST = 1 << 3, // RFC 7675 5.1: nothing may be sent there any more
	ICE_EVENT_ROLE = 1 << 4,	 // controlling and controlled were exchanged
};

// Heap, about 6 kB. NULL: out of memory.
struct ice_agent *ice_agent_new(void);
void ice_agent_free(struct ice_agent *agent);

// (Re)starts: forgets everything. `now_ms` is of a clock that never goes back, not 0.
void ice_agent_init(struct ice_agent *agent, const struct ice_params *params, uint64_t now_ms);
// RFC 8445 9: new credentials, candidates and checks; media goes on by the pairs that were
// selected, and these keep their consent, until others are.
void ice_agent_restart(struct ice_agent *agent, const struct ice_credentials *own,
	bool is_controlling, uint64_t now_ms);

// Own candidate, its index being its place in the order of the calls. -ENOSPC, -EINVAL: no such
// component.
int ice_agent_add_local(struct ice_agent *agent, const struct ice_candidate *candidate);
// What the far end signaled. A restart of its own (another ufrag while one is known) is the
// caller's to notice: it restarts the agent first.
void ice_agent_set_remote(struct ice_agent *agent, const struct ice_credentials *remote,
	bool is_remote_lite, uint64_t now_ms);
// 0; -ENOSPC: enough of them; -EINVAL: no address that can be checked. Known ones are ignored.
int ice_agent_add_remote(struct ice_agent *agent, const struct ice_candidate *candidate);

// A datagram that stun_is_message() took, received at own candidate `local`. False: not authentic,
// malformed, or unexpected; it changed nothing.
bool ice_agent_receive(struct ice_agent *agent, uint32_t local, const struct addr *source,
	struct span datagram, uint64_t now_ms);

// Sends what is due. Call it at ice_agent_next(), after each call above, and any time.
void ice_agent_run(struct ice_agent *agent, uint64_t now_ms);
// When ice_agent_run() has work, UINT64_MAX = never without further calls.
uint64_t ice_agent_next(const struct ice_agent *agent);

enum ice_state ice_agent_state(const struct ice_agent *agent);
bool ice_agent_is_controlling(const struct ice_agent *agent);
// enum ice_event bits since the last call.
uint32_t ice_agent_take_events(struct ice_agent *agent);
// Where the component's media comes from and goes to. False: not selected, or consent is lost.
bool ice_agent_selected(const struct ice_agent *agent, uint32_t component, uint32_t *local,
	struct addr *remote);
// Whether an authentic check came from there, or was answered there: who may begin DTLS.
bool ice_agent_is_validated(
	const struct ice_agent *agent, uint32_t local, const struct addr *source);
