// ice_private.h - the agent's memory, for the sources of media/ice and their tests only.
#pragma once

#include "ice/ice_agent.h"
#include "proto/stun_message.h"

// RFC 8445 14, RFC 8489 6.2.1, RFC 8863 4, RFC 7675 5.1. Milliseconds.
#define ICE_TA_MS	     50u    // between two checks
#define ICE_RTO_MIN_MS	     500u
#define ICE_SENDS_MAX	     7u	    // Rc: transmissions of one check
#define ICE_WAIT_LAST	     16u    // Rm: times RTO after the last of them
#define ICE_PATIENCE_MS	     39500u // before all is given up
#define ICE_NOMINATE_WAIT_MS 300u   // for a better pair than the first valid one
#define ICE_RENOMINATE_MS    2000u  // a nomination older than that gives way to a lesser pair
#define ICE_CONSENT_MS	     5000u  // period, randomised by 20 %
#define ICE_CONSENT_END_MS   30000u

enum ice_pair_state {
	ICE_PAIR_FROZEN,
	ICE_PAIR_WAITING,
	ICE_PAIR_RUNNING,
	ICE_PAIR_SUCCEEDED,
	ICE_PAIR_FAILED,
};

// A Binding request that is out.
struct ice_check {
	uint8_t transaction[STUN_TRANSACTION_BYTES];
	uint8_t last[STUN_TRANSACTION_BYTES]; // of the check that this one replaced
	uint64_t due_ms;		      // next transmission, or the end
	uint32_t rto_ms;		      // doubled at each transmission
	uint8_t sends;
	uint8_t role;	                      // enum stun_role it was sent with
	bool is_nominating;
};

struct ice_pair {
	uint64_t priority;
	uint64_t nominated_ms; // when the far end did so last, 0 = never
	uint32_t foundation;
	uint32_t queued; // order among the triggered checks, 0 = not queued
	uint8_t local, remote; // indexes
	uint8_t component;
	uint8_t state;    // enum ice_pair_state
	bool is_heard;    // an authentic check came by it
	bool is_valid;    // a check of ours was answered
	bool is_wanted;   // we are nominating it
	struct ice_check check;
};

// What media of one component uses.
struct ice_component {
	struct addr remote;
	uint64_t priority;	   // of the pair
	uint64_t nominated_ms;
	uint64_t valid_ms;	   // first valid pair of these checks, 0 = none yet
	uint64_t consent_due_ms;
	uint64_t consent_until_ms;
	uint8_t consent[2][STUN_TRANSACTION_BYTES]; // the last requests for it
	uint8_t local;
	bool is_selected;
	bool is_old; // selected before the restart: lives on with the credentials of then
	bool is_lost;
};

struct ice_agent {
	const struct ice_env *env;
	struct ice_credentials own, remote;
	struct ice_credentials old_own, old_remote; // before the restart
	uint64_t tie_breaker;
	uint64_t started_ms; // checks began, 0 = not yet
	uint64_t next_check_ms;
	uint64_t ran_ms; // ice_agent_run() was last called
	uint32_t components;
	uint32_t local_count, remote_count, pair_count;
	uint32_t queued; // last order given to a triggered check
	uint32_t events;
	uint8_t state; // enum ice_state
	bool is_lite, is_remote_lite;
	bool is_controlling;
	struct ice_candidate locals[ICE_LOCALS_MAX];
	struct ice_candidate remotes[ICE_REMOTES_MAX];
	struct ice_pair pairs[ICE_PAIRS_MAX];
	struct ice_component component[ICE_COMPONENTS_MAX];
};

static inline struct ice_component *ice_component_of(
	struct ice_agent *agent, const struct ice_pair *pair)
{
	return &agent->component[pair->component - 1];
}

static inline struct span ice_key(const struct ice_credentials *credentials)
{
	return span_make(credentials->pwd, credentials->pwd_len);
}

static inline enum stun_role ice_role(const struct ice_agent *agent)
{
	return agent->is_controlling ? STUN_ROLE_CONTROLLING : STUN_ROLE_CONTROLLED;
}

// ice_pair.c --------------------------------------------------------------------------------------

// The pair of these two, made if it is new and there is room; NULL: none.
struct ice_pair *ice_pair_make(struct ice_agent *agent, uint32_t local, uint32_t remote);
// All that candidates allow (RFC 8445 6.1.2).
void ice_pairs_form(struct ice_agent *agent);
// Priorities anew, after the roles were exchanged.
void ice_pairs_rank(struct ice_agent *agent);
// Sets one pair of each foundation waiting (RFC 8445 6.1.2.6).
void ice_pairs_thaw(struct ice_agent *agent);
// Those frozen ones that have the foundation of a pair that works (RFC 8445 7.2.5.3.3).
void ice_pairs_thaw_like(struct ice_agent *agent, const struct ice_pair *pair);
// The next pair for a triggered, else an ordinary check; NULL: none.
struct ice_pair *ice_pairs_next(struct ice_agent *agent);
void ice_pair_queue(struct ice_agent *agent, struct ice_pair *pair);

// ice_check.c -------------------------------------------------------------------------------------

// A Binding request; `is_old`: with the credentials of before the restart.
void ice_request_send(struct ice_agent *agent, uint32_t local, const struct addr *to,
	const struct ice_check *check, bool is_old);
void ice_checks_run(struct ice_agent *agent, uint64_t now_ms);
uint64_t ice_checks_next(const struct ice_agent *agent);
// The roles are exchanged, with a new tie breaker (RFC 8445 7.2.5.1, 7.3.1.1).
void ice_role_switch(struct ice_agent *agent);
// The far end, or our check, nominated the pair: takes it unless a better one is in force.
void ice_pair_select(struct ice_agent *agent, struct ice_pair *pair, uint64_t now_ms);
// A check on it was answered.
void ice_pair_succeed(struct ice_agent *agent, struct ice_pair *pair, uint64_t now_ms);
void ice_pair_fail(struct ice_pair *pair);

// ice_consent.c -----------------------------------------------------------------------------------

void ice_consent_begin(struct ice_agent *agent, struct ice_component *component, uint64_t now_ms);
void ice_consents_run(struct ice_agent *agent, uint64_t now_ms);
uint64_t ice_consents_next(const struct ice_agent *agent);
// The component that the response is for, NULL: none.
struct ice_component *ice_consent_find(struct ice_agent *agent, const uint8_t *transaction);
void ice_consent_end(struct ice_agent *agent, struct ice_component *component);

// ice_receive.c -----------------------------------------------------------------------------------

// The index of the far end's candidate with that address, or ICE_REMOTES_MAX.
uint32_t ice_remote_find(
	const struct ice_agent *agent, const struct addr *addr, uint32_t component);
