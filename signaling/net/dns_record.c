#include "net/dns_record.h"

#include <errno.h>

#define HEADER_LEN   12u
#define RCODE_NONE   0u
#define RCODE_NAME   3u   // NXDOMAIN
#define JUMPS_MAX    64u  // compression pointers in one name
#define LINES_MAX    512u // resource records that are looked at
#define CHAIN_MAX    8u   // CNAMEs in a row
#define TTL_MAX      0x7fffffffu // RFC 2181 8: more means 0

struct reader {
	const uint8_t *bytes;
	uint32_t len;
	uint32_t at;
	bool is_broken; // something reached beyond the packet, or was none
};

struct dns_name {
	char text[SIP_DOMAIN_MAX + 1]; // RFC 1035 2.3.4; lower case, without the last dot
	uint32_t len;
	bool is_odd;                 // has bytes that no host name has: equals nothing
};

// One resource record, without its data.
struct line {
	struct dns_name owner;
	uint16_t type, class;
	uint32_t ttl_s;
	uint32_t at, end; // of the data
};

static const uint16_t types[SIP_RECORD_TYPES] = { [SIP_RECORD_A] = DNS_TYPE_A,
	[SIP_RECORD_AAAA] = DNS_TYPE_AAAA, [SIP_RECORD_SRV] = DNS_TYPE_SRV,
	[SIP_RECORD_NAPTR] = DNS_TYPE_NAPTR };

uint16_t dns_type_of(enum sip_record_type type)
{
	return types[type];
}

// Bytes -------------------------------------------------------------------------------------------

static uint8_t take_u8(struct reader *r)
{
	if (r->at >= r->len) {
		r->is_broken = true;
		return 0;
	}
	return r->bytes[r->at++];
}

static uint16_t take_u16(struct reader *r)
{
	uint16_t high = take_u8(r);

	return (uint16_t)(high << 8 | take_u8(r));
}

static uint32_t take_u32(struct reader *r)
{
	uint32_t high = take_u16(r);

	return high << 16 | take_u16(r);
}

static void skip(struct reader *r, uint32_t len)
{
	if (len > r->len - r->at)
		r->is_broken = true;
	else
		r->at += len;
}

static bool is_host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static void put_label(struct reader *r, struct dns_name *name, uint32_t len)
{
	if (name->len + len + 1 > SIP_DOMAIN_MAX) {
		r->is_broken = true;
		return;
	}
	if (name->len > 0)
		name->text[name->len++] = '.';
	for (uint32_t i = 0; i < len; i++) {
		char c = (char)take_u8(r);

		if (c >= 'A' && c <= 'Z')
			c = (char)(c + ('a' - 'A'));
		name->is_odd |= !is_host_char(c);
		name->text[name->len++] = c;
	}
}

// RFC 1035 4.1.4. A pointer leads backwards, before where its name began: no name goes in circles.
static void take_name(struct reader *r, struct dns_name *name)
{
	uint32_t back = 0, limit = r->at, jumps = 0;

	name->len = 0;
	name->is_odd = false;
	while (!r->is_broken) {
		uint8_t len = take_u8(r);

		if (len == 0)
			break;
		if (len < 0x40) {
			put_label(r, name, len);
			continue;
		}
		uint32_t to = (uint32_t)(len & 0x3f) << 8 | take_u8(r);
		if (len < 0xc0 || to >= limit || to < HEADER_LEN || ++jumps > JUMPS_MAX) {
			r->is_broken = true;
			break;
		}
		back = back ? back : r->at;
		limit = r->at = to;
	}
	if (back)
		r->at = back;
}

static struct span name_span(const struct dns_name *name)
{
	return span_make(name->text, name->len);
}

static bool name_is(const struct dns_name *name, struct span other)
{
	return !name->is_odd && span_eq(name_span(name), other);
}

static bool take_line(struct reader *r, struct line *line)
{
	take_name(r, &line->owner);
	line->type = take_u16(r);
	line->class = take_u16(r);
	line->ttl_s = take_u32(r);
	if (line->ttl_s > TTL_MAX)
		line->ttl_s = 0;
	uint32_t len = take_u16(r);
	line->at = r->at;
	skip(r, len);
	line->end = r->at;
	return !r->is_broken;
}

// Records -----------------------------------------------------------------------------------------

// What is being read, and where its answer section lies.
struct read {
	struct reader start; // at the first answer
	uint32_t answers, authorities;
	struct dns_answer *out;
};

static void note_ttl(struct dns_answer *out, uint32_t ttl_s)
{
	if (!out->has_ttl || ttl_s < out->ttl_s)
		out->ttl_s = ttl_s;
	out->has_ttl = true;
}

static bool keep(struct dns_answer *out, struct span text, struct span *kept)
{
	if (text.len > DNS_TEXT_MAX - out->text_len)
		return false;
	if (text.len)
		memcpy(out->text + out->text_len, text.ptr, text.len);
	*kept = span_make(out->text + out->text_len, text.len);
	out->text_len += text.len;
	return true;
}

// RFC 1035 3.3 <character-string>.
static struct span take_string(struct reader *r)
{
	uint32_t len = take_u8(r);
	struct span text = span_make((const char *)r->bytes + r->at, len);

	skip(r, len);
	return r->is_broken ? SPAN_NONE : text;
}

static bool read_address(struct reader *r, const struct line *line, struct sip_record *record)
{
	uint32_t len = line->end - line->at;

	if (len != (line->type == DNS_TYPE_A ? 4u : 16u)) {
		r->is_broken = true;
		return false;
	}
	if (line->type == DNS_TYPE_A) {
		record->ip = ip_from_v4(take_u32(r));
		return true;
	}
	memcpy(record->ip.b, r->bytes + r->at, 16);
	skip(r, 16);
	// A mapped address would be IPv4 to us, which was not asked for.
	return !ip_is_v4(&record->ip);
}

static bool read_srv(struct reader *r, struct dns_answer *out, struct sip_record *record)
{
	struct dns_name target;

	record->srv.priority = take_u16(r);
	record->srv.weight = take_u16(r);
	record->srv.port = take_u16(r);
	take_name(r, &target);
	return !r->is_broken && !target.is_odd && keep(out, name_span(&target), &record->name);
}

static bool read_naptr(struct reader *r, struct dns_answer *out, struct sip_record *record)
{
	struct dns_name replacement;

	record->naptr.order = take_u16(r);
	record->naptr.preference = take_u16(r);
	struct span flags = take_string(r), service = take_string(r);
	record->naptr.has_regexp = take_string(r).len > 0;
	take_name(r, &replacement);
	return !r->is_broken && !replacement.is_odd && keep(out, flags, &record->naptr.flags) &&
		keep(out, service, &record->naptr.service) &&
		keep(out, name_span(&replacement), &record->name);
}

// False: the answer is malformed. A record that we cannot use is only left out.
static bool add_record(struct reader r, const struct line *line, struct dns_answer *out)
{
	struct sip_record record = { 0 };
	uint32_t text_len = out->text_len;
	bool is_good = false;

	r.at = line->at;
	r.len = line->end; // names may point before it, nothing lies behind it
	if (line->type == DNS_TYPE_SRV)
		is_good = read_srv(&r, out, &record);
	else if (line->type == DNS_TYPE_NAPTR)
		is_good = read_naptr(&r, out, &record);
	else
		is_good = read_address(&r, line, &record);
	if (r.is_broken || r.at != line->end)
		return false;
	if (is_good && out->count < DNS_RECORDS_MAX)
		out->records[out->count++] = record;
	else
		out->text_len = text_len;
	note_ttl(out, line->ttl_s);
	return true;
}

// The target of the CNAME of `name`, if there is one. -EINVAL: malformed; 1: found.
static int find_cname(const struct read *read, struct span name, struct dns_name *target)
{
	struct reader r = read->start;
	struct line line;

	for (uint32_t i = 0; i < read->answers; i++) {
		if (!take_line(&r, &line))
			return -EINVAL;
		if (line.type != DNS_TYPE_CNAME || line.class != DNS_CLASS_IN ||
			!name_is(&line.owner, name))
			continue;
		struct reader data = r;
		data.at = line.at;
		data.len = line.end;
		take_name(&data, target);
		if (data.is_broken || data.at != line.end || target->is_odd)
			return -EINVAL;
		note_ttl(read->out, line.ttl_s);
		return 1;
	}
	return 0;
}

// Follows CNAMEs from *name on, in whatever order they stand.
static int follow(const struct read *read, struct dns_name *name)
{
	for (uint32_t i = 0; i <= CHAIN_MAX; i++) {
		struct dns_name target;
		int found = find_cname(read, name_span(name), &target);

		if (found <= 0)
			return found;
		*name = target;
	}
	return -ELOOP;
}

static int read_answers(struct read *read, struct reader *r, enum sip_record_type type,
	struct span name)
{
	struct line line;

	for (uint32_t i = 0; i < read->answers; i++) {
		if (!take_line(r, &line))
			return -EINVAL;
		if (line.type == types[type] && line.class == DNS_CLASS_IN &&
			name_is(&line.owner, name) && !add_record(*r, &line, read->out))
			return -EINVAL;
	}
	return 0;
}

static bool is_below(struct span name, const struct dns_name *zone)
{
	if (zone->is_odd || zone->len > name.len)
		return false;
	if (zone->len == 0 || zone->len == name.len)
		return span_eq(span_sub(name, name.len - zone->len, zone->len), name_span(zone));
	return name.ptr[name.len - zone->len - 1] == '.' &&
		span_eq(span_sub(name, name.len - zone->len, zone->len), name_span(zone));
}

// RFC 2308 5: how long nothing stays nothing.
static int read_authority(struct read *read, struct reader *r, struct span name)
{
	struct line line;

	for (uint32_t i = 0; i < read->authorities; i++) {
		struct dns_name ignored;

		if (!take_line(r, &line))
			return -EINVAL;
		if (line.type != DNS_TYPE_SOA || line.class != DNS_CLASS_IN ||
			!is_below(name, &line.owner))
			continue;
		struct reader data = *r;
		data.at = line.at;
		data.len = line.end;
		take_name(&data, &ignored);
		take_name(&data, &ignored);
		skip(&data, 16);
		uint32_t minimum = take_u32(&data);
		if (data.is_broken || data.at != line.end)
			return -EINVAL;
		note_ttl(read->out, minimum < line.ttl_s ? minimum : line.ttl_s);
	}
	return 0;
}

// The header and the question, which must be ours.
static int read_question(struct read *read, struct reader *r, enum sip_record_type type,
	struct span name)
{
	struct dns_name asked;

	take_u16(r); // the identifier was looked at by whoever asked
	uint16_t flags = take_u16(r);
	uint16_t questions = take_u16(r);
	read->answers = take_u16(r);
	read->authorities = take_u16(r);
	take_u16(r);
	if (r->is_broken || !(flags & 0x8000) || (flags & 0x7800) || questions != 1)
		return -EINVAL;
	take_name(r, &asked);
	uint16_t asked_type = take_u16(r), asked_class = take_u16(r);
	if (r->is_broken || !name_is(&asked, name) || asked_type != types[type] ||
		asked_class != DNS_CLASS_IN || read->answers + read->authorities > LINES_MAX)
		return -EINVAL;
	if ((flags & 15u) != RCODE_NONE && (flags & 15u) != RCODE_NAME)
		return -EREMOTEIO;
	return 0;
}

int dns_read(struct span packet, enum sip_record_type type, struct span name,
	struct dns_answer *out)
{
	struct reader r = { .bytes = (const uint8_t *)packet.ptr, .len = packet.len };
	struct read read = { .out = out };
	struct dns_name current = { .len = name.len };

	out->count = out->text_len = out->ttl_s = 0;
	out->has_ttl = false;
	if (name.len > SIP_DOMAIN_MAX)
		return -EINVAL;
	if (name.len)
		memcpy(current.text, name.ptr, name.len);
	int err = read_question(&read, &r, type, name);
	if (err)
		return err;
	read.start = r;
	err = follow(&read, &current);
	if (err == 0)
		err = read_answers(&read, &r, type, name_span(&current));
	if (err == 0 && out->count == 0)
		err = read_authority(&read, &r, name_span(&current));
	return err;
}
