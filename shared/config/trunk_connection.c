// trunk_connection.c - trunks.NAME.connection: how connections to a peer are opened and kept.
#include "config/schema.h"

#define SECOND_MS  1000ull
#define AT(field)  .offset = (uint32_t)offsetof(struct config_trunk, connection.field)

const struct config_item config_trunk_connection_items[] = {
	{ .key = "path", .type = CONFIG_TYPE_VALUE, AT(path), .value = config_take_path,
	  .is_live = true, .fallback = "/", .expected = "an absolute path like /sip",
	  .help = "of the WebSocket that we ask for, where hosts are reached by ws or wss" },
	{ .key = "keepalive", .type = CONFIG_TYPE_DURATION, AT(keepalive_ms), .is_live = true,
	  .max = 3600 * SECOND_MS, .fallback = "0s",
	  .help = "between our pings on connections that we opened, and with `stun` by UDP "
		"(RFC 5626 4.4): who does not answer for 10s is dead; 0s = none" },
	{ .key = "stun", .type = CONFIG_TYPE_BOOL, AT(has_stun), .is_live = true,
	  .fallback = "false",
	  .help = "the peer answers STUN on its SIP port: hosts reached by UDP are asked" },
	{ .key = "keep", .type = CONFIG_TYPE_BOOL, AT(is_kept), .is_live = true,
	  .fallback = "false",
	  .help = "connections are opened at start and again when they break, calls or not" },
	{ .key = NULL },
};

void config_take_path(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	const char **field = (void *)((uint8_t *)target + item->offset);
	struct span text;

	if (!config_scalar(loader, node, &text))
		return;
	for (uint32_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= 0x20 || text.ptr[i] == 0x7f || text.ptr[i] == '#')
			text.len = 0;
	if (text.len == 0 || text.len > CONFIG_PATH_MAX || text.ptr[0] != '/')
		config_fail_expected(loader, node, item->expected);
	else
		*field = config_copy(loader, node, text);
}

void config_check_trunk_connection(struct config_loader *loader, const struct node *node,
	const struct config_trunk *trunk)
{
	const struct config_trunk_connection *connection = &trunk->connection;

	if (connection->keepalive_ms != 0 && connection->keepalive_ms < SECOND_MS)
		config_fail(loader, node, "'keepalive' is at least 1s");
	if (connection->has_stun && connection->keepalive_ms == 0)
		config_fail(loader, node,
			"'stun' says by what, 'keepalive' how often: it is missing");
}
