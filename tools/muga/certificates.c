// certificates.c - what muga check says of the files that TLS needs: there, readable, fitting, and
// for how long.
#include "certificates.h"

#include "config/config.h"

#include <stdio.h>

struct search {
	struct certificate_finding *findings;
	uint32_t max, count;
};

static void add(struct search *search, const struct certificate_finding *finding)
{
	if (search->count < search->max)
		search->findings[search->count++] = *finding;
}

static void look(struct search *search, const char *key, const struct tls_files *files)
{
	struct certificate_finding finding = { .is_mistake = true };
	int64_t expires = INT64_MAX;
	int rc = tls_files_check(files, &expires, finding.message);
	int64_t days = tls_files_days_left(expires);

	snprintf(finding.key, sizeof(finding.key), "%s", key);
	if (rc < 0) {
		add(search, &finding);
		return;
	}
	if (days >= TLS_WARN_DAYS)
		return;
	finding.is_mistake = false;
	if (days < 0)
		snprintf(finding.message, sizeof(finding.message), "certificate %s has expired",
			files->cert);
	else
		snprintf(finding.message, sizeof(finding.message),
			"certificate %s expires in %lld days", files->cert, (long long)days);
	add(search, &finding);
}

static void look_at_listener(struct search *search, const struct config_realm *realm, uint32_t i)
{
	const struct config_listener *listener = &realm->listeners[i];
	struct tls_files files = { .cert = listener->tls.cert, .key = listener->tls.key,
		.ca = listener->tls.ca, .is_server = true };
	char key[CERTIFICATE_KEY_MAX];

	if (listener->transport != CONFIG_TLS && listener->transport != CONFIG_WSS)
		return;
	snprintf(key, sizeof(key), "realms.%s.sip[%u]", realm->name, i);
	look(search, key, &files);
}

uint32_t certificates_check(const struct config *config, struct certificate_finding *findings,
	uint32_t max)
{
	struct search search = { findings, max, 0 };

	for (uint32_t r = 0; r < config->realm_count; r++)
		for (uint32_t i = 0; i < config->realms[r].listener_count; i++)
			look_at_listener(&search, &config->realms[r], i);
	for (uint32_t t = 0; t < config->trunk_count; t++) {
		const struct config_trunk *trunk = &config->trunks[t];
		struct tls_files files = { .cert = trunk->tls.cert, .key = trunk->tls.key,
			.ca = trunk->tls.ca };
		char key[CERTIFICATE_KEY_MAX];

		if (!trunk->has_tls)
			continue;
		snprintf(key, sizeof(key), "trunks.%s.tls", trunk->name);
		look(&search, key, &files);
	}
	return search.count;
}
