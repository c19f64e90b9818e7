#include "sip/bulk.h"

#define BNC SPAN_LIT("bnc")

enum sip_bulk sip_bulk_of(const struct sip_uri *contact)
{
	struct sip_param param;

	if (!sip_param_find(contact->params, BNC, &param))
		return SIP_BULK_NONE;
	if (contact->scheme != SIP_SCHEME_SIP && contact->scheme != SIP_SCHEME_SIPS)
		return SIP_BULK_INVALID;
	return contact->has_user || param.has_value ? SIP_BULK_INVALID : SIP_BULK_CONTACT;
}

static void put_host(struct sip_writer *w, const struct sip_uri *uri)
{
	struct addr addr = { .ip = uri->ip, .port = uri->port };

	if (!ip_is_unset(&uri->ip)) {
		sip_put_addr(w, &addr);
		return;
	}
	sip_put(w, uri->host);
	if (uri->port) {
		sip_put_char(w, ':');
		sip_put_u64(w, uri->port);
	}
}

void sip_bulk_put(struct sip_writer *w, const struct sip_uri *contact, struct span number)
{
	struct span rest = contact->params;
	struct sip_param param;

	sip_put(w, contact->scheme == SIP_SCHEME_SIPS ? SPAN_LIT("sips:") : SPAN_LIT("sip:"));
	sip_put_escaped_user(w, number);
	sip_put_char(w, '@');
	put_host(w, contact);
	while (sip_param_next(&rest, &param) > 0) {
		if (span_ieq(param.name, BNC))
			continue;
		sip_put_char(w, ';');
		sip_put(w, param.name);
		if (param.has_value) {
			sip_put_char(w, '=');
			sip_put_value(w, param.value);
		}
	}
}
