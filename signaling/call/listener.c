// listener.c - which of our listeners speaks to whom: by transport, family and realm.
#include "call/core_private.h"

_Static_assert((int)CONFIG_UDP == (int)SIP_TRANSPORT_UDP &&
		(int)CONFIG_TCP == (int)SIP_TRANSPORT_TCP &&
		(int)CONFIG_TLS == (int)SIP_TRANSPORT_TLS &&
		(int)CONFIG_WS == (int)SIP_TRANSPORT_WS &&
		(int)CONFIG_WSS == (int)SIP_TRANSPORT_WSS,
	"the configuration's transports are those of a hop");

static const struct config_listener *listener_at(const struct config *config, listener_id id)
{
	static const struct config_listener none; // a listener that the configuration lost
	uint32_t realm = id >> 8, i = id & 0xff;

	if (realm >= config->realm_count || i >= config->realms[realm].listener_count)
		return &none;
	return &config->realms[realm].listeners[i];
}

struct sip_local listener_local(const struct config *config, listener_id id)
{
	const struct config_listener *listener = listener_at(config, id);

	return (struct sip_local){ .transport = (enum sip_transport)listener->transport,
		.sent_by = listener->addr };
}

int listener_find(const struct config_realm *realm, enum sip_transport transport,
	const struct ip *ip)
{
	for (uint32_t i = 0; i < realm->listener_count; i++)
		if ((enum sip_transport)realm->listeners[i].transport == transport &&
			ip_is_v4(&realm->listeners[i].addr.ip) == ip_is_v4(ip))
			return (int)i;
	return -1;
}

bool listener_find_stream(const struct config *config, const struct sip_hop *hop, listener_id *out)
{
	uint32_t index = hop->listener >> 8;

	// Behind a NAT nobody can be dialled.
	if (index >= config->realm_count || config->realms[index].latching != CONFIG_LATCH_STRICT)
		return false;
	int at = listener_find(&config->realms[index], SIP_TRANSPORT_TCP, &hop->addr.ip);
	if (at < 0)
		return false;
	*out = listener_make(index, (uint32_t)at);
	return true;
}
