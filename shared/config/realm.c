// realm.c - section realms: addresses have one owner, families fit together.
#include "config/schema.h"

#include "config/value.h"

#define PORT_MIN        1024u
#define PORT_BLOCK      256u // SHM_BLOCK: ports that one signaling worker owns as a unit
#define ADDRESSES_MAX   64u  // SHM_ADDRESS_MAX: media addresses of all realms

void *config_begin_realm(struct config_loader *loader, const struct node *node, uint32_t siblings)
{
	struct config *config = loader->config;
	(void)siblings; // at most CONFIG_REALMS_MAX
	const char *name = config_copy(loader, node, node->key->text);
	if (!name)
		return NULL;
	struct config_realm *realm = &config->realms[config->realm_count++];
	realm->name = name;
	// With a single device there is nothing to say.
	realm->device = config->device_count == 1 ? 0 : -1;
	return realm;
}

void config_take_vlan(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config_realm *realm = target;
	struct span text;
	uint32_t vlan;
	if (!config_scalar(loader, node, &text))
		return;
	if (span_parse_u32(text, 4094, &vlan) != 0)
		config_fail_expected(loader, node, item->expected);
	else
		realm->vlan = (uint16_t)vlan;
}

void config_take_realm_device(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config_realm *realm = target;
	const struct config *config = loader->config;
	struct span text;
	struct suggest suggest;
	(void)item;
	if (!config_scalar(loader, node, &text))
		return;
	suggest_init(&suggest, text);
	for (uint32_t i = 0; i < config->device_count; i++) {
		if (span_eq(text, span_str(config->devices[i].name))) {
			realm->device = (int)i;
			return;
		}
		suggest_offer(&suggest, span_str(config->devices[i].name));
	}
	config_fail_unknown(loader, node, "device", &suggest);
}

void config_take_ports(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config_realm *realm = target;
	struct span text;
	uint16_t first, last;
	if (!config_scalar(loader, node, &text))
		return;
	if (value_parse_ports(text, &first, &last) != 0) {
		config_fail_expected(loader, node, item->expected);
		return;
	}
	uint32_t blocks = last / PORT_BLOCK - first / PORT_BLOCK + 1u;
	if (first < PORT_MIN)
		config_fail(loader, node, "expected ports from %u on, found %u", PORT_MIN, first);
	else if (first % 2 != 0)
		config_fail(loader, node, "expected an even first port (RTP), found %u", first);
	else if (first == last)
		config_fail(loader, node, "expected two ports at least (RTP and RTCP)");
	else if (blocks < loader->config->workers)
		config_fail(loader, node,
			"expected ports in %u or more blocks of %u, one for each worker, found %u",
			loader->config->workers, PORT_BLOCK, blocks);
	realm->port_min = first;
	realm->port_max = last;
}

void config_take_emergency(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config_realm *realm = target;
	struct span text;
	if (!config_scalar(loader, node, &text))
		return;
	if (!value_is_user(text) || text.len > CONFIG_NAME_MAX) {
		config_fail_expected(loader, node, item->expected);
		return;
	}
	realm->emergency[realm->emergency_count] = config_copy(loader, node, text);
	realm->emergency_count += realm->emergency[realm->emergency_count] != NULL;
}

void config_take_dscp(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	uint8_t *field = (uint8_t *)target + item->offset;
	struct span text;
	if (!config_scalar(loader, node, &text))
		return;
	if (value_parse_dscp(text, field) != 0)
		config_fail_expected(loader, node, item->expected);
}

// An address that can be ours: loopback may be one in a laboratory.
static bool take_local_ip(struct config_loader *loader, const struct node *node,
	const struct config_item *item, struct ip *out)
{
	struct span text;
	if (!config_scalar(loader, node, &text))
		return false;
	if (ip_parse(text, out) != 0) {
		config_fail_expected(loader, node, item->expected);
		return false;
	}
	if (ip_is_special(out) && !ip_is_loopback(out)) {
		config_fail_expected(loader, node, "a unicast IP address that is not link-local");
		return false;
	}
	return true;
}

// The realm that owns a media address already, or NULL. Overlapping networks differ in device or
// VLAN.
static const struct config_realm *media_owner(const struct config *config,
	const struct config_realm *asking, const struct ip *ip)
{
	for (uint32_t r = 0; r < config->realm_count; r++) {
		const struct config_realm *realm = &config->realms[r];
		if (realm->device != asking->device || realm->vlan != asking->vlan)
			continue;
		for (uint32_t i = 0; i < realm->media_count; i++) {
			if (ip_eq(&realm->media[i], ip))
				return realm;
		}
	}
	return NULL;
}

void config_take_media_address(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config_realm *realm = target;
	struct ip ip;
	if (!take_local_ip(loader, node, item, &ip))
		return;
	const struct config_realm *owner = media_owner(loader->config, realm, &ip);
	if (owner) {
		config_fail(loader, node, "the media address is already owned by the realm '%s'",
			owner->name);
		return;
	}
	if (config_media_address_count(loader->config) == ADDRESSES_MAX) {
		config_fail(loader, node, "expected %u media addresses at most in all realms",
			ADDRESSES_MAX);
		return;
	}
	realm->media[realm->media_count++] = ip;
}

static bool has_media_family(const struct config_realm *realm, bool is_v4)
{
	for (uint32_t i = 0; i < realm->media_count; i++) {
		if (ip_is_v4(&realm->media[i]) == is_v4)
			return true;
	}
	return false;
}

void config_take_advertise(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config_realm *realm = target;
	struct ip ip;
	if (!take_local_ip(loader, node, item, &ip))
		return;
	if (realm->media_count > 0 && !has_media_family(realm, ip_is_v4(&ip))) {
		config_fail(loader, node, "the realm has no %s media address to advertise it for",
			ip_is_v4(&ip) ? "IPv4" : "IPv6");
		return;
	}
	realm->advertise = ip;
}

// A port range is steered past the kernel: a listener inside it would never hear anything.
static void check_steering(struct config_loader *loader, const struct node *node,
	const struct config_realm *realm, const struct config_listener *listener)
{
	char text[ADDR_TEXT_MAX];
	uint16_t port = listener->addr.port;
	if (port < realm->port_min || port > realm->port_max)
		return;
	for (uint32_t i = 0; i < realm->media_count; i++) {
		if (!ip_eq(&realm->media[i], &listener->addr.ip))
			continue;
		addr_format(&listener->addr, text);
		config_fail(loader, node, "the SIP address %s lies in the media ports of '%s'",
			text, realm->name);
	}
}

static void check_listeners(struct config_loader *loader, const struct node *node,
	const struct config_realm *realm)
{
	const struct config *config = loader->config;
	for (uint32_t i = 0; i < realm->listener_count; i++) {
		bool is_v4 = ip_is_v4(&realm->listeners[i].addr.ip);
		if (!has_media_family(realm, is_v4)) {
			config_fail(loader, node,
				"the realm has an %s SIP address but no %s media address",
				is_v4 ? "IPv4" : "IPv6", is_v4 ? "IPv4" : "IPv6");
			return;
		}
	}
	// Both ways: this realm's listeners and media against those of all realms so far.
	for (uint32_t r = 0; r < config->realm_count; r++) {
		const struct config_realm *other = &config->realms[r];
		for (uint32_t i = 0; i < realm->listener_count; i++)
			check_steering(loader, node, other, &realm->listeners[i]);
		for (uint32_t i = 0; other != realm && i < other->listener_count; i++)
			check_steering(loader, node, realm, &other->listeners[i]);
	}
}

void config_finish_realm(struct config_loader *loader, const struct node *node, void *target)
{
	struct config_realm *realm = target;
	const struct config *config = loader->config;
	if (realm->device < 0 && config->device_count > 1) {
		config_fail(loader, node, "expected 'media.device', because there are %u devices",
			config->device_count);
		return;
	}
	bool is_packet = realm->device >= 0 &&
		config->devices[realm->device].kind == CONFIG_PORT_PACKET;
	if (realm->vlan != 0 && is_packet) {
		config_fail(loader, node,
			"'vlan' does not go with a device of kind packet: name the VLAN interface "
			"instead");
		return;
	}
	check_listeners(loader, node, realm);
}
