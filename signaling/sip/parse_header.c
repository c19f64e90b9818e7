// parse_header.c - the values of header lines that every message is asked for.

#include "sip/parse_private.h"

// *out is zero, and stays so on error; NULL: of no interest.
static NOINLINE int address_read(struct text t, const char *p, struct sip_name_addr *out)
{
	if (sip_name_addr_read(t, p, out) == 0)
		return 0;
	*out = (struct sip_name_addr){ 0 };
	return -EINVAL;
}

// The values of one line, for sip_list_next().
static struct sip_list line_list(struct sip_header *line, struct text t, const char *p)
{
	*line = (struct sip_header){ .value = span_between(p, t.end), .next = SIP_HEADER_NONE };
	return (struct sip_list){ .line = line, .rest = line->value };
}

static NOINLINE int address_list_read(struct text t, const char *p, struct sip_name_addr *out)
{
	struct sip_header line;
	struct sip_list list = line_list(&line, t, p);
	struct span value;
	int count = 0;
	while (sip_list_next(&list, &value)) {
		struct sip_name_addr other = { 0 };
		if (address_read(text_of(value), value.ptr, count ? &other : out)) {
			*out = (struct sip_name_addr){ 0 };
			return -EINVAL;
		}
		count++;
	}
	return count ? count : -EINVAL;
}

// Every element of a comma-separated line must be a name-addr; returns how many. The first one goes
// to *out, which is zero and stays so on error. No name-addr has a comma that would divide it: if
// the whole line is one, it is the only one.
static int addresses_read(struct text t, const char *p, struct sip_name_addr *out)
{
	return address_read(t, p, out) ? address_list_read(t, p, out) : 1;
}

static NOINLINE int contact_read(struct sip_msg *msg, struct text t, const char *p)
{
	struct sip_name_addr other = { 0 };
	if (text_is_exact(t, p, "*")) {
		msg->is_contact_star = true;
		return msg->contact_count ? -EINVAL : 0;
	}
	int count = msg->is_contact_star ?
		-EINVAL :
		addresses_read(t, p, msg->contact_count ? &other : &msg->contact);
	if (count < 0)
		return -EINVAL;
	msg->contact_count += (uint32_t)count;
	return 0;
}

static NOINLINE int route_read(struct text t, const char *p)
{
	struct sip_name_addr first = { 0 };
	return addresses_read(t, p, &first) < 0 ? -EINVAL : 0;
}

static int via_read(struct sip_msg *msg, struct text t, const char *p)
{
	if (sip_via_read(t, p, &msg->via) == 0)
		return 0;
	msg->via = (struct sip_via){ 0 };
	return -EINVAL;
}

static NOINLINE int via_list_read(struct sip_msg *msg, struct text t, const char *p)
{
	struct sip_header line;
	struct sip_list list = line_list(&line, t, p);
	struct span value;
	uint32_t before = msg->via_count;
	while (sip_list_next(&list, &value)) {
		if (msg->via_count++ == 0 && via_read(msg, text_of(value), value.ptr))
			return -EINVAL;
	}
	return msg->via_count > before ? 0 : -EINVAL;
}

// The top via-parm is read, the others are counted. As in addresses_read(), a line that is one
// via-parm has no other.
static NOINLINE int vias_read(struct sip_msg *msg, struct text t, const char *p)
{
	if (msg->via_count || via_read(msg, t, p))
		return via_list_read(msg, t, p);
	msg->via_count = 1;
	return 0;
}

static NOINLINE int cseq_read(struct sip_msg *msg, struct text t, const char *p)
{
	if (sip_cseq_read(t, p, &msg->cseq) == 0)
		return 0;
	msg->cseq = (struct sip_cseq){ 0 };
	return -EINVAL;
}

// media-type: token "/" token, then anything.
static NOINLINE int media_type_check(struct text t, const char *p)
{
	const char *type = text_run(t, p, CHAR_TOKEN), *slash = text_lws(t, type);
	if (type == p || slash == t.end || *slash != '/')
		return -EINVAL;
	p = text_lws(t, slash + 1);
	return text_run(t, p, CHAR_TOKEN) > p ? 0 : -EINVAL;
}

static NOINLINE int limited_read(struct text t, const char *p, uint32_t max, int32_t *out)
{
	uint32_t number;
	if (number_read(t, p, &number) || number > max)
		return -EINVAL;
	*out = (int32_t)number;
	return 0;
}

// RFC 3261 20.19 and 10.2.1.1: what cannot be read counts as absent.
static NOINLINE int expires_read(struct sip_msg *msg, struct text t, const char *p)
{
	uint32_t seconds;
	if (number_read(t, p, &seconds) == 0)
		msg->expires = seconds;
	return 0;
}

int sip_header_value_read(struct sip_msg *msg, uint8_t id, struct text t, const char *p)
{
	switch ((enum sip_header_id)id) {
	case SIP_HEADER_VIA:
		return vias_read(msg, t, p);
	case SIP_HEADER_FROM:
		return address_read(t, p, &msg->from);
	case SIP_HEADER_TO:
		return address_read(t, p, &msg->to);
	case SIP_HEADER_CALL_ID:
		msg->call_id = span_between(p, t.end);
		return sip_callid_check(t, p);
	case SIP_HEADER_CSEQ:
		return cseq_read(msg, t, p);
	case SIP_HEADER_MAX_FORWARDS:
		return limited_read(t, p, 255, &msg->max_forwards);
	case SIP_HEADER_CONTACT:
		return contact_read(msg, t, p);
	case SIP_HEADER_ROUTE:
	case SIP_HEADER_RECORD_ROUTE:
		return route_read(t, p);
	case SIP_HEADER_CONTENT_TYPE:
		msg->content_type = span_between(p, t.end);
		return media_type_check(t, p);
	case SIP_HEADER_CONTENT_LENGTH:
		return limited_read(t, p, INT32_MAX, &msg->content_length);
	case SIP_HEADER_EXPIRES:
		return expires_read(msg, t, p);
	default:
		return 0;
	}
}

const char *sip_header_value_reason(uint8_t id)
{
	switch ((enum sip_header_id)id) {
	case SIP_HEADER_VIA:
		return "Malformed Via";
	case SIP_HEADER_FROM:
		return "Malformed From";
	case SIP_HEADER_TO:
		return "Malformed To";
	case SIP_HEADER_CALL_ID:
		return "Malformed Call-ID";
	case SIP_HEADER_CSEQ:
		return "Malformed CSeq";
	case SIP_HEADER_MAX_FORWARDS:
		return "Malformed Max-Forwards";
	case SIP_HEADER_CONTACT:
		return "Malformed Contact";
	case SIP_HEADER_CONTENT_LENGTH:
		return "Malformed Content-Length";
	case SIP_HEADER_CONTENT_TYPE:
		return "Malformed Content-Type";
	case SIP_HEADER_ROUTE:
		return "Malformed Route";
	case SIP_HEADER_RECORD_ROUTE:
		return "Malformed Record-Route";
	default:
		return "Malformed Header";
	}
}
