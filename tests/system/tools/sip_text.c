#include "sip_text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <strings.h>

static const char *next_line(const char *line)
{
	const char *end = strstr(line, "\r\n");
	return end ? end + 2 : NULL;
}

static const char *line_value(const char *line, const char *name)
{
	size_t len = strlen(name);
	if (strncasecmp(line, name, len) || line[len] != ':')
		return NULL;
	line += len + 1;
	return line + strspn(line, " \t");
}

static void copy_until_crlf(const char *from, char *out, size_t size)
{
	size_t len = strcspn(from, "\r\n");
	snprintf(out, size, "%.*s", (int)len, from);
}

bool sip_text_header(const char *msg, const char *name, char *out, size_t size)
{
	for (const char *line = next_line(msg); line && *line != '\r'; line = next_line(line)) {
		const char *value = line_value(line, name);
		if (value) {
			copy_until_crlf(value, out, size);
			return true;
		}
	}
	return false;
}

void sip_text_copy_lines(const char *msg, const char *name, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (const char *line = next_line(msg); line && *line != '\r'; line = next_line(line)) {
		if (!line_value(line, name) || used >= size)
			continue;
		int len = (int)strcspn(line, "\r\n");
		used += (size_t)snprintf(out + used, size - used, "%.*s\r\n", len, line);
	}
}

int sip_text_status(const char *msg)
{
	return strncmp(msg, "SIP/2.0 ", 8) ? 0 : atoi(msg + 8);
}

bool sip_text_media(const char *msg, struct sockaddr_storage *out)
{
	const char *c = strstr(msg, "\nc=IN IP");
	const char *m = strstr(msg, "\nm=audio ");
	char ip[64];

	if (!c || !m || strlen(c) < 10)
		return false;
	copy_until_crlf(c + 10, ip, sizeof(ip));
	return sip_text_address(ip, (uint16_t)atoi(m + 9), out);
}

void sip_text_uri(const char *header, char *out, size_t size)
{
	const char *open = strchr(header, '<');
	const char *from = open ? open + 1 : header;
	snprintf(out, size, "%.*s", (int)strcspn(from, open ? ">" : ";"), from);
}

void sip_text_sdp(const char *ip, uint16_t port, const char *crypto, char *out, size_t size)
{
	const char *family = strchr(ip, ':') ? "IP6" : "IP4";
	snprintf(out, size, "v=0\r\no=- 1 1 IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n"
		"m=audio %u RTP/%s 8\r\n%s%s%sa=rtpmap:8 PCMA/8000\r\na=ptime:20\r\n"
		"a=sendrecv\r\n",
		family, ip, family, ip, port, crypto ? "SAVP" : "AVP",
		crypto ? "a=crypto:" : "", crypto ? crypto : "", crypto ? "\r\n" : "");
}

void sip_text_make_key(const char *suite, char out[96])
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t bytes = (strstr(suite, "256") ? 32u : 16u) + (strstr(suite, "GCM") ? 12u : 14u);
	uint8_t raw[48] = { 0 };
	size_t at = 0;

	if (getrandom(raw, bytes, 0) != (ssize_t)bytes)
		abort();
	for (size_t i = 0; i < bytes; i += 3) {
		uint32_t word = (uint32_t)raw[i] << 16 | (uint32_t)raw[i + 1] << 8 | raw[i + 2];
		for (uint32_t k = 0; k < 4; k++)
			out[at++] = i + k > bytes ? '=' : digits[word >> (18 - 6 * k) & 63];
	}
	out[at] = '\0';
}

bool sip_text_crypto(const char *msg, char suite[32], char key[96])
{
	const char *crypto = strstr(msg, "\na=crypto:");

	return crypto &&
		sscanf(crypto, "\na=crypto:%*u %31[^ ] inline:%95[A-Za-z0-9+/=]", suite, key) == 2;
}

void sip_text_host(const char *ip, char *out, size_t size)
{
	snprintf(out, size, strchr(ip, ':') ? "[%s]" : "%s", ip);
}

bool sip_text_address(const char *ip, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, ip, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return true;
	}
	if (inet_pton(AF_INET6, ip, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		return true;
	}
	return false;
}

socklen_t sip_text_address_len(const struct sockaddr_storage *addr)
{
	return addr->ss_family == AF_INET ?
		sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

bool sip_text_address_equal(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
	const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;

	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return a4->sin_port == b4->sin_port && a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return a6->sin6_port == b6->sin6_port && !memcmp(&a6->sin6_addr, &b6->sin6_addr, 16);
}
