// tls_peer.c - who the far end of a session is by its certificate.
#include "net/tls_name.h"
#include "net/tls_private.h"

bool tls_session_is_proved(const struct tls_session *session)
{
	const X509 *cert = SSL_get0_peer_certificate(tls_session_ssl(session));

	return cert != NULL && SSL_get_verify_mode(tls_session_ssl(session)) != SSL_VERIFY_NONE &&
		SSL_get_verify_result(tls_session_ssl(session)) == X509_V_OK;
}

bool tls_session_shows(const struct tls_session *session, struct span name, const struct ip *ip)
{
	return tls_session_is_proved(session) &&
		tls_name_matches(SSL_get0_peer_certificate(tls_session_ssl(session)), name, ip);
}

void tls_session_each_name(const struct tls_session *session, tls_name_fn fn, void *context)
{
	if (tls_session_is_proved(session))
		tls_name_each(SSL_get0_peer_certificate(tls_session_ssl(session)), fn, context);
}
