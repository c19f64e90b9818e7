// sdp_parse.c - RFC 8866 text to struct sdp_session, line by line.
#include "sip/sdp.h"

#include "sip/text.h"

#include <errno.h>
#include <stddef.h>

struct sdp_parser {
	struct sdp_session *sdp;
	struct sdp_media *media; // the m= section we are in, NULL at session level
	bool has_version, has_origin, has_time;
	const char *reason;      // set by whoever refuses
};

typedef int (*sdp_line_fn)(struct sdp_parser *parser, struct span value);

static const struct {
	const char *name;
	uint8_t len;
} attr_names[SDP_ATTR_COUNT] = {
#define SDP_ATTR(id, text, class) [SDP_ATTR_##id] = { text, sizeof(text) - 1 },
#include "sip/sdp_attr.def"
#undef SDP_ATTR
};

static enum sdp_attr_id attr_lookup(struct span name)
{
	for (unsigned id = 1; id < SDP_ATTR_COUNT; id++) {
		if (name.len == attr_names[id].len && name.ptr[0] == attr_names[id].name[0] &&
			memcmp(name.ptr, attr_names[id].name, name.len) == 0)
			return id;
	}
	return span_istarts(name, SPAN_LIT("T38")) ? SDP_ATTR_T38 : SDP_ATTR_OTHER;
}

static int refuse(struct sdp_parser *parser, const char *reason)
{
	parser->reason = reason;
	return -EINVAL;
}

// Next word of a line whose fields are separated by spaces; several are taken as one.
static struct span next_word(struct span *rest)
{
	struct span word;
	while (rest->len && rest->ptr[0] == ' ')
		*rest = span_from(*rest, 1);
	if (!span_cut(rest, ' ', &word))
		return SPAN_NONE;
	return word;
}

static bool is_digits(struct span s, uint32_t max)
{
	return s.len <= max && text_is(text_of(s), s.ptr, CHAR_DIGIT);
}

static bool is_token(struct span s)
{
	return text_is(text_of(s), s.ptr, CHAR_TOKEN);
}

// <ttl>, <count> or <ttl>/<count> of a multicast address.
static bool is_suffix(struct span s)
{
	struct span first;

	if (!span_cut(&s, '/', &first) || !is_digits(first, 8))
		return false;
	return s.len == 0 || is_digits(s, 8);
}

// <nettype> <addrtype> <connection-address>, RFC 8866 5.7.
static int parse_address(struct span rest, struct sdp_address *out)
{
	struct span net = next_word(&rest);
	struct span type = next_word(&rest);
	struct span text = next_word(&rest);
	int32_t slash = span_find(text, '/', 0);

	if (!span_ieq(net, SPAN_LIT("IN")) || text.len == 0 || text.len > 255)
		return -EINVAL;
	out->is_ip6 = span_ieq(type, SPAN_LIT("IP6"));
	if (!out->is_ip6 && !span_ieq(type, SPAN_LIT("IP4")))
		return -EINVAL;
	if (slash >= 0) {
		if (!is_suffix(span_from(text, (uint32_t)slash + 1)))
			return -EINVAL;
		out->suffix = span_from(text, (uint32_t)slash);
		text = span_sub(text, 0, (uint32_t)slash);
		out->is_multicast = true;
	}
	if (ip_parse(text, &out->ip) < 0) {
		if (text_run(text_of(text), text.ptr, CHAR_HOST) != text.ptr + text.len)
			return -EINVAL;
		out->is_fqdn = true;
	} else if (ip_is_v4(&out->ip) ? (out->ip.b[12] & 0xf0) == 0xe0 : out->ip.b[0] == 0xff) {
		out->is_multicast = true;
	}
	out->text = text;
	out->is_present = true;
	return 0;
}

static int parse_version(struct sdp_parser *parser, struct span value)
{
	if (!span_eq(span_trim(value), SPAN_LIT("0")))
		return refuse(parser, "Unknown SDP version");
	parser->has_version = true;
	return 0;
}

static int parse_origin(struct sdp_parser *parser, struct span value)
{
	struct sdp_session *sdp = parser->sdp;
	struct span rest = value;

	if (parser->has_origin)
		return refuse(parser, "Second o= line");
	sdp->username = next_word(&rest);
	sdp->session_id = next_word(&rest);
	sdp->session_version = next_word(&rest);
	if (sdp->username.len == 0 || !is_digits(sdp->session_id, 20) ||
		!is_digits(sdp->session_version, 20))
		return refuse(parser, "Malformed o= line");
	if (parse_address(rest, &sdp->origin) < 0)
		return refuse(parser, "Malformed address in o= line");
	parser->has_origin = true;
	return 0;
}

static int parse_name(struct sdp_parser *parser, struct span value)
{
	parser->sdp->name = value;
	return 0;
}

static int parse_connection(struct sdp_parser *parser, struct span value)
{
	struct sdp_address address = { 0 };

	if (parse_address(value, &address) < 0)
		return refuse(parser, "Malformed c= line");
	if (!parser->media) {
		parser->sdp->connection = address;
	} else if (!parser->media->has_own_connection) {
		// Further c= lines are layers of multicast (RFC 8866 5.7): the first one counts.
		parser->media->connection = address;
		parser->media->has_own_connection = true;
	}
	return 0;
}

// A line of which only the text is kept. The type stands in front of the value.
static int keep_line(struct sdp_parser *parser, struct span value)
{
	struct sdp_session *sdp = parser->sdp;
	char type = value.ptr[-2];

	parser->has_time |= type == 't';
	// One slot is kept for the t= line that sdp_put() adds when there is none.
	if (sdp->lines_used == SDP_LINES_MAX - !parser->has_time)
		return refuse(parser, "Too many SDP lines");
	sdp->line[sdp->lines_used++] = (struct sdp_line){ .type = type, .value = value };
	if (parser->media)
		parser->media->line_count++;
	else
		sdp->line_count++;
	return 0;
}

static bool proto_is_rtp(struct span proto)
{
	int32_t slash = 0;
	while (slash >= 0) {
		struct span part = span_from(proto, (uint32_t)slash + (slash ? 1 : 0));
		if (span_istarts(part, SPAN_LIT("RTP/")))
			return true;
		slash = span_find(proto, '/', (uint32_t)slash + 1);
	}
	return false;
}

static bool proto_is_secure(struct span proto)
{
	for (uint32_t i = 0; i + 4 <= proto.len; i++) {
		if (span_ieq(span_sub(proto, i, 4), SPAN_LIT("SAVP")))
			return true;
	}
	return false;
}

static int parse_media_port(struct span text, struct sdp_media *media)
{
	struct span port_text = SPAN_NONE;
	uint32_t port, count = 1;

	span_cut(&text, '/', &port_text);
	if (span_parse_u32(port_text, 65535, &port) < 0)
		return -EINVAL;
	if (text.len && (span_parse_u32(text, 65535, &count) < 0 || count == 0))
		return -EINVAL;
	media->port = (uint16_t)port;
	media->port_count = (uint16_t)count;
	return 0;
}

// <media> <port>[/<count>] <proto> <fmt> ..., RFC 8866 5.14.
static int parse_media(struct sdp_parser *parser, struct span value)
{
	struct sdp_session *sdp = parser->sdp;
	struct sdp_media *media;
	struct span rest = value, format;

	if (sdp->media_count == SDP_MEDIA_MAX)
		return refuse(parser, "Too many m= lines");
	media = &sdp->media[sdp->media_count];
	memset(media, 0, offsetof(struct sdp_media, format));
	media->type = next_word(&rest);
	if (media->type.len == 0 || parse_media_port(next_word(&rest), media) < 0)
		return refuse(parser, "Malformed m= line");
	media->proto = next_word(&rest);
	while ((format = next_word(&rest)).len) {
		if (media->format_count == SDP_FORMATS_MAX)
			return refuse(parser, "Too many formats in m= line");
		media->format[media->format_count++] = format;
	}
	if (media->proto.len == 0 || media->format_count == 0)
		return refuse(parser, "Malformed m= line");
	media->is_rtp = proto_is_rtp(media->proto);
	media->is_secure = proto_is_secure(media->proto);
	media->connection = sdp->connection;
	media->has_own_connection = false;
	media->direction = sdp->direction;
	media->has_rtcp_mux = false;
	media->is_bundle_only = false;
	media->mid = SPAN_NONE;
	media->rtcp_port = 0;
	memset(&media->rtcp_ip, 0, sizeof(media->rtcp_ip));
	media->attr_first = sdp->attrs_used;
	media->attr_count = 0;
	media->line_first = sdp->lines_used;
	media->line_count = 0;
	sdp->media_count++;
	parser->media = media;
	return 0;
}

// a=rtcp:<port> [IN IP4|IP6 <address>], RFC 3605.
static int parse_rtcp(struct sdp_parser *parser, struct span value)
{
	struct sdp_address address = { 0 };
	struct span rest = value;
	uint32_t port;

	if (span_parse_u32(next_word(&rest), 65535, &port) < 0)
		return refuse(parser, "Malformed a=rtcp");
	rest = span_trim(rest);
	if (rest.len && parse_address(rest, &address) < 0)
		return refuse(parser, "Malformed a=rtcp");
	if (parser->media) {
		parser->media->rtcp_port = (uint16_t)port;
		parser->media->rtcp_ip = address.ip;
	}
	return 0;
}

static void set_direction(struct sdp_parser *parser, enum sdp_direction direction)
{
	if (parser->media)
		parser->media->direction = direction;
	else
		parser->sdp->direction = direction;
}

static int act_on_attr(struct sdp_parser *parser, const struct sdp_attr *attr)
{
	switch (attr->id) {
	case SDP_ATTR_SENDRECV:
		set_direction(parser, SDP_SENDRECV);
		return 0;
	case SDP_ATTR_SENDONLY:
		set_direction(parser, SDP_SENDONLY);
		return 0;
	case SDP_ATTR_RECVONLY:
		set_direction(parser, SDP_RECVONLY);
		return 0;
	case SDP_ATTR_INACTIVE:
		set_direction(parser, SDP_INACTIVE);
		return 0;
	case SDP_ATTR_RTCP_MUX:
		if (parser->media)
			parser->media->has_rtcp_mux = true;
		return 0;
	case SDP_ATTR_RTCP:
		return parse_rtcp(parser, attr->value);
	case SDP_ATTR_BUNDLE_ONLY:
		if (parser->media)
			parser->media->is_bundle_only = true;
		return 0;
	case SDP_ATTR_MID:
		// A token (RFC 5888 4); of several the first counts.
		if (parser->media && parser->media->mid.len == 0 && is_token(attr->value))
			parser->media->mid = attr->value;
		return 0;
	default:
		return 0;
	}
}

static int parse_attr(struct sdp_parser *parser, struct span value)
{
	struct sdp_session *sdp = parser->sdp;
	int32_t colon = span_find(value, ':', 0);
	struct sdp_attr *attr;

	if (sdp->attrs_used == SDP_ATTRS_MAX)
		return refuse(parser, "Too many attributes");
	attr = &sdp->attr[sdp->attrs_used];
	attr->has_value = colon >= 0;
	attr->name = span_trim(colon >= 0 ? span_sub(value, 0, (uint32_t)colon) : value);
	attr->value = colon >= 0 ? span_from(value, (uint32_t)colon + 1) : SPAN_NONE;
	if (attr->name.len == 0)
		return refuse(parser, "Malformed a= line");
	attr->id = attr_lookup(attr->name);
	sdp->attrs_used++;
	if (parser->media)
		parser->media->attr_count++;
	else
		sdp->attr_count++;
	return act_on_attr(parser, attr);
}

static const sdp_line_fn line_fn['z' + 1] = {
	['v'] = parse_version,
	['o'] = parse_origin,
	['s'] = parse_name,
	['c'] = parse_connection,
	['m'] = parse_media,
	['a'] = parse_attr,
	['i'] = keep_line,
	['u'] = keep_line,
	['e'] = keep_line,
	['p'] = keep_line,
	['b'] = keep_line,
	['t'] = keep_line,
	['r'] = keep_line,
	['z'] = keep_line,
	['k'] = keep_line,
};

static int parse_line(struct sdp_parser *parser, struct span line)
{
	unsigned char type = (unsigned char)line.ptr[0];

	if (line.len < 2 || line.ptr[1] != '=')
		return refuse(parser, "SDP line is not type=value");
	if (line.len > SDP_LINE_MAX)
		return refuse(parser, "SDP line too long");
	if (memchr(line.ptr, '\0', line.len))
		return refuse(parser, "NUL byte in SDP");
	if (memchr(line.ptr, '\r', line.len))
		return refuse(parser, "CR inside an SDP line");
	if (!parser->has_version && type != 'v')
		return refuse(parser, "SDP does not begin with v=");
	// RFC 8866 5: unknown types are ignored.
	if (type > 'z' || !line_fn[type])
		return 0;
	return line_fn[type](parser, span_from(line, 2));
}

static struct span take_line(struct span *rest)
{
	struct span line;

	span_cut(rest, '\n', &line);
	if (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	return line;
}

// RFC 8866 5.7: each m= line needs a c= of its own or the session's. A rejected one does without.
static const char *missing_part(const struct sdp_parser *parser)
{
	const struct sdp_session *sdp = parser->sdp;

	if (!parser->has_version)
		return "SDP does not begin with v=";
	if (!parser->has_origin)
		return "SDP without o= line";
	for (uint32_t i = 0; i < sdp->media_count; i++) {
		if (!sdp->media[i].connection.is_present && sdp->media[i].port != 0)
			return "Media without c= line";
	}
	return NULL;
}

int sdp_parse(struct span text, struct sdp_session *out, struct sdp_fault *fault)
{
	struct sdp_parser parser = { .sdp = out };
	struct span rest = text;
	uint32_t number = 0;

	memset(out, 0, offsetof(struct sdp_session, media));
	out->attrs_used = 0;
	out->lines_used = 0;
	out->text = text;
	if (text.len > SDP_TEXT_MAX) {
		*fault = (struct sdp_fault){ .line = 1, .reason = "SDP too long" };
		return -EINVAL;
	}
	while (rest.len) {
		struct span line = take_line(&rest);
		number++;
		if (line.len && parse_line(&parser, line) < 0) {
			*fault = (struct sdp_fault){ .line = number, .reason = parser.reason };
			return -EINVAL;
		}
	}
	parser.reason = missing_part(&parser);
	if (parser.reason) {
		*fault = (struct sdp_fault){ .line = number, .reason = parser.reason };
		return -EINVAL;
	}
	return 0;
}
