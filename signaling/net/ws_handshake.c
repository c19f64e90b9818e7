// ws_handshake.c - the HTTP/1.1 upgrade of RFC 6455 4, both sides, and nothing else of HTTP: one
// header part without a body, no continuation lines, every name that we read at most once.
#include "base/rng.h"
#include "net/ws_private.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#define KEY_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // RFC 6455 1.3

// The lines that decide; absent = empty, and no line of these may be empty.
enum field {
	FIELD_HOST,
	FIELD_UPGRADE,
	FIELD_CONNECTION,
	FIELD_KEY,
	FIELD_ACCEPT,
	FIELD_VERSION,
	FIELD_PROTOCOL,
	FIELD_EXTENSIONS,
	FIELD_ORIGIN,
	FIELD_LENGTH,
	FIELD_ENCODING,
	FIELD_COUNT
};

// Lists may be spread over several lines (RFC 7230 3.2.2): then the last one is kept, and struct
// head says whether the token that matters was in any of them.
static const struct {
	struct span name;
	bool is_list;
} fields[FIELD_COUNT] = {
	[FIELD_HOST] = { SPAN_LIT("host"), false },
	[FIELD_UPGRADE] = { SPAN_LIT("upgrade"), true },
	[FIELD_CONNECTION] = { SPAN_LIT("connection"), true },
	[FIELD_KEY] = { SPAN_LIT("sec-websocket-key"), false },
	[FIELD_ACCEPT] = { SPAN_LIT("sec-websocket-accept"), false },
	[FIELD_VERSION] = { SPAN_LIT("sec-websocket-version"), false },
	[FIELD_PROTOCOL] = { SPAN_LIT("sec-websocket-protocol"), true },
	[FIELD_EXTENSIONS] = { SPAN_LIT("sec-websocket-extensions"), true },
	[FIELD_ORIGIN] = { SPAN_LIT("origin"), false },
	[FIELD_LENGTH] = { SPAN_LIT("content-length"), false },
	[FIELD_ENCODING] = { SPAN_LIT("transfer-encoding"), true },
};

struct head {
	struct span line; // request or status line
	struct span value[FIELD_COUNT];
	bool is_websocket; // a token of any Upgrade line
	bool is_upgrade;   // a token of any Connection line
	bool is_sip;       // a token of any Sec-WebSocket-Protocol line
};

static bool is_token_char(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
		(c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

// No control character but HT. Bytes above 127 pass: nothing that we compare with holds any.
static bool is_value_ok(struct span value)
{
	for (uint32_t i = 0; i < value.len; i++) {
		if ((unsigned char)value.ptr[i] < 0x20 ? value.ptr[i] != '\t' :
							 value.ptr[i] == 0x7f)
			return false;
	}
	return true;
}

static bool list_has(struct span list, struct span token, bool is_case_free)
{
	struct span part;
	while (span_cut(&list, ',', &part)) {
		part = span_trim(part);
		if (is_case_free ? span_ieq(part, token) : span_eq(part, token))
			return true;
	}
	return false;
}

static bool field_take(struct head *head, struct span name, struct span value)
{
	for (uint32_t f = 0; f < FIELD_COUNT; f++) {
		if (!span_ieq(name, fields[f].name))
			continue;
		if (value.len == 0 || (head->value[f].len && !fields[f].is_list))
			return false;
		head->value[f] = value;
		head->is_websocket |= f == FIELD_UPGRADE &&
			list_has(value, SPAN_LIT("websocket"), true);
		head->is_upgrade |= f == FIELD_CONNECTION &&
			list_has(value, SPAN_LIT("upgrade"), true);
		head->is_sip |= f == FIELD_PROTOCOL && list_has(value, SPAN_LIT("sip"), false);
		return true;
	}
	return true;
}

static bool line_take(struct head *head, struct span line)
{
	uint32_t i = 0;
	while (i < line.len && is_token_char(line.ptr[i]))
		i++;
	// No blank before the colon and no continuation line (RFC 7230 3.2.4).
	if (i == 0 || i == line.len || line.ptr[i] != ':')
		return false;
	struct span value = span_trim(span_sub(line, i + 1, line.len));
	return is_value_ok(value) && field_take(head, span_make(line.ptr, i), value);
}

// `text` from start line to empty line, each line ended by CR LF. False: malformed.
static bool head_parse(struct span text, struct head *out)
{
	struct span line;
	struct head head = { 0 };
	for (uint32_t n = 0; span_cut(&text, '\n', &line); n++) {
		if (line.len == 0 || line.ptr[line.len - 1] != '\r')
			return false;
		line.len--;
		if (line.len == 0)
			break;
		if (n == 0)
			head.line = line;
		else if (!line_take(&head, line))
			return false;
	}
	*out = head;
	return is_value_ok(head.line);
}

static bool key_ok(struct span key)
{
	unsigned char raw[WS_KEY_BYTES];
	// EVP_DecodeBlock() counts the padding too: 18 bytes, of which the last two are none.
	return key.len == WS_KEY_BYTES && key.ptr[22] == '=' && key.ptr[23] == '=' &&
		key.ptr[21] != '=' &&
		EVP_DecodeBlock(raw, (const unsigned char *)key.ptr, WS_KEY_BYTES) == 18;
}

static bool origin_ok(struct span origin, const struct ws_params *params)
{
	if (params->origin_count == 0 || origin.len == 0)
		return true;
	for (uint32_t i = 0; i < params->origin_count; i++) {
		if (span_ieq(origin, params->origins[i]))
			return true;
	}
	return false;
}

// "GET" SP target SP "HTTP/1.1".
static uint16_t request_line_judge(struct span line)
{
	struct span method, target;
	if (!span_cut(&line, ' ', &method) || !span_cut(&line, ' ', &target) || target.len == 0)
		return 400;
	if (!span_starts(line, SPAN_LIT("HTTP/")))
		return 400;
	if (!span_eq(line, SPAN_LIT("HTTP/1.1")))
		return 505;
	return span_eq(method, SPAN_LIT("GET")) ? 0 : 405;
}

static void answer_set(struct ws_answer *out, uint16_t status, const char *why)
{
	out->status = status;
	out->why = why;
}

void ws_request_judge(struct span text, const struct ws_params *params, struct ws_answer *out)
{
	struct head head;
	uint16_t status;
	if (!head_parse(text, &head))
		answer_set(out, 400, "Malformed HTTP Request");
	else if ((status = request_line_judge(head.line)) != 0)
		answer_set(out, status, "Malformed HTTP Request Line");
	else if (head.value[FIELD_HOST].len == 0)
		answer_set(out, 400, "No Host");
	else if (head.value[FIELD_ENCODING].len ||
		(head.value[FIELD_LENGTH].len && !span_eq(head.value[FIELD_LENGTH], SPAN_LIT("0"))))
		answer_set(out, 400, "HTTP Request With a Body");
	else if (!head.is_websocket || !head.is_upgrade)
		answer_set(out, 426, "No Upgrade to WebSocket");
	else if (!span_eq(head.value[FIELD_VERSION], SPAN_LIT("13")))
		answer_set(out, 426, "Other Version of WebSocket");
	else if (!key_ok(head.value[FIELD_KEY]))
		answer_set(out, 400, "Malformed Sec-WebSocket-Key");
	else if (!origin_ok(head.value[FIELD_ORIGIN], params))
		answer_set(out, 403, "Origin Not Allowed");
	else if (!head.is_sip)
		answer_set(out, 400, "Subprotocol sip Not Offered");
	else
		answer_set(out, 101, "");
	if (out->status == 101)
		ws_accept_of(head.value[FIELD_KEY], out->accept);
}

#define HEADERS_NO_BODY "Connection: close\r\nContent-Length: 0\r\n\r\n"

struct span ws_response_format(const struct ws_answer *answer, char *buf)
{
	static const char accepted[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
				       "Connection: Upgrade\r\nSec-WebSocket-Protocol: sip\r\n"
				       "Sec-WebSocket-Accept: ";
	const uint32_t len = sizeof(accepted) - 1;
	switch (answer->status) {
	case 101:
		memcpy(buf, accepted, len);
		memcpy(buf + len, answer->accept, WS_ACCEPT_BYTES);
		memcpy(buf + len + WS_ACCEPT_BYTES, "\r\n\r\n", 4);
		return span_make(buf, len + WS_ACCEPT_BYTES + 4);
	case 403:
		return SPAN_LIT("HTTP/1.1 403 Forbidden\r\n" HEADERS_NO_BODY);
	case 405:
		return SPAN_LIT(
			"HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\n" HEADERS_NO_BODY);
	case 426:
		return SPAN_LIT("HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n"
				"Sec-WebSocket-Version: 13\r\n" HEADERS_NO_BODY);
	case 431:
		return SPAN_LIT("HTTP/1.1 431 Request Header Fields Too Large\r\n" HEADERS_NO_BODY);
	case 505:
		return SPAN_LIT("HTTP/1.1 505 HTTP Version Not Supported\r\n" HEADERS_NO_BODY);
	default:
		return SPAN_LIT("HTTP/1.1 400 Bad Request\r\n" HEADERS_NO_BODY);
	}
}

// Appends; *len is UINT32_MAX once something did not fit.
static void put(char *buf, uint32_t *len, struct span text)
{
	if (*len == UINT32_MAX || text.len > WS_HANDSHAKE_MAX - *len) {
		*len = UINT32_MAX;
		return;
	}
	memcpy(buf + *len, text.ptr, text.len);
	*len += text.len;
}

// No blank, no control character: none of the three may begin a line of its own or end its part.
static bool is_part_ok(struct span part)
{
	for (uint32_t i = 0; i < part.len; i++) {
		if (part.ptr[i] <= 0x20 || part.ptr[i] == 0x7f)
			return false;
	}
	return true;
}

struct span ws_request_format(const struct ws_params *params, const char *key, char *buf)
{
	struct span path = params->path.len ? params->path : SPAN_LIT("/");
	uint32_t len = 0;
	if (params->host.len == 0 || path.ptr[0] != '/' || !is_part_ok(params->host) ||
		!is_part_ok(path) || !is_part_ok(params->origin))
		return SPAN_NONE;
	put(buf, &len, SPAN_LIT("GET "));
	put(buf, &len, path);
	put(buf, &len, SPAN_LIT(" HTTP/1.1\r\nHost: "));
	put(buf, &len, params->host);
	put(buf, &len,
		SPAN_LIT("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n"
			 "Sec-WebSocket-Key: "));
	put(buf, &len, span_make(key, WS_KEY_BYTES));
	if (params->origin.len) {
		put(buf, &len, SPAN_LIT("\r\nOrigin: "));
		put(buf, &len, params->origin);
	}
	put(buf, &len, SPAN_LIT("\r\n\r\n"));
	return len == UINT32_MAX ? SPAN_NONE : span_make(buf, len);
}

const char *ws_response_judge(struct span text, const char *key)
{
	struct head head;
	char accept[WS_ACCEPT_BYTES];
	if (!head_parse(text, &head))
		return "Malformed HTTP Response";
	if (!span_eq(head.line, SPAN_LIT("HTTP/1.1 101")) &&
		!span_starts(head.line, SPAN_LIT("HTTP/1.1 101 ")))
		return "Upgrade Refused";
	if (!head.is_websocket || !head.is_upgrade)
		return "No Upgrade to WebSocket";
	ws_accept_of(span_make(key, WS_KEY_BYTES), accept);
	if (!span_eq(head.value[FIELD_ACCEPT], span_make(accept, WS_ACCEPT_BYTES)))
		return "Wrong Sec-WebSocket-Accept";
	if (!span_eq(head.value[FIELD_PROTOCOL], SPAN_LIT("sip")))
		return "Subprotocol sip Not Accepted";
	return head.value[FIELD_EXTENSIONS].len ? "Extension That Was Not Offered" : NULL;
}

void ws_key_make(char key[WS_KEY_BYTES])
{
	unsigned char raw[16];
	char text[WS_KEY_BYTES + 1];
	rng_secure(raw, sizeof(raw));
	EVP_EncodeBlock((unsigned char *)text, raw, sizeof(raw));
	memcpy(key, text, WS_KEY_BYTES);
}

void ws_accept_of(struct span key, char accept[WS_ACCEPT_BYTES])
{
	char input[WS_KEY_BYTES + sizeof(KEY_GUID) - 1];
	unsigned char digest[SHA_DIGEST_LENGTH];
	char text[WS_ACCEPT_BYTES + 1];
	memcpy(input, key.ptr, WS_KEY_BYTES);
	memcpy(input + WS_KEY_BYTES, KEY_GUID, sizeof(KEY_GUID) - 1);
	SHA1((const unsigned char *)input, sizeof(input), digest);
	EVP_EncodeBlock((unsigned char *)text, digest, sizeof(digest));
	memcpy(accept, text, WS_ACCEPT_BYTES);
}
