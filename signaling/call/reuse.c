// reuse.c - connection reuse (RFC 5923): when we offer it, and when an offer is heard.
#include "call/core_private.h"

bool reuse_is_offered(const struct config *config, listener_id listener, uint32_t tls_trunk,
	const struct config_profile *profile)
{
	enum sip_transport transport = listener_local(config, listener).transport;
	const struct config_trunk *trunk =
		tls_trunk > 0 && tls_trunk <= config->trunk_count ? &config->trunks[tls_trunk - 1] :
								    NULL;

	if (transport == SIP_TRANSPORT_TCP)
		return profile->flow.reuse == PROFILE_REUSE_ADDRESS;
	// Who shows no certificate proves nothing (5).
	return transport == SIP_TRANSPORT_TLS && profile->flow.reuse != PROFILE_REUSE_OFF &&
		!(trunk && trunk->has_tls && !trunk->tls.cert);
}

void reuse_hear(struct core *core, const struct sip_turn *turn, const struct sip_received *in)
{
	const struct core_env *env = core_env_of(turn);
	const struct sip_via *via = &in->msg->via;
	struct sip_local local = listener_local(env->config, in->hop.listener);
	bool is_tls = local.transport == SIP_TRANSPORT_TLS;

	if (!in->msg->is_request || !via->has_alias || !in->hop.connection || in->hop.is_dialled ||
		in->hop.is_bound || (!is_tls && local.transport != SIP_TRANSPORT_TCP))
		return;
	int trunk = trunk_find(env->config, &in->hop);
	if (trunk < 0)
		return;
	uint32_t reuse =
		config_profile(env->config, env->config->trunks[trunk].profile)->flow.reuse;
	if (reuse == PROFILE_REUSE_OFF || (!is_tls && reuse != PROFILE_REUSE_ADDRESS))
		return;
	struct outbox_alias alias = { .hop = { .listener = in->hop.listener,
		.addr = { in->hop.addr.ip, via->port ? via->port : is_tls ? 5061 : 5060 },
		.connection = in->hop.connection }, .is_trusted = !is_tls };
	if (outbox_alias(env->outbox, &alias) < 0)
		CORE_COUNT(core, outbox_full);
}
