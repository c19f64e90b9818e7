// dns.c - section node.dns: whom the workers ask for names, and how long they wait.
#include "config/schema.h"

#define AT(type, field) .offset = (uint32_t)offsetof(struct type, field)
#define DNS_PORT  53u
#define SECOND_MS 1000ull
#define DAY_MS    (86400 * SECOND_MS)

const struct config_item config_dns_items[] = {
	{ .key = "servers", .type = CONFIG_TYPE_LIST, .min = 1, .max = CONFIG_DNS_MAX,
	  .value = config_take_dns_server,
	  .expected = "an IP address, with a port if it is not 53",
	  .help = "name servers, asked in this order; default: those of /etc/resolv.conf" },
	{ .key = "timeout", .type = CONFIG_TYPE_DURATION, AT(config, dns.timeout_ms), .min = 100,
	  .max = 10 * SECOND_MS, .fallback = "1s",
	  .help = "how long one server may take for one question, doubled in each round" },
	{ .key = "tries", .type = CONFIG_TYPE_UINT, AT(config, dns.tries), .min = 1, .max = 5,
	  .fallback = "2", .help = "rounds over the servers" },
	{ .key = "deadline", .type = CONFIG_TYPE_DURATION, AT(config, dns.deadline_ms), .min = 100,
	  .max = 30 * SECOND_MS, .fallback = "4s",
	  .help = "until a name has led to addresses; then the next host, or 503" },
	{ .key = "cache", .type = CONFIG_TYPE_UINT, AT(config, dns.cache_max), .min = 64,
	  .max = 1000000, .fallback = "4096", .help = "record sets that each worker keeps" },
	{ .key = "ttl_min", .type = CONFIG_TYPE_DURATION, AT(config, dns.ttl_min_ms),
	  .min = SECOND_MS, .max = 3600 * SECOND_MS, .fallback = "5s",
	  .help = "shortest life of a record set, and that of a failure" },
	{ .key = "ttl_max", .type = CONFIG_TYPE_DURATION, AT(config, dns.ttl_max_ms),
	  .min = SECOND_MS, .max = 7 * DAY_MS, .fallback = "1h",
	  .help = "longest life of a record set" },
	{ .key = NULL },
};

void config_take_dns_server(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config *config = target;
	struct config_dns *dns = &config->dns;
	struct span text;
	struct addr addr;

	if (!config_scalar(loader, node, &text))
		return;
	if (addr_parse(text, DNS_PORT, &addr) != 0) {
		config_fail_expected(loader, node, item->expected);
		return;
	}
	if (ip_is_special(&addr.ip) && !ip_is_loopback(&addr.ip)) {
		config_fail_expected(loader, node, "a unicast IP address that is not link-local");
		return;
	}
	for (uint32_t i = 0; i < dns->server_count; i++) {
		if (addr_eq(&dns->servers[i], &addr)) {
			config_fail(loader, node, "the server stands here twice");
			return;
		}
	}
	dns->servers[dns->server_count++] = addr;
}

void config_finish_dns(struct config_loader *loader, const struct node *node, void *target)
{
	const struct config *config = target;

	if (config->dns.ttl_min_ms > config->dns.ttl_max_ms)
		config_fail(loader, node, "expected 'ttl_min' not above 'ttl_max'");
	if (config->dns.timeout_ms > config->dns.deadline_ms)
		config_fail(loader, node, "expected 'timeout' not above 'deadline'");
	// What was learned at the first step must still hold at the last one.
	if (config->dns.ttl_min_ms < config->dns.deadline_ms)
		config_fail(loader, node, "expected 'ttl_min' not below 'deadline'");
}
