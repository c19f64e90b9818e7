// stream_alias.c - connection reuse (RFC 5923): what we would dial goes by a connection that the
// far end opened, offered by "alias" in its Via, and only if it proves to be whom we would have
// called.
#include "net/alias.h"
#include "net/stream_private.h"

static struct sip_hop alias_hop(const struct connection *connection)
{
	return (struct sip_hop){ .listener = connection->hop.listener, .addr = connection->alias };
}

void connection_drop_alias(struct connection *connection)
{
	struct aliases *aliases = connection->streams->params.aliases;
	struct sip_hop hop = alias_hop(connection);

	if (connection->has_alias)
		alias_drop(aliases, &hop, connection->handle);
	connection->has_alias = false;
}

// Only connections that others opened; a certificate that we believe, unless the configuration
// believes addresses.
static bool may_alias(const struct connection *connection, bool is_trusted)
{
	if (!connection_is_usable(connection) || connection->is_outbound ||
		connection->ended_ms != 0 || connection->ws != NULL)
		return false;
	return connection->tls != NULL ? tls_session_is_proved(connection->tls) : is_trusted;
}

void streams_alias(struct streams *streams, const struct sip_hop *offered, bool is_trusted)
{
	struct connection *connection = connection_lookup(streams->table, offered->connection);

	if (!may_alias(connection, is_trusted)) {
		metric_add(&streams->params.metrics->alias_refused, 1);
		return;
	}
	// One for each connection: nobody fills the table.
	connection_drop_alias(connection);
	connection->alias = offered->addr;
	struct sip_hop hop = alias_hop(connection);
	connection->has_alias = alias_put(streams->params.aliases, &hop, connection->handle);
	metric_add(connection->has_alias ? &streams->params.metrics->alias_taken :
					   &streams->params.metrics->alias_refused, 1);
}

bool streams_leads_to(const struct streams *streams, const struct sip_hop *hop)
{
	const struct connection *connection = connection_lookup(streams->table, hop->connection);

	if (!connection_is_usable(connection) || !connection->has_alias ||
		connection->hop.listener != hop->listener || connection->ended_ms != 0 ||
		!addr_eq(&connection->alias, &hop->addr))
		return false;
	if (connection->tls == NULL)
		return true; // streams_alias() was told to believe it
	return (hop->tls_trunk != 0 && connection->hop.peer_trunk == hop->tls_trunk) ||
		tls_session_shows(connection->tls, hop->tls_name, &hop->addr.ip);
}
