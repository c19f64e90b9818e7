#include "net/tls_name.h"

#include <openssl/x509v3.h>

static struct span text_of(const ASN1_STRING *string)
{
	return span_make((const char *)ASN1_STRING_get0_data(string),
		(uint32_t)ASN1_STRING_length(string));
}

// RFC 5922 7.1: a SIP URI without a user part, its host is the identity. sips is no identity of
// its own.
static bool uri_matches(struct span text, struct span domain)
{
	static const struct span scheme = SPAN_LIT("sip:");
	struct span host;

	if (!span_istarts(text, scheme))
		return false;
	host = span_sub(text, scheme.len, text.len - scheme.len);
	return span_find(host, '@', 0) < 0 && span_ieq(host, domain);
}

static bool ip_matches(const ASN1_OCTET_STRING *san, const struct ip *ip)
{
	struct span text = text_of(san);

	if (ip_is_v4(ip))
		return text.len == 4 && memcmp(text.ptr, ip->b + 12, 4) == 0;
	return text.len == sizeof(ip->b) && memcmp(text.ptr, ip->b, sizeof(ip->b)) == 0;
}

static bool san_matches(const GENERAL_NAME *san, struct span domain, const struct ip *ip)
{
	bool is_named = domain.len > 0;

	switch (san->type) {
	case GEN_URI:
		return is_named && uri_matches(text_of(san->d.uniformResourceIdentifier), domain);
	case GEN_DNS:
		return is_named && span_ieq(text_of(san->d.dNSName), domain);
	case GEN_IPADD:
		return !is_named && ip_matches(san->d.iPAddress, ip);
	default:
		return false;
	}
}

// Text with a NUL inside would compare as longer than it looks to others: it never matches, since
// no domain holds one.
static bool common_name_matches(const X509 *cert, struct span domain)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	const X509_NAME_ENTRY *entry;

	if (at < 0 || domain.len == 0)
		return false;
	entry = X509_NAME_get_entry(subject, at);
	return span_ieq(text_of(X509_NAME_ENTRY_get_data(entry)), domain);
}

bool tls_name_matches(const X509 *cert, struct span domain, const struct ip *ip)
{
	GENERAL_NAMES *sans = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	bool is_match = false;

	if (sans == NULL)
		return common_name_matches(cert, domain);
	for (int i = 0; i < sk_GENERAL_NAME_num(sans) && !is_match; i++)
		is_match = san_matches(sk_GENERAL_NAME_value(sans, i), domain, ip);
	GENERAL_NAMES_free(sans);
	return is_match;
}
