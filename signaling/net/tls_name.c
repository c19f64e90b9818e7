#include "net/tls_name.h"

#include <openssl/x509v3.h>

static struct span text_of(const ASN1_STRING *string)
{
	return span_make((const char *)ASN1_STRING_get0_data(string),
		(uint32_t)ASN1_STRING_length(string));
}

// RFC 5922 7.1: a SIP URI without a user part, its host is the identity. sips is no identity of
// its own. Empty: it is none.
static struct span host_of(struct span uri)
{
	static const struct span scheme = SPAN_LIT("sip:");
	struct span host = span_sub(uri, scheme.len, uri.len);

	return span_istarts(uri, scheme) && span_find(host, '@', 0) < 0 ? host : SPAN_NONE;
}

static struct span domain_of(const GENERAL_NAME *san)
{
	if (san->type == GEN_URI)
		return host_of(text_of(san->d.uniformResourceIdentifier));
	return san->type == GEN_DNS ? text_of(san->d.dNSName) : SPAN_NONE;
}

// Text with a NUL inside would compare as longer than it looks to others: it never matches, since
// no domain holds one.
static struct span common_name(const X509 *cert)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

	if (at < 0)
		return SPAN_NONE;
	return text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

void tls_name_each(const X509 *cert, tls_name_fn fn, void *context)
{
	GENERAL_NAMES *sans = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	bool is_going = true;

	for (int i = 0; i < sk_GENERAL_NAME_num(sans) && is_going; i++) {
		struct span domain = domain_of(sk_GENERAL_NAME_value(sans, i));
		is_going = domain.len == 0 || fn(context, domain);
	}
	if (sans == NULL && common_name(cert).len > 0)
		fn(context, common_name(cert));
	GENERAL_NAMES_free(sans);
}

struct wanted {
	struct span domain;
	bool is_found;
};

static bool compare(void *context, struct span name)
{
	struct wanted *wanted = context;

	wanted->is_found = span_ieq(name, wanted->domain);
	return !wanted->is_found;
}

static bool ip_matches(const ASN1_OCTET_STRING *san, const struct ip *ip)
{
	struct span text = text_of(san);

	if (ip_is_v4(ip))
		return text.len == 4 && memcmp(text.ptr, ip->b + 12, 4) == 0;
	return text.len == sizeof(ip->b) && memcmp(text.ptr, ip->b, sizeof(ip->b)) == 0;
}

static bool shows_ip(const X509 *cert, const struct ip *ip)
{
	GENERAL_NAMES *sans = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	bool is_match = false;

	for (int i = 0; i < sk_GENERAL_NAME_num(sans) && !is_match; i++) {
		const GENERAL_NAME *san = sk_GENERAL_NAME_value(sans, i);
		is_match = san->type == GEN_IPADD && ip_matches(san->d.iPAddress, ip);
	}
	GENERAL_NAMES_free(sans);
	return is_match;
}

bool tls_name_matches(const X509 *cert, struct span domain, const struct ip *ip)
{
	struct wanted wanted = { .domain = domain };

	if (domain.len == 0)
		return shows_ip(cert, ip);
	tls_name_each(cert, compare, &wanted);
	return wanted.is_found;
}
