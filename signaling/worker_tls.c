#include "worker_tls.h"

#include "base/log.h"
#include "call/env.h"

#include <errno.h>
#include <stdlib.h>

struct listener_tls {
	struct tls_context *server;
	struct tls_context *client;
};

struct worker_tls {
	int64_t expires; // seconds since 1970, of the certificate that runs out first
	struct listener_tls listeners[CONFIG_REALMS_MAX][CONFIG_LISTENERS_MAX];
	uint32_t trunk_count;
	struct tls_context *trunks[]; // [trunk_count], NULL = the listener's rules
};

static bool is_secure(const struct config_listener *listener)
{
	return listener->transport == CONFIG_TLS || listener->transport == CONFIG_WSS;
}

// Whose rules they are, for the log.
struct owner {
	struct worker_tls *tls;
	const char *kind, *name;
	char *error; // [TLS_ERROR_MAX]
};

static int context_new(const struct tls_settings *settings, const struct owner *owner,
	struct tls_context **out)
{
	char quoted[LOG_QUOTE_MAX];
	int rc = tls_context_new(settings, out, owner->error);

	if (rc < 0) {
		LOG_ERROR(NET, "tls_failed", "%s=%s error=%s", owner->kind, owner->name,
			log_quote(span_str(owner->error), quoted));
		return rc;
	}
	int64_t expires = tls_context_expiry(*out);
	int64_t days = tls_files_days_left(expires);
	if (expires < owner->tls->expires)
		owner->tls->expires = expires;
	// A listener's certificate is in two contexts.
	if (days < TLS_WARN_DAYS && (settings->is_server || owner->kind[0] == 't'))
		LOG_WARN(NET, "certificate_expires", "%s=%s file=%s days=%lld", owner->kind,
			owner->name, log_quote(span_str(settings->cert), quoted),
			(long long)days);
	return 0;
}

static int listener_open(struct worker_tls *tls, struct listener_tls *out,
	const struct config_listener *listener, char *error)
{
	static const enum tls_verify verifies[] = { TLS_VERIFY_NONE, TLS_VERIFY_REQUEST,
		TLS_VERIFY_REQUIRE };
	struct tls_settings settings = {
		.is_server = true,
		.cert = listener->tls.cert,
		.key = listener->tls.key,
		.ca = listener->tls.ca,
		.verify = verifies[listener->tls.verify],
	};
	char name[ADDR_TEXT_MAX];
	struct owner owner = { tls, "listener", name, error };
	int rc;

	addr_format(&listener->addr, name);
	rc = context_new(&settings, &owner, &out->server);
	if (rc < 0)
		return rc;
	// Towards peers without rules of their own we show what we show to clients.
	settings.is_server = false;
	settings.verify = TLS_VERIFY_NAME;
	return context_new(&settings, &owner, &out->client);
}

static int trunk_open(struct worker_tls *tls, struct tls_context **out,
	const struct config_trunk *trunk, char *error)
{
	static const enum tls_verify verifies[] = { TLS_VERIFY_NONE, TLS_VERIFY_CHAIN,
		TLS_VERIFY_NAME };
	struct tls_settings settings = {
		.cert = trunk->tls.cert,
		.key = trunk->tls.key,
		.ca = trunk->tls.ca,
		.verify = verifies[trunk->tls.verify],
	};

	struct owner owner = { tls, "trunk", trunk->name, error };

	return trunk->has_tls ? context_new(&settings, &owner, out) : 0;
}

static int all_open(struct worker_tls *tls, const struct config *config, char *error)
{
	int rc = 0;

	for (uint32_t r = 0; r < config->realm_count; r++) {
		const struct config_realm *realm = &config->realms[r];
		for (uint32_t i = 0; i < realm->listener_count && rc == 0; i++)
			if (is_secure(&realm->listeners[i]))
				rc = listener_open(tls, &tls->listeners[r][i],
					&realm->listeners[i], error);
	}
	for (uint32_t i = 0; i < config->trunk_count && rc == 0; i++)
		rc = trunk_open(tls, &tls->trunks[i], &config->trunks[i], error);
	return rc;
}

int worker_tls_new(const struct config *config, struct worker_tls **out, char *error)
{
	struct worker_tls *tls =
		calloc(1, sizeof(*tls) + config->trunk_count * sizeof(tls->trunks[0]));
	int rc;

	if (tls == NULL)
		return -ENOMEM;
	tls->trunk_count = config->trunk_count;
	tls->expires = INT64_MAX;
	rc = all_open(tls, config, error);
	if (rc < 0) {
		worker_tls_free(tls);
		return rc;
	}
	*out = tls;
	return 0;
}

void worker_tls_free(struct worker_tls *tls)
{
	if (tls == NULL)
		return;
	for (uint32_t i = 0; i < CONFIG_REALMS_MAX * CONFIG_LISTENERS_MAX; i++) {
		struct listener_tls *listener =
			&tls->listeners[i / CONFIG_LISTENERS_MAX][i % CONFIG_LISTENERS_MAX];
		tls_context_free(listener->server);
		tls_context_free(listener->client);
	}
	for (uint32_t i = 0; i < tls->trunk_count; i++)
		tls_context_free(tls->trunks[i]);
	free(tls);
}

static const struct listener_tls *listener_at(const struct worker_tls *tls, uint32_t listener)
{
	static const struct listener_tls none;
	uint32_t realm = listener >> 8, i = listener & 0xff;

	return realm < CONFIG_REALMS_MAX && i < CONFIG_LISTENERS_MAX ? &tls->listeners[realm][i] :
								       &none;
}

struct tls_context *worker_tls_server(const struct worker_tls *tls, uint32_t listener)
{
	return listener_at(tls, listener)->server;
}

struct tls_context *worker_tls_client(const struct worker_tls *tls, const struct sip_hop *hop)
{
	uint32_t trunk = hop->tls_trunk;

	if (trunk > 0 && trunk <= tls->trunk_count && tls->trunks[trunk - 1] != NULL)
		return tls->trunks[trunk - 1];
	return listener_at(tls, hop->listener)->client;
}

int64_t worker_tls_expiry(const struct worker_tls *tls)
{
	return tls->expires;
}
