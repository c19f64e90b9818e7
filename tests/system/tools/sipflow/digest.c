#include "digest.h"

#include "../sip_text.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { HEX_MAX = 2 * EVP_MAX_MD_SIZE + 1 };

static const char user[] = "alice", password[] = "a secret of alice's";

static const struct {
	const char *name, *openssl;
} algorithms_known[] = { { "MD5", "MD5" }, { "SHA-256", "SHA256" },
	{ "SHA-512-256", "SHA512-256" } };

static const EVP_MD *function_of(const char *algorithm)
{
	for (size_t i = 0; i < sizeof(algorithms_known) / sizeof(algorithms_known[0]); i++) {
		if (!strcasecmp(algorithms_known[i].name, algorithm))
			return EVP_get_digestbyname(algorithms_known[i].openssl);
	}
	return NULL;
}

static void hex_of(const EVP_MD *function, const char *text, char out[HEX_MAX])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	EVP_Digest(text, strlen(text), sum, &len, function, NULL);
	for (unsigned i = 0; i < len; i++)
		snprintf(out + 2 * i, 3, "%02x", sum[i]);
}

// A parameter of a challenge or of credentials, without its quotes.
static bool parameter(const char *value, const char *name, char *out, size_t size)
{
	size_t len = strlen(name);

	for (const char *at = value; (at = strcasestr(at, name)); at += len) {
		if ((at != value && !strchr(" ,", at[-1])) || at[len] != '=')
			continue;
		at += len + 1;
		bool is_quoted = *at == '"';
		at += is_quoted;
		snprintf(out, size, "%.*s", (int)strcspn(at, is_quoted ? "\"" : ", "), at);
		return true;
	}
	return false;
}

struct credentials {
	char realm[128], nonce[128], algorithm[32], uri[256], nc[16], cnonce[64];
};

static bool response_of(const struct credentials *c, const char *method, char out[HEX_MAX])
{
	const EVP_MD *function = function_of(c->algorithm);
	char text[1024], secret[HEX_MAX] = "", request[HEX_MAX] = "";

	if (!function)
		return false;
	snprintf(text, sizeof(text), "%s:%s:%s", user, c->realm, password);
	hex_of(function, text, secret);
	snprintf(text, sizeof(text), "%s:%s", method, c->uri);
	hex_of(function, text, request);
	snprintf(text, sizeof(text), "%s:%s:%s:%s:auth:%s", secret, c->nonce, c->nc, c->cnonce,
		request);
	hex_of(function, text, out);
	return true;
}

void digest_challenge(const char *name, const char *nonce, const char *algorithms, char *out,
	size_t size)
{
	char list[64], *rest = list, *algorithm;
	size_t used = 0;

	snprintf(list, sizeof(list), "%s", algorithms);
	out[0] = '\0';
	while ((algorithm = strsep(&rest, ",")) && used < size)
		used += (size_t)snprintf(out + used, size - used,
			"%s: Digest realm=\"" DIGEST_REALM "\", nonce=\"%s\", opaque=\"%s-o\", "
			"algorithm=%s, qop=\"auth\"\r\n", name, nonce, nonce, algorithm);
}

// The value of the first challenge of that algorithm, or of any.
static bool choose(const char *challenge, const char *name, const char *algorithm, char *out,
	size_t size)
{
	char lines[2048], *rest = lines, *line, of[32];

	sip_text_copy_lines(challenge, name, lines, sizeof(lines));
	while ((line = strsep(&rest, "\r\n"))) {
		if (!*line || !parameter(line, "algorithm", of, sizeof(of)) ||
			(*algorithm && strcasecmp(of, algorithm)))
			continue;
		snprintf(out, size, "%s", line);
		return true;
	}
	return false;
}

bool digest_answer(const char *challenge, const struct digest_request *request, char *out,
	size_t size)
{
	bool is_proxy = sip_text_status(challenge) == 407;
	struct credentials c = { .nc = "00000001", .cnonce = "0a4f113b" };
	char value[1024], opaque[160] = "", response[HEX_MAX];

	if (!choose(challenge, is_proxy ? "Proxy-Authenticate" : "WWW-Authenticate",
		request->algorithm, value, sizeof(value)) ||
		!parameter(value, "realm", c.realm, sizeof(c.realm)) ||
		!parameter(value, "nonce", c.nonce, sizeof(c.nonce)) ||
		!parameter(value, "opaque", opaque, sizeof(opaque)) ||
		!parameter(value, "algorithm", c.algorithm, sizeof(c.algorithm)))
		return false;
	snprintf(c.uri, sizeof(c.uri), "%s", request->uri);
	if (!response_of(&c, request->method, response))
		return false;
	snprintf(out, size, "%s: Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", "
		"response=\"%s\", algorithm=%s, cnonce=\"%s\", opaque=\"%s\", qop=auth, nc=%s\r\n",
		is_proxy ? "Proxy-Authorization" : "Authorization", user, c.realm, c.nonce, c.uri,
		response, c.algorithm, c.cnonce, opaque, c.nc);
	return true;
}

bool digest_verify(const char *request, const char *method, const char *nonce)
{
	char value[1024], response[HEX_MAX], opaque[160], wanted_opaque[160], wanted[HEX_MAX];
	struct credentials c = { 0 };

	snprintf(wanted_opaque, sizeof(wanted_opaque), "%s-o", nonce);
	return (sip_text_header(request, "Authorization", value, sizeof(value)) ||
		sip_text_header(request, "Proxy-Authorization", value, sizeof(value))) &&
		parameter(value, "realm", c.realm, sizeof(c.realm)) &&
		parameter(value, "nonce", c.nonce, sizeof(c.nonce)) &&
		parameter(value, "uri", c.uri, sizeof(c.uri)) &&
		parameter(value, "algorithm", c.algorithm, sizeof(c.algorithm)) &&
		parameter(value, "nc", c.nc, sizeof(c.nc)) &&
		parameter(value, "cnonce", c.cnonce, sizeof(c.cnonce)) &&
		parameter(value, "opaque", opaque, sizeof(opaque)) &&
		parameter(value, "response", response, sizeof(response)) &&
		!strcmp(c.realm, DIGEST_REALM) && !strcmp(c.nonce, nonce) &&
		!strcmp(opaque, wanted_opaque) && response_of(&c, method, wanted) &&
		!strcmp(response, wanted);
}
