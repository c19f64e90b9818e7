#include "secure/secure_session.h"

#include "proto/stun_message.h"

#include <stdlib.h>

#define RETRY_MS 1000u // after a handshake with a stranger failed: not a means to keep us busy

struct secure_session {
	struct secure_env *env;
	void *context;
	struct flow_secure agreed;
	struct addr own;
	struct ice_env ice_env;
	struct dtls_identity *identity; // reference to what the agreement's associations show
	struct ice_agent *agent;	// NULL without ICE
	struct dtls_endpoint *endpoint; // NULL without DTLS
	uint64_t listen_again_ms;	// the endpoint failed with a stranger; 0 = no
	bool is_dtls_settled;		// its outcome was counted
	struct flow_secure_result told;
	bool is_told;
};

static void send_ice(void *context, uint32_t local, const struct addr *to, struct span data)
{
	struct secure_session *session = context;

	session->env->send(session->context, local + 1, to, data); // candidates in order
}

static void draw_random(void *context, void *out, uint32_t len)
{
	struct secure_session *session = context;

	session->env->random(session->context, out, len);
}

static void send_dtls(void *context, const struct addr *to, struct span data)
{
	struct secure_session *session = context;

	session->env->send(session->context, ICE_COMPONENT_RTP, to, data);
}

struct secure_session *secure_session_new(struct secure_env *env, void *context)
{
	struct secure_session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->env = env;
	session->context = context;
	session->ice_env = (struct ice_env){ .context = session, .send = send_ice,
		.random = draw_random, .counters = &env->ice };
	return session;
}

void secure_session_free(struct secure_session *session)
{
	if (!session)
		return;
	ice_agent_free(session->agent);
	dtls_endpoint_free(session->endpoint);
	dtls_identity_put(session->identity);
	explicit_bzero(session, sizeof(*session));
	free(session);
}

// ICE ---------------------------------------------------------------------------------------------

static bool own_credentials(const struct flow_secure *secure, struct ice_credentials *out)
{
	return ice_credentials_set(out, span_make(secure->own_ufrag, secure->own_ufrag_bytes),
		       span_make(secure->own_pwd, secure->own_pwd_bytes)) == 0;
}

static void add_locals(struct secure_session *session, const struct flow_secure *secure)
{
	for (uint32_t c = 1; c <= secure->components; c++) {
		struct ice_candidate local = { .addr = session->own, .component = (uint8_t)c,
			.priority = secure->own_priority - (c - 1), .foundation = 1 };

		local.addr.port = (uint16_t)(session->own.port + c - 1);
		ice_agent_add_local(session->agent, &local);
	}
}

static void begin_ice(struct secure_session *session, const struct flow_secure *secure,
	const struct ice_credentials *own, uint64_t now_ms)
{
	session->agent = ice_agent_new();
	if (!session->agent)
		return;
	ice_agent_init(session->agent,
		&(struct ice_params){ .env = &session->ice_env, .own = own,
			.is_lite = secure->ice == FLOW_ICE_LITE,
			.is_controlling = secure->is_controlling,
			.components = secure->components },
		now_ms);
	add_locals(session, secure);
}

static bool is_same_own(const struct flow_secure *a, const struct flow_secure *b)
{
	return a->own_ufrag_bytes == b->own_ufrag_bytes && a->own_pwd_bytes == b->own_pwd_bytes &&
		memcmp(a->own_ufrag, b->own_ufrag, a->own_ufrag_bytes) == 0 &&
		memcmp(a->own_pwd, b->own_pwd, a->own_pwd_bytes) == 0;
}

static bool is_same_far(const struct flow_secure *a, const struct flow_secure *b)
{
	return a->ufrag_bytes == b->ufrag_bytes && a->pwd_bytes == b->pwd_bytes &&
		memcmp(a->ufrag, b->ufrag, a->ufrag_bytes) == 0 &&
		memcmp(a->pwd, b->pwd, a->pwd_bytes) == 0;
}

static void tell_remote(struct secure_session *session, const struct flow_secure *secure,
	bool is_new, uint64_t now_ms)
{
	struct ice_credentials far = { 0 };

	for (uint32_t i = 0; i < secure->candidate_count; i++) {
		const struct flow_candidate *from = &secure->candidates[i];

		ice_agent_add_remote(session->agent,
			&(struct ice_candidate){ .addr = { .ip = from->ip, .port = from->port },
				.priority = from->priority, .foundation = from->foundation,
				.component = from->component, .type = from->type });
	}
	if (is_new && ice_credentials_set(&far, span_make(secure->ufrag, secure->ufrag_bytes),
			      span_make(secure->pwd, secure->pwd_bytes)) == 0)
		ice_agent_set_remote(session->agent, &far, secure->is_remote_lite, now_ms);
}

static void apply_ice(
	struct secure_session *session, const struct flow_secure *secure, uint64_t now_ms)
{
	const struct flow_secure *last = &session->agreed;
	struct ice_credentials own = { 0 };
	bool is_new = !session->agent || last->ice != secure->ice ||
		last->components != secure->components;
	bool is_restart = !is_new && !is_same_own(last, secure);

	if (secure->ice == FLOW_ICE_OFF || !own_credentials(secure, &own)) {
		ice_agent_free(session->agent);
		session->agent = NULL;
		return;
	}
	if (is_new) {
		ice_agent_free(session->agent);
		begin_ice(session, secure, &own, now_ms);
	} else if (is_restart) {
		ice_agent_restart(session->agent, &own, secure->is_controlling, now_ms);
	}
	if (session->agent)
		tell_remote(session, secure, is_new || is_restart || !is_same_far(last, secure),
			now_ms);
}

// DTLS --------------------------------------------------------------------------------------------

static bool is_signaled(const struct secure_session *session, const struct addr *addr)
{
	return addr->port != 0 && addr->port == session->agreed.signaled_port &&
		ip_eq(&addr->ip, &session->agreed.signaled_ip);
}

static void expect(struct secure_session *session)
{
	struct dtls_fingerprint set[FLOW_FINGERPRINTS];

	for (uint32_t i = 0; i < session->agreed.fingerprint_count; i++) {
		set[i].hash = session->agreed.fingerprints[i].hash;
		memcpy(set[i].value, session->agreed.fingerprints[i].value, sizeof(set[i].value));
	}
	if (session->agreed.fingerprint_count)
		dtls_endpoint_expect(session->endpoint, set, session->agreed.fingerprint_count);
}

static void begin_dtls(struct secure_session *session)
{
	const struct flow_secure *agreed = &session->agreed;

	dtls_endpoint_free(session->endpoint);
	session->listen_again_ms = 0;
	session->is_dtls_settled = false;
	session->endpoint = dtls_endpoint_new(&(struct dtls_params){
		.identity = session->identity,
		.is_active = agreed->dtls == FLOW_DTLS_ACTIVE, .mtu = agreed->mtu,
		.cookie_key = session->agent ? NULL : &session->env->cookie_key,
		.context = session, .send = send_dtls });
	if (!session->endpoint)
		return;
	metric_add(&session->env->counters.handshakes, 1);
	expect(session);
}

static bool is_same_fingerprints(const struct flow_secure *a, const struct flow_secure *b)
{
	return a->fingerprint_count == b->fingerprint_count &&
		memcmp(a->fingerprints, b->fingerprints,
			a->fingerprint_count * sizeof(a->fingerprints[0])) == 0;
}

// RFC 8842 4: another role, fingerprint or tls-id is another association.
static bool is_other_association(const struct flow_secure *last, const struct flow_secure *next)
{
	return last->dtls != next->dtls || last->association != next->association ||
		(last->fingerprint_count && !is_same_fingerprints(last, next)) ||
		(last->ice == FLOW_ICE_OFF) != (next->ice == FLOW_ICE_OFF);
}

// Tells the endpoint where the far end is, as far as that is known; an active one begins then.
static void aim_dtls(struct secure_session *session)
{
	struct addr to = { .ip = session->agreed.signaled_ip,
		.port = session->agreed.signaled_port };
	uint32_t local;

	if (!session->endpoint || session->listen_again_ms)
		return;
	if (session->agent &&
		!ice_agent_selected(session->agent, ICE_COMPONENT_RTP, &local, &to))
		return;
	// Without ICE a passive endpoint answers whoever has shown a cookie.
	if (to.port && (session->agent || session->agreed.dtls == FLOW_DTLS_ACTIVE))
		dtls_endpoint_start(session->endpoint, &to);
}

static void apply_dtls(struct secure_session *session, const struct flow_secure *last)
{
	if (session->agreed.dtls == FLOW_DTLS_OFF) {
		dtls_endpoint_free(session->endpoint);
		session->endpoint = NULL;
		return;
	}
	if (!session->endpoint || is_other_association(last, &session->agreed))
		begin_dtls(session);
	else if (!is_same_fingerprints(last, &session->agreed))
		expect(session);
}

static bool is_dtls_source(const struct secure_session *session, const struct addr *source)
{
	if (session->agent)
		return ice_agent_is_validated(session->agent, 0, source);
	if (session->agreed.dtls == FLOW_DTLS_ACTIVE)
		return is_signaled(session, source);
	return true; // the endpoint asks for cookies
}

// Somebody with a cookie is shaking hands while the signaled far end comes: it has the right.
static bool is_to_displace(struct secure_session *session, const struct addr *source)
{
	struct addr peer = dtls_endpoint_peer(session->endpoint);

	return !session->agent && session->agreed.dtls == FLOW_DTLS_PASSIVE &&
		dtls_endpoint_state(session->endpoint) == DTLS_STATE_HANDSHAKE &&
		is_signaled(session, source) && !addr_eq(&peer, source);
}

static void receive_dtls(
	struct secure_session *session, const struct addr *source, struct span datagram)
{
	if (!session->endpoint || session->listen_again_ms || !is_dtls_source(session, source)) {
		metric_add(&session->env->counters.dtls_unwanted, 1);
		return;
	}
	if (is_to_displace(session, source))
		begin_dtls(session);
	// Before a pair is selected answers go where the question came from.
	if (session->endpoint && session->agent) {
		dtls_endpoint_start(session->endpoint, source);
		aim_dtls(session);
	}
	if (session->endpoint)
		dtls_endpoint_receive(session->endpoint, source, datagram);
}

// Counts how a handshake ended; one with a stranger has not been the one that was agreed.
static void settle_dtls(struct secure_session *session, uint64_t now_ms)
{
	struct secure_counters *counters = &session->env->counters;
	enum dtls_state state = dtls_endpoint_state(session->endpoint);
	struct addr peer = dtls_endpoint_peer(session->endpoint);

	if (session->is_dtls_settled ||
		(state != DTLS_STATE_CONNECTED && state != DTLS_STATE_FAILED))
		return;
	session->is_dtls_settled = true;
	if (state == DTLS_STATE_CONNECTED)
		metric_add(&counters->connected, 1);
	else if (dtls_endpoint_failure(session->endpoint) == DTLS_FAILURE_FINGERPRINT)
		metric_add(&counters->failed_fingerprint, 1);
	else
		metric_add(&counters->failed, 1);
	if (state == DTLS_STATE_FAILED && !session->agent && !is_signaled(session, &peer) &&
		session->agreed.dtls == FLOW_DTLS_PASSIVE) {
		session->listen_again_ms = now_ms + RETRY_MS;
		metric_add(&counters->listened_again, 1);
	}
}

static void run_dtls(struct secure_session *session, uint64_t now_ms)
{
	if (!session->endpoint)
		return;
	if (session->listen_again_ms && now_ms >= session->listen_again_ms)
		begin_dtls(session);
	aim_dtls(session);
	if (session->endpoint) {
		dtls_endpoint_run(session->endpoint);
		settle_dtls(session, now_ms);
	}
}

// All of it --------------------------------------------------------------------------------------

// An association that begins later shows it too, whatever other legs were told of meanwhile.
static void hold_identity(struct secure_session *session)
{
	struct dtls_identity *last = session->identity;

	session->identity = dtls_identity_get(session->env->identity);
	dtls_identity_put(last);
}

void secure_session_apply(struct secure_session *session, const struct flow_secure *secure,
	const struct addr *own, uint64_t now_ms)
{
	struct flow_secure last = session->agreed;

	session->own = *own;
	hold_identity(session);
	apply_ice(session, secure, now_ms);
	session->agreed = *secure;
	apply_dtls(session, &last);
	session->is_told = false; // another agreement wants its own result
	secure_session_run(session, now_ms);
	explicit_bzero(&last, sizeof(last));
}

void secure_session_receive(struct secure_session *session, uint32_t component,
	const struct addr *source, struct span datagram, uint64_t now_ms)
{
	const uint8_t *bytes = (const uint8_t *)datagram.ptr;
	enum rtp_demux kind = rtp_demux_of(bytes, datagram.len);

	if (kind == RTP_DEMUX_DTLS && component == ICE_COMPONENT_RTP)
		receive_dtls(session, source, datagram);
	else if (kind == RTP_DEMUX_STUN && session->agent && component >= 1 &&
		component <= session->agreed.components)
		ice_agent_receive(session->agent, component - 1, source, datagram, now_ms);
	else
		metric_add(kind == RTP_DEMUX_STUN ? &session->env->counters.stun_unwanted :
						    &session->env->counters.dtls_unwanted,
			1);
	secure_session_run(session, now_ms);
}

void secure_session_run(struct secure_session *session, uint64_t now_ms)
{
	if (session->agent)
		ice_agent_run(session->agent, now_ms);
	run_dtls(session, now_ms);
}

uint64_t secure_session_next(struct secure_session *session, uint64_t now_ms)
{
	uint64_t next = session->agent ? ice_agent_next(session->agent) : UINT64_MAX;
	uint32_t wait_ms =
		session->endpoint ? dtls_endpoint_wait_ms(session->endpoint) : UINT32_MAX;

	if (wait_ms != UINT32_MAX && now_ms + wait_ms < next)
		next = now_ms + wait_ms;
	if (session->listen_again_ms && session->listen_again_ms < next)
		next = session->listen_again_ms;
	return next;
}

static uint8_t dtls_state_of(const struct secure_session *session)
{
	if (!session->endpoint)
		return FLOW_SECURE_DTLS_NONE;
	if (session->listen_again_ms)
		return FLOW_SECURE_DTLS_RUNNING;
	switch (dtls_endpoint_state(session->endpoint)) {
	case DTLS_STATE_CONNECTED:
	case DTLS_STATE_CLOSED:
		return FLOW_SECURE_DTLS_DONE;
	case DTLS_STATE_FAILED:
		return FLOW_SECURE_DTLS_FAILED;
	case DTLS_STATE_LISTENING:
	case DTLS_STATE_HANDSHAKE:
	case DTLS_STATE_UNVERIFIED:
		break;
	}
	return FLOW_SECURE_DTLS_RUNNING;
}

static void put_keys(const struct secure_session *session, struct flow_secure_result *out)
{
	struct dtls_keys keys;

	if (!dtls_endpoint_keys(session->endpoint, &keys))
		return;
	out->suite = (uint8_t)keys.suite;
	out->association = session->agreed.association;
	memcpy(out->own_key, keys.own.key, sizeof(keys.own.key));
	memcpy(out->far_key, keys.far.key, sizeof(keys.far.key));
	memcpy(out->own_salt, keys.own.salt, sizeof(keys.own.salt));
	memcpy(out->far_salt, keys.far.salt, sizeof(keys.far.salt));
	explicit_bzero(&keys, sizeof(keys));
}

bool secure_session_take_result(struct secure_session *session, struct flow_secure_result *out)
{
	struct flow_secure_result now;

	memset(&now, 0, sizeof(now));
	now.dtls_state = dtls_state_of(session);
	if (session->endpoint) {
		now.dtls_failure = (uint8_t)dtls_endpoint_failure(session->endpoint);
		put_keys(session, &now);
	}
	if (session->agent)
		now.ice_state = (uint8_t)ice_agent_state(session->agent);
	for (uint32_t c = 0; session->agent && c < session->agreed.components; c++) {
		struct addr remote;
		uint32_t local;

		if (ice_agent_selected(session->agent, c + 1, &local, &remote)) {
			now.selected[c].ip = remote.ip;
			now.selected[c].port = remote.port;
		}
	}
	bool is_news = !session->is_told || memcmp(&now, &session->told, sizeof(now)) != 0;
	if (is_news) {
		session->told = now;
		session->is_told = true;
		*out = now;
	}
	explicit_bzero(&now, sizeof(now));
	return is_news;
}
