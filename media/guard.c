#include "guard.h"

#include "base/log.h"

#include <errno.h>
#include <nftables/libnftables.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

// 64 addresses with two lines of about 200 bytes each, and the frames of the tables.
#define GUARD_TEXT_MAX 65536

struct guard_text {
	char *buf;
	size_t bytes, used;
	bool is_full;
};

static void __attribute__((format(printf, 2, 3)))
guard_add(struct guard_text *text, const char *fmt, ...)
{
	va_list args;
	size_t room = text->bytes - text->used;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text->buf + text->used, room, fmt, args);
	va_end(args);
	if (len < 0 || (size_t)len >= room)
		text->is_full = true;
	else
		text->used += (size_t)len;
}

static bool guard_needs(const struct config_device *device)
{
	return device->kind == CONFIG_PORT_XDP || device->kind == CONFIG_PORT_PACKET;
}

// One table for each node, so that two nodes in one network namespace keep apart.
static void guard_table(struct guard_text *text, const char *verb, const char *family,
	const struct config *config)
{
	guard_add(text, "%s %s muga_media_", verb, family);
	for (const char *c = config->node_id ? config->node_id : "node"; *c; c++)
		guard_add(text, "%c", (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			(*c >= '0' && *c <= '9') ? *c : '_');
}

// The kernel must not learn of a media datagram at all; fragments go on, it reassembles them.
static void guard_ingress_rules(struct guard_text *text, const struct config *config, int device)
{
	char ip[ADDR_TEXT_MAX];

	for (uint32_t r = 0; r < config->realm_count; r++) {
		const struct config_realm *realm = &config->realms[r];

		if (realm->device != device || realm->vlan)
			continue;
		for (uint32_t m = 0; m < realm->media_count; m++) {
			ip_format(&realm->media[m], ip);
			if (ip_is_v4(&realm->media[m]))
				guard_add(text, "ip daddr %s ip frag-off & 0x3fff == 0", ip);
			else
				guard_add(text, "ip6 daddr %s ip6 nexthdr udp", ip);
			guard_add(text, " udp dport %u-%u counter drop\n", realm->port_min,
				realm->port_max);
		}
	}
}

// Answers to what was reassembled or came by a VLAN interface. The refused datagram's destination
// port stands after 8 bytes of ICMP, its IP header and 2 bytes: bit 240 for IPv4, 400 for IPv6.
static void guard_answer_rules(struct guard_text *text, const struct config_realm *realm)
{
	char ip[ADDR_TEXT_MAX];

	for (uint32_t m = 0; m < realm->media_count; m++) {
		ip_format(&realm->media[m], ip);
		if (ip_is_v4(&realm->media[m]))
			guard_add(text, "ip saddr %s icmp type destination-unreachable "
				"icmp code port-unreachable @th,240,16", ip);
		else
			guard_add(text, "ip6 saddr %s icmpv6 type destination-unreachable "
				"icmpv6 code port-unreachable @th,400,16", ip);
		guard_add(text, " %u-%u counter drop\n", realm->port_min, realm->port_max);
	}
}

// "table" first, so that "delete" succeeds whether or not an earlier run left one.
static void guard_clear(struct guard_text *text, const struct config *config)
{
	static const char *const families[] = { "netdev", "inet" };

	for (size_t i = 0; i < 2; i++) {
		guard_table(text, "table", families[i], config);
		guard_add(text, "\n");
		guard_table(text, "delete table", families[i], config);
		guard_add(text, "\n");
	}
}

static void guard_build(struct guard_text *text, const struct config *config)
{
	guard_clear(text, config);
	guard_table(text, "table", "netdev", config);
	guard_add(text, " {\n");
	for (uint32_t d = 0; d < config->device_count; d++) {
		const struct config_device *device = &config->devices[d];

		if (!guard_needs(device))
			continue;
		guard_add(text, "chain ingress_%u {\ntype filter hook ingress device \"%s\" "
			"priority -500;\n", d, device->interface);
		guard_ingress_rules(text, config, (int)d);
		guard_add(text, "}\n");
	}
	guard_add(text, "}\n");
	guard_table(text, "table", "inet", config);
	guard_add(text, " {\nchain answers {\ntype filter hook output priority -300;\n");
	for (uint32_t r = 0; r < config->realm_count; r++) {
		int device = config->realms[r].device;

		if (device >= 0 && guard_needs(&config->devices[device]))
			guard_answer_rules(text, &config->realms[r]);
	}
	guard_add(text, "}\n}\n");
}

int guard_format(const struct config *config, char *buf, size_t bytes)
{
	struct guard_text text = { .buf = buf, .bytes = bytes };

	guard_build(&text, config);
	return text.is_full ? -ENOBUFS : (int)text.used;
}

static int guard_run(const char *commands)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	int rc = -EIO;

	if (!nft)
		return -EIO;
	nft_ctx_buffer_output(nft);
	nft_ctx_buffer_error(nft);
	if (!nft_run_cmd_from_buffer(nft, commands))
		rc = 0;
	else
		LOG_ERROR(PORT, "guard_refused", "reason=\"%.200s\"",
			nft_ctx_get_error_buffer(nft));
	nft_ctx_free(nft);
	return rc;
}

int guard_install(const struct config *config)
{
	char *text = malloc(GUARD_TEXT_MAX);
	int rc;

	if (!text)
		return -ENOMEM;
	rc = guard_format(config, text, GUARD_TEXT_MAX);
	if (rc > 0)
		rc = guard_run(text);
	free(text);
	return rc;
}

void guard_remove(const struct config *config)
{
	char buf[1024];
	struct guard_text text = { .buf = buf, .bytes = sizeof(buf) };

	guard_clear(&text, config);
	if (!text.is_full)
		guard_run(buf);
}
