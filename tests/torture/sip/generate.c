// generate.c - see generate.h.
#include "generate.h"

#include <stdio.h>

struct writer {
	struct rng *rng;
	char *buf;
	uint32_t len;
};

static void put(struct writer *w, const char *text)
{
	uint32_t len = (uint32_t)strlen(text);
	if (len > GENERATE_MAX - w->len)
		len = GENERATE_MAX - w->len;
	memcpy(w->buf + w->len, text, len);
	w->len += len;
}

static bool chance(struct writer *w, uint32_t one_in)
{
	return rng_below(w->rng, one_in) == 0;
}

#define PICK(w, table) (table)[rng_below((w)->rng, sizeof(table) / sizeof((table)[0]))]

static void put_number(struct writer *w, uint32_t below)
{
	char text[16];
	snprintf(text, sizeof(text), "%u", rng_below(w->rng, below));
	put(w, text);
}

static void put_token(struct writer *w)
{
	static const char chars[] = "abcxyzABCXYZ0123456789-.!%*_+`'~";
	char text[24];
	uint32_t len = rng_below(w->rng, 20) + 1;
	for (uint32_t i = 0; i < len; i++)
		text[i] = chars[rng_below(w->rng, sizeof(chars) - 1)];
	text[len] = '\0';
	put(w, text);
}

static void put_host(struct writer *w)
{
	static const char *const hosts[] = { "192.0.2.1", "example.com", "a-b.c1.example.org",
		"[2001:db8::1]", "[::ffff:192.0.2.9]", "localhost", "10.0.0.255", "b2" };
	put(w, PICK(w, hosts));
	if (chance(w, 3)) {
		put(w, ":");
		char port[8];
		snprintf(port, sizeof(port), "%u", rng_below(w->rng, 65535) + 1);
		put(w, port);
	}
}

static void put_uri(struct writer *w, bool has_headers)
{
	static const char *const users[] = { "alice@", "+49301234567@", "bob:secret@", "a%20b@",
		"user;phone-context=x@", "1234;isub=9/7?&=$,@", "", "" };
	static const char *const params[] = { ";lr", ";transport=tcp", ";user=phone",
		";transport=udp;lr", ";maddr=192.0.2.7;ttl=15", ";x=%41b;y", ";method=INVITE" };
	put(w, chance(w, 4) ? "sips:" : "sip:");
	put(w, PICK(w, users));
	put_host(w);
	if (chance(w, 2))
		put(w, PICK(w, params));
	if (has_headers && chance(w, 6))
		put(w, "?Subject=x%20y&Priority=urgent");
}

static void put_name_addr(struct writer *w, bool has_tag)
{
	static const char *const names[] = { "", "Alice ", "\"Alice\" ", "\"A. \\\"G\\\" Bell\" ",
		"A B  C ", "\"\" ", "\"caf\xc3\xa9, <x>; y\" ", "\"\\\\\"" };
	put(w, PICK(w, names));
	put(w, "<");
	put_uri(w, true);
	put(w, ">");
	if (has_tag) {
		put(w, chance(w, 4) ? " ; tag = " : ";tag=");
		put_token(w);
	}
	if (chance(w, 6))
		put(w, ";x=\"a;b\"");
}

// The name in one of its forms, the colon in one of its.
static void put_name(struct writer *w, const char *name, char compact)
{
	char text[40];
	size_t len = (size_t)snprintf(text, sizeof(text), "%s", name);
	if (compact && chance(w, 4))
		len = (size_t)snprintf(text, sizeof(text), "%c", compact);
	for (size_t i = 0; i < len && chance(w, 5); i++)
		text[i] = (char)(text[i] >= 'a' && text[i] <= 'z' ? text[i] - 32 : text[i]);
	put(w, text);
	put(w, chance(w, 12) ? " : " : chance(w, 8) ? ":" : chance(w, 12) ? ":\r\n " : ": ");
}

static void put_via(struct writer *w)
{
	static const char *const transports[] = { "UDP", "TCP", "TLS", "WS", "WSS", "SCTP", "x" };
	put(w, "SIP/2.0/");
	put(w, PICK(w, transports));
	put(w, " ");
	put_host(w);
	put(w, ";branch=z9hG4bK");
	put_token(w);
	if (chance(w, 3))
		put(w, ";rport");
	if (chance(w, 6))
		put(w, ";received=192.0.2.200");
	if (chance(w, 8))
		put(w, " ; extension = \"a, b\"");
}

static void put_call_id(struct writer *w)
{
	put_token(w);
	if (chance(w, 2)) {
		put(w, "@");
		put_token(w);
	}
}

static void put_optional(struct writer *w)
{
	static const char *const lines[] = { "Max-Forwards: 70\r\n", "Supported: 100rel, timer\r\n",
		"k: path,gruu\r\n", "Subject: a\r\n folded one\r\n", "Subject:\r\n",
		"X-Unknown: \"quoted\" <x>; y=\"z\r\n  \"\r\n", "Allow: INVITE, ACK, BYE\r\n",
		"Date: Sat, 13 Nov 2010 23:29:00 GMT\r\n", "Expires: 3600\r\n",
		"User-Agent: x/1 (y)\r\n", "Accept: application/sdp;level=1, text/plain\r\n",
		"Timestamp: 54\r\n" };
	static const char *const routes[] = { "Route", "Record-Route", "Contact" };
	uint32_t first = rng_below(w->rng, 12);
	for (uint32_t i = 0; i < 4; i++)
		put(w, lines[(first + 5 * i) % 12]);
	if (chance(w, 2)) {
		put_name(w, PICK(w, routes), 0);
		put_name_addr(w, false);
		if (chance(w, 3)) {
			put(w, ", ");
			put_name_addr(w, false);
		}
		put(w, "\r\n");
	}
}

static const char *const methods[] = { "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER",
	"INFO", "PRACK", "UPDATE", "REFER", "NOTIFY", "SUBSCRIBE", "MESSAGE", "PUBLISH", "x-new" };

static void put_start(struct writer *w, const char *method)
{
	static const char *const phrases[] = { "OK", "", "Not Found (really)",
		"\xc3\x9c"
		"ber",
		"a  b" };
	char text[32];
	if (!chance(w, 3)) {
		put(w, method);
		put(w, " ");
		put_uri(w, false);
		put(w, " SIP/2.0\r\n");
		return;
	}
	snprintf(text, sizeof(text), "SIP/2.0 %u ", rng_below(w->rng, 600) + 100);
	put(w, text);
	put(w, PICK(w, phrases));
	put(w, "\r\n");
}

// One of the five lines that no message may lack.
static void put_needed(struct writer *w, uint32_t which, const char *method)
{
	static const struct {
		const char *name;
		char compact;
	} needed[] = { { "Via", 'v' }, { "From", 'f' }, { "To", 't' }, { "Call-ID", 'i' },
		{ "CSeq", 0 } };
	put_name(w, needed[which].name, needed[which].compact);
	if (which == 0) {
		put_via(w);
		if (chance(w, 4)) {
			put(w, chance(w, 2) ? "," : " ,\r\n  ");
			put_via(w);
		}
	} else if (which < 3) {
		put_name_addr(w, which == 1 || chance(w, 2));
	} else if (which == 3) {
		put_call_id(w);
	} else {
		put_number(w, 1u << 31);
		put(w, chance(w, 6) ? "  " : " ");
		put(w, method);
	}
	put(w, "\r\n");
}

struct span generate_valid(struct rng *rng, char *buf)
{
	static const char *const bodies[] = { "", "", "v=0\r\n", "text\r\n\r\nmore", "\r\n" };
	struct writer w = { .rng = rng, .buf = buf };
	const char *method = PICK(&w, methods), *body = PICK(&w, bodies);
	char text[32];
	uint32_t first = rng_below(rng, 5);
	put_start(&w, method);
	for (uint32_t i = 0; i < 5; i++) {
		put_needed(&w, (first + i) % 5, method);
		if (i == 2)
			put_optional(&w);
	}
	if (body[0])
		put(&w,
			chance(&w, 3) ? "c: text/plain\r\n" :
					"Content-Type: application/x;y=\"z\"\r\n");
	put_name(&w, "Content-Length", 'l');
	snprintf(text, sizeof(text), "%zu\r\n\r\n", strlen(body));
	put(&w, text);
	put(&w, body);
	return span_make(buf, w.len);
}

// Mutations ---------------------------------------------------------------------------------------

static uint32_t line_begin(struct span s, uint32_t i)
{
	while (i && s.ptr[i - 1] != '\n')
		i--;
	return i;
}

static uint32_t line_behind(struct span s, uint32_t i)
{
	int32_t at = span_find(s, '\n', i);
	return at < 0 ? s.len : (uint32_t)at + 1;
}

// Replaces `old` bytes at `i` by `text`.
static void splice(struct span *s, char *buf, uint32_t i, uint32_t old, struct span text)
{
	if (s->len - old + text.len > GENERATE_MAX)
		return;
	memmove(buf + i + text.len, buf + i + old, s->len - i - old);
	if (text.len)
		memcpy(buf + i, text.ptr, text.len);
	s->len = s->len - old + text.len;
}

static void mutate_once(struct rng *rng, struct span *s, char *buf)
{
	static const char special[] = "\r\n\t \"<>@,;:=?/\\%[](){}|^\x01\x7f\xff\xc3.-0a";
	char line[GENERATE_MAX], c = special[rng_below(rng, sizeof(special) - 1)];
	uint32_t i = rng_below(rng, s->len), from = line_begin(*s, i), behind = line_behind(*s, i);
	memcpy(line, buf + from, behind - from);
	switch (rng_below(rng, 8)) {
	case 0:
		splice(s, buf, i, 1, SPAN_NONE);
		break;
	case 1:
		splice(s, buf, i, 0, span_make(&c, 1));
		break;
	case 2:
		splice(s, buf, from, behind - from, SPAN_NONE); // a line is lost
		break;
	case 3:
		splice(s, buf, from, 0, span_make(line, behind - from)); // or comes twice
		break;
	case 4:
		c = (char)rng_below(rng, 256);
		splice(s, buf, i, 1, span_make(&c, 1));
		break;
	case 5:
		splice(s, buf, i, 0, SPAN_LIT("99999999999"));
		break;
	case 6:
		splice(s, buf, i, 0, SPAN_LIT("\r\n "));
		break;
	default:
		splice(s, buf, i, 1, span_make(&c, 1));
		break;
	}
}

struct span generate_mutated(struct rng *rng, struct span message, char *buf)
{
	struct span s = span_make(buf, message.len);
	memcpy(buf, message.ptr, message.len);
	for (uint32_t n = rng_below(rng, 3) + 1; n && s.len > 1; n--)
		mutate_once(rng, &s, buf);
	return s;
}
