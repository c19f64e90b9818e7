#include "call/contact.h"

#include "call/core_private.h"

// A name has no port of ours to go with it unless that is another than the usual one.
static void put_host(struct sip_writer *w, const struct config_profile *profile,
	const struct addr *own)
{
	if (!profile->headers.contact_host) {
		sip_put_addr(w, own);
		return;
	}
	sip_put(w, span_str(profile->headers.contact_host));
	if (own->port) {
		sip_put_char(w, ':');
		sip_put_u64(w, own->port);
	}
}

void contact_put(struct sip_writer *w, const struct config *config, const struct contact *contact)
{
	static const struct span params[SIP_TRANSPORT_COUNT] = { SPAN_LIT(""),
		SPAN_LIT(";transport=tcp"), SPAN_LIT(";transport=tls"), SPAN_LIT(";transport=ws"),
		SPAN_LIT(";transport=ws") };
	struct sip_local local = listener_local(config, contact->listener);

	sip_put(w, contact->is_secure ? SPAN_LIT("Contact: <sips:") : SPAN_LIT("Contact: <sip:"));
	sip_put(w, contact->user);
	sip_put_char(w, '@');
	put_host(w, config_profile(config, contact->profile), &local.sent_by);
	if (!contact->is_secure || local.transport != SIP_TRANSPORT_TLS)
		sip_put(w, params[local.transport]);
	sip_put_lit(w, ">\r\n");
}
