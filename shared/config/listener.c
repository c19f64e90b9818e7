// listener.c - the elements of realms.NAME.sip, what trunks say about TLS, and the section
// connections.
//
// Certificates are read by muga-signaling, which may see files that `muga check` may not.
#include "config/schema.h"

#include "config/value.h"

#define SIP_PORT    5060u
#define SIPS_PORT   5061u
#define WS_PORT     80u
#define WSS_PORT    443u
#define PATH_BYTES  200u
#define NAME_BYTES  253u // of DNS
#define SECOND_MS   1000ull
#define HOUR_MS     (3600 * SECOND_MS)
#define MIB         (1ull << 20)
#define BUFFERS_MAX (3ull << 30)

#define AT(type, field) .offset = (uint32_t)offsetof(struct type, field)
#define ADDRESS_EXPECTED "a local address and port like 192.0.2.1:5060 or [2001:db8::1]:5060"

static const char *const client_verifies[] = { "none", "request", "require", NULL };
static const char *const server_verifies[] = { "none", "chain", "name", NULL };

const struct config_item config_listener_items[] = {
	{ .key = "udp", .type = CONFIG_TYPE_VALUE, .value = config_take_udp,
	  .expected = ADDRESS_EXPECTED, .help = "SIP over UDP here; port 5060 unless given" },
	{ .key = "tcp", .type = CONFIG_TYPE_VALUE, .value = config_take_tcp,
	  .expected = ADDRESS_EXPECTED, .help = "SIP over TCP here; port 5060 unless given" },
	{ .key = "tls", .type = CONFIG_TYPE_VALUE, .value = config_take_tls,
	  .expected = ADDRESS_EXPECTED, .help = "SIP over TLS here; port 5061 unless given" },
	{ .key = "ws", .type = CONFIG_TYPE_VALUE, .value = config_take_ws,
	  .expected = ADDRESS_EXPECTED, .help = "SIP over WebSocket here; port 80 unless given" },
	{ .key = "wss", .type = CONFIG_TYPE_VALUE, .value = config_take_wss,
	  .expected = ADDRESS_EXPECTED,
	  .help = "SIP over secure WebSocket here; port 443 unless given" },
	{ .key = "cert", .type = CONFIG_TYPE_TEXT, AT(config_listener, tls.cert), .min = 1,
	  .max = PATH_BYTES,
	  .help = "PEM file of tls and wss: our certificate, then the chain above it" },
	{ .key = "key", .type = CONFIG_TYPE_TEXT, AT(config_listener, tls.key), .min = 1,
	  .max = PATH_BYTES, .help = "PEM file of tls and wss: the certificate's private key" },
	{ .key = "ca", .type = CONFIG_TYPE_TEXT, AT(config_listener, tls.ca), .min = 1,
	  .max = PATH_BYTES, .help = "PEM file: whose certificates we believe" },
	{ .key = "verify", .type = CONFIG_TYPE_CHOICE, AT(config_listener, tls.verify),
	  .choices = client_verifies, .fallback = "none",
	  .help = "what clients must show; require: a certificate of `ca` (mutual TLS)" },
	{ .key = "dscp", .type = CONFIG_TYPE_VALUE, AT(config_listener, dscp),
	  .value = config_take_dscp, .fallback = "CS3",
	  .expected = "a DSCP 0..63 or its name like CS3", .help = "mark of what we send by it" },
	{ .key = "origins", .type = CONFIG_TYPE_LIST, .min = 1, .max = CONFIG_ORIGINS_MAX,
	  .value = config_take_origin, .expected = "an origin like https://phone.example.com",
	  .help = "pages whose scripts may connect to ws and wss; default: those of any site" },
	{ .key = NULL },
};

const struct config_item config_trunk_tls_items[] = {
	{ .key = "name", .type = CONFIG_TYPE_TEXT, AT(config_trunk, tls.name), .min = 1,
	  .max = NAME_BYTES, .is_live = true,
	  .help = "domain in the peer's certificate (RFC 5922); default: the host as we call it" },
	{ .key = "cert", .type = CONFIG_TYPE_TEXT, AT(config_trunk, tls.cert), .min = 1,
	  .max = PATH_BYTES, .help = "PEM file: what we show to the peer; default: nothing" },
	{ .key = "key", .type = CONFIG_TYPE_TEXT, AT(config_trunk, tls.key), .min = 1,
	  .max = PATH_BYTES, .help = "PEM file: its private key" },
	{ .key = "ca", .type = CONFIG_TYPE_TEXT, AT(config_trunk, tls.ca), .min = 1,
	  .max = PATH_BYTES,
	  .help = "PEM file: whose certificates we believe; default: the system's" },
	{ .key = "verify", .type = CONFIG_TYPE_CHOICE, AT(config_trunk, tls.verify),
	  .choices = server_verifies, .fallback = "name",
	  .help = "what the peer must show; chain: a certificate of `ca`, name: with its name" },
	{ .key = NULL },
};

#define CONNECTION(field) AT(config, connections.field)

const struct config_item config_connection_items[] = {
	{ .key = "max", .type = CONFIG_TYPE_UINT, CONNECTION(count_max), .min = 1,
	  .max = 10000000, .fallback = "20000", .help = "connections of the node" },
	{ .key = "per_source", .type = CONFIG_TYPE_UINT, CONNECTION(per_source_max), .min = 1,
	  .max = 10000000, .fallback = "1000",
	  .help = "connections accepted from one IPv4 address or IPv6 /64" },
	{ .key = "buffers", .type = CONFIG_TYPE_VALUE, CONNECTION(buffer_max), .min = MIB,
	  .max = BUFFERS_MAX, .value = config_take_bytes, .fallback = "256MiB",
	  .expected = "a size 1MiB..3GiB", .help = "bytes that wait in all connections" },
	{ .key = "buffers_per_source", .type = CONFIG_TYPE_VALUE,
	  CONNECTION(buffer_per_source_max), .min = MIB, .max = BUFFERS_MAX,
	  .value = config_take_bytes, .fallback = "8MiB", .expected = "a size 1MiB..3GiB",
	  .help = "bytes that wait in the connections of one IPv4 address or IPv6 /64" },
	{ .key = "connect_timeout", .type = CONFIG_TYPE_DURATION, CONNECTION(connect_ms),
	  .min = SECOND_MS, .max = 60 * SECOND_MS, .fallback = "4s",
	  .help = "until a connection that we open stands, with TLS; then the next host" },
	{ .key = "handshake_timeout", .type = CONFIG_TYPE_DURATION, CONNECTION(handshake_ms),
	  .min = SECOND_MS, .max = 60 * SECOND_MS, .fallback = "5s",
	  .help = "until an accepted connection has spoken TLS and WebSocket" },
	{ .key = "message_timeout", .type = CONFIG_TYPE_DURATION, CONNECTION(message_ms),
	  .min = SECOND_MS, .max = 300 * SECOND_MS, .fallback = "10s",
	  .help = "for a message that has begun, the first one of a connection, and what we send" },
	{ .key = "idle_timeout", .type = CONFIG_TYPE_DURATION, CONNECTION(idle_ms),
	  .max = 24 * HOUR_MS, .fallback = "30m",
	  .help = "without a message or keep-alive; 0s = never closed" },
	{ .key = NULL },
};

void config_take_bytes(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	uint32_t *field = (uint32_t *)(void *)((uint8_t *)target + item->offset);
	struct span text;
	uint64_t bytes;

	if (!config_scalar(loader, node, &text))
		return;
	if (value_parse_size(text, &bytes) != 0 || bytes < item->min || bytes > item->max)
		config_fail_expected(loader, node, item->expected);
	else
		*field = (uint32_t)bytes;
}

// The innermost realm is the one being loaded.
static struct config_realm *realm_in_hand(struct config_loader *loader)
{
	return &loader->config->realms[loader->config->realm_count - 1];
}

void *config_begin_listener(struct config_loader *loader, const struct node *node,
	uint32_t siblings)
{
	struct config_realm *realm = realm_in_hand(loader);
	struct config_listener *listener = &realm->listeners[realm->listener_count];

	(void)node;
	(void)siblings; // at most CONFIG_LISTENERS_MAX
	// It counts once its keys are right.
	*listener = (struct config_listener){ 0 };
	return listener;
}

static const struct config_realm *sip_owner(const struct config *config,
	const struct config_listener *asking)
{
	bool is_udp = asking->transport == CONFIG_UDP;

	for (uint32_t r = 0; r < config->realm_count; r++) {
		const struct config_realm *realm = &config->realms[r];
		for (uint32_t i = 0; i < realm->listener_count; i++) {
			const struct config_listener *other = &realm->listeners[i];
			if ((other->transport == CONFIG_UDP) == is_udp &&
				addr_eq(&other->addr, &asking->addr))
				return realm;
		}
	}
	return NULL;
}

static void take_address(struct config_loader *loader, const struct node *node,
	struct config_listener *listener, enum config_transport transport)
{
	static const uint16_t ports[] = { SIP_PORT, SIP_PORT, SIPS_PORT, WS_PORT, WSS_PORT };
	struct span text;
	struct addr addr;

	if (!config_scalar(loader, node, &text))
		return;
	if (addr_parse(text, ports[transport], &addr) != 0) {
		config_fail_expected(loader, node, ADDRESS_EXPECTED);
		return;
	}
	if (ip_is_special(&addr.ip) && !ip_is_loopback(&addr.ip)) {
		config_fail_expected(loader, node, "a unicast IP address that is not link-local");
		return;
	}
	if (listener->addr.port != 0) {
		config_fail(loader, node, "a listener has one transport: begin another element");
		return;
	}
	listener->transport = transport;
	listener->addr = addr;
	const struct config_realm *owner = sip_owner(loader->config, listener);
	if (owner)
		config_fail(loader, node, "the SIP address is already owned by the realm '%s'",
			owner->name);
}

void config_take_udp(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	(void)item;
	take_address(loader, node, target, CONFIG_UDP);
}

void config_take_tcp(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	(void)item;
	take_address(loader, node, target, CONFIG_TCP);
}

void config_take_tls(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	(void)item;
	take_address(loader, node, target, CONFIG_TLS);
}

void config_take_ws(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	(void)item;
	take_address(loader, node, target, CONFIG_WS);
}

void config_take_wss(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	(void)item;
	take_address(loader, node, target, CONFIG_WSS);
}

// scheme "://" host [ ":" port ] (RFC 6454 6.2), as browsers send it.
static bool is_origin(struct span text)
{
	int32_t colon = span_find(text, ':', 0);
	struct span rest = span_sub(text, colon < 0 ? text.len : (uint32_t)colon, text.len);

	if (colon <= 0 || !span_starts(rest, SPAN_LIT("://")) || rest.len == 3)
		return false;
	rest = span_sub(rest, 3, rest.len);
	for (uint32_t i = 0; i < rest.len; i++)
		if (rest.ptr[i] <= 0x20 || rest.ptr[i] == 0x7f || strchr("/?#@,", rest.ptr[i]))
			return false;
	return true;
}

void config_take_origin(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config_listener *listener = target;
	struct span text;

	if (!config_scalar(loader, node, &text))
		return;
	if (!is_origin(text)) {
		config_fail_expected(loader, node, item->expected);
		return;
	}
	listener->origins[listener->origin_count] = config_copy(loader, node, text);
	listener->origin_count += listener->origins[listener->origin_count] != NULL;
}

// What a listener without TLS says about TLS would be believed to protect something.
static const char *listener_mistake(const struct config_listener *listener)
{
	const struct config_tls *tls = &listener->tls;
	bool is_secure =
		listener->transport == CONFIG_TLS || listener->transport == CONFIG_WSS;

	if (listener->addr.port == 0)
		return "expected a transport and its address, like udp: 192.0.2.1:5060";
	if (!is_secure && (tls->cert || tls->key || tls->ca || tls->verify != CONFIG_CLIENT_NONE))
		return "'cert', 'key', 'ca' and 'verify' go with tls and wss only";
	if (listener->origin_count && listener->transport != CONFIG_WS &&
		listener->transport != CONFIG_WSS)
		return "'origins' goes with ws and wss only";
	if (is_secure && !tls->cert)
		return "the key 'cert' is missing, which tls and wss need";
	if (is_secure && !tls->key)
		return "the key 'key' is missing, which tls and wss need";
	if (tls->verify != CONFIG_CLIENT_NONE && !tls->ca)
		return "the key 'ca' is missing: 'verify' needs to know whom to believe";
	return NULL;
}

void config_finish_listener(struct config_loader *loader, const struct node *node, void *target)
{
	const char *mistake = listener_mistake(target);

	if (mistake)
		config_fail(loader, node, "%s", mistake);
	else
		realm_in_hand(loader)->listener_count++;
}

void config_check_trunk_tls(struct config_loader *loader, const struct node *node,
	struct config_trunk *trunk)
{
	const struct node *tls = node_child(node, SPAN_LIT("tls"));

	trunk->has_tls = tls && !node_is_null(tls);
	if (trunk->has_tls && !trunk->tls.cert != !trunk->tls.key)
		config_fail(loader, tls, "'cert' and 'key' go together");
}
