// host.c - trunks.NAME.hosts: addresses, names, and URIs of either without a user part.
#include "config/schema.h"

#define SIP_PORT   5060u
#define SIPS_PORT  5061u
#define WS_PORT    80u
#define WSS_PORT   443u
#define DOMAIN_MAX 253u // characters of a name in DNS, without the last dot
#define LABEL_MAX  63u

static const char *const transport_names[] = { "udp", "tcp", "tls", "ws", "wss" };

// A host as it is read, and what it was read from.
struct host_text {
	struct config_loader *loader;
	const struct node *node;
	struct span host;   // with its port
	struct span params; // behind the first ';'
	struct config_host out;
};

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_label(struct span label)
{
	if (label.len == 0 || label.len > LABEL_MAX || label.ptr[0] == '-' ||
		label.ptr[label.len - 1] == '-')
		return false;
	for (uint32_t i = 0; i < label.len; i++)
		if (!is_alnum(label.ptr[i]) && label.ptr[i] != '-' && label.ptr[i] != '_')
			return false;
	return true;
}

// RFC 3261 25.1 hostname: the last label begins with a letter, so that no wrong address is a name.
bool config_is_name(struct span text)
{
	struct span label = SPAN_NONE;

	if (text.len == 0 || text.len > DOMAIN_MAX || text.ptr[text.len - 1] == '.')
		return false;
	while (span_cut(&text, '.', &label))
		if (!is_label(label))
			return false;
	return label.len > 0 && is_alnum(label.ptr[0]) &&
		!(label.ptr[0] >= '0' && label.ptr[0] <= '9');
}

// Takes "sip:" or "sips:" and the parameters off. False after a mistake.
static bool split(struct host_text *t, struct span text)
{
	int32_t semicolon;

	if (span_istarts(text, SPAN_LIT("sips:"))) {
		t->out.is_secure = true;
		text = span_sub(text, 5, text.len);
	} else if (span_istarts(text, SPAN_LIT("sip:"))) {
		text = span_sub(text, 4, text.len);
	}
	if (span_find(text, '@', 0) >= 0) {
		config_fail(t->loader, t->node,
			"expected a host without a user part: routes say who is called");
		return false;
	}
	semicolon = span_find(text, ';', 0);
	t->host = semicolon < 0 ? text : span_sub(text, 0, (uint32_t)semicolon);
	t->params = semicolon < 0 ? SPAN_NONE : span_sub(text, (uint32_t)semicolon + 1, text.len);
	return true;
}

static bool take_transport(struct host_text *t, struct span value)
{
	for (uint32_t i = 0; i < sizeof transport_names / sizeof transport_names[0]; i++) {
		if (!span_ieq(value, span_str(transport_names[i])))
			continue;
		t->out.transport = (enum config_transport)i;
		t->out.has_transport = true;
		return true;
	}
	return false;
}

static bool take_params(struct host_text *t)
{
	struct span word, name;

	while (span_cut(&t->params, ';', &word)) {
		struct span whole = word;
		span_cut(&word, '=', &name);
		if (!span_ieq(name, SPAN_LIT("transport")) || t->out.has_transport) {
			config_fail(t->loader, t->node,
				"expected ;transport= once and no other parameter, "
				"found \"" SPAN_FMT "\"", SPAN_ARG(whole));
			return false;
		}
		if (!take_transport(t, word)) {
			config_fail(t->loader, t->node,
				"expected the transport udp, tcp, tls, ws or wss, "
				"found \"" SPAN_FMT "\"", SPAN_ARG(word));
			return false;
		}
	}
	if (!t->out.is_secure || !t->out.has_transport)
		return true;
	if (t->out.transport == CONFIG_UDP) {
		config_fail(t->loader, t->node, "sips: does not go over UDP (RFC 3261 26.2.2)");
		return false;
	}
	// sips: over TCP is TLS, over WebSocket the secure one (RFC 7118 5.4).
	t->out.transport = t->out.transport >= CONFIG_WS ? CONFIG_WSS : CONFIG_TLS;
	return true;
}

static bool take_name(struct host_text *t, const struct config_item *item)
{
	struct span name = t->host, port = SPAN_NONE;
	int32_t colon = span_find(name, ':', 0);
	uint32_t number = 0;

	if (colon >= 0) {
		port = span_sub(name, (uint32_t)colon + 1, name.len);
		name = span_sub(name, 0, (uint32_t)colon);
	}
	if (name.len > 1 && name.ptr[name.len - 1] == '.')
		name.len--;
	if (!config_is_name(name) ||
		(colon >= 0 && (span_parse_u32(port, 65535, &number) != 0 || number == 0))) {
		config_fail_expected(t->loader, t->node, item->expected);
		return false;
	}
	t->out.name = config_copy(t->loader, t->node, name);
	t->out.addr.port = (uint16_t)number;
	return t->out.name != NULL;
}

static bool take_place(struct host_text *t, const struct config_item *item)
{
	static const uint16_t ports[] = { SIP_PORT, SIP_PORT, SIPS_PORT, WS_PORT, WSS_PORT };
	enum config_transport transport = t->out.has_transport ? t->out.transport :
		t->out.is_secure ? CONFIG_TLS : CONFIG_UDP;

	if (addr_parse(t->host, ports[transport], &t->out.addr) != 0)
		return take_name(t, item);
	if (ip_is_special(&t->out.addr.ip) && !ip_is_loopback(&t->out.addr.ip)) {
		config_fail_expected(t->loader, t->node,
			"a unicast IP address that is not link-local");
		return false;
	}
	return true;
}

static bool is_same(const struct config_host *a, const struct config_host *b)
{
	if (!a->name != !b->name || a->has_transport != b->has_transport ||
		a->transport != b->transport || a->is_secure != b->is_secure ||
		a->addr.port != b->addr.port)
		return false;
	return a->name ? span_ieq(span_str(a->name), span_str(b->name)) :
			 addr_eq(&a->addr, &b->addr);
}

void config_take_host(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config_trunk *trunk = target;
	struct host_text t = { .loader = loader, .node = node };
	struct span text;

	if (!config_scalar(loader, node, &text) || !split(&t, text) || !take_params(&t) ||
		!take_place(&t, item))
		return;
	for (uint32_t i = 0; i < trunk->host_count; i++) {
		if (is_same(&trunk->hosts[i], &t.out)) {
			config_fail(loader, node, "the host stands here twice");
			return;
		}
	}
	trunk->hosts[trunk->host_count++] = t.out;
}

static bool has_listener(const struct config_realm *realm, const struct config_host *host)
{
	for (uint32_t i = 0; i < realm->listener_count; i++) {
		const struct config_listener *listener = &realm->listeners[i];
		enum config_transport wanted =
			host->has_transport ? host->transport : CONFIG_TLS;

		if ((host->has_transport || host->is_secure) && listener->transport != wanted)
			continue;
		if (host->name || ip_is_v4(&listener->addr.ip) == ip_is_v4(&host->addr.ip))
			return true;
	}
	return false;
}

static bool has_family(const struct config_realm *realm, bool is_v4)
{
	for (uint32_t i = 0; i < realm->listener_count; i++)
		if (ip_is_v4(&realm->listeners[i].addr.ip) == is_v4)
			return true;
	return false;
}

static bool is_own_address(const struct config *config, const struct addr *addr)
{
	for (uint32_t r = 0; r < config->realm_count; r++) {
		const struct config_realm *realm = &config->realms[r];
		for (uint32_t i = 0; i < realm->listener_count; i++) {
			if (addr_eq(&realm->listeners[i].addr, addr))
				return true;
		}
	}
	return false;
}

static void check_host(struct config_loader *loader, const struct node *node,
	const struct config_trunk *trunk, const struct config_host *host)
{
	const struct config_realm *realm = &loader->config->realms[trunk->realm];
	char text[DOMAIN_MAX + 1];
	bool is_v4 = ip_is_v4(&host->addr.ip);

	if (host->name)
		snprintf(text, sizeof(text), "%s", host->name);
	else
		addr_format(&host->addr, text);
	// A realm whose own mistakes are reported may have no listener at all.
	if (realm->listener_count > 0 && !host->name && !has_family(realm, is_v4))
		config_fail(loader, node,
			"the host %s is %s, but the realm '%s' has no such SIP address", text,
			is_v4 ? "IPv4" : "IPv6", realm->name);
	else if (realm->listener_count > 0 && !has_listener(realm, host))
		config_fail(loader, node,
			"the host %s is reached by %s, but the realm '%s' has no such SIP address",
			text, host->has_transport ? transport_names[host->transport] : "tls",
			realm->name);
	else if (!host->name && is_own_address(loader->config, &host->addr))
		config_fail(loader, node, "the host %s is this node itself: calls would loop",
			text);
	else if (host->name && config_is_by_hosts(trunk))
		config_fail(loader, node,
			"the host %s is a name: expected 'match', which says whose calls are this "
			"trunk's",
			text);
}

void config_check_hosts(struct config_loader *loader, const struct node *node,
	const struct config_trunk *trunk)
{
	for (uint32_t i = 0; i < trunk->host_count; i++)
		check_host(loader, node, trunk, &trunk->hosts[i]);
}
