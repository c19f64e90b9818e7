// tls_resume.c - sessions that a client takes up again (RFC 5077, RFC 8446 2.2): no signature, no
// certificates on the wire, one round trip less.
//
// A context is shared by the connections of all workers, so what servers gave them lies in a few
// places that are emptied and filled by one exchange each. A ticket is used once (RFC 8446 C.4);
// of TLS 1.2, which brings no new one, it goes back when the handshake is done.
#include "net/tls_private.h"

#include "base/hash.h"

#include <stdatomic.h>
#include <stdlib.h>

#define PLACES 16u

struct kept {
	uint64_t key;
	SSL_SESSION *session; // owned
};

struct tls_resume {
	_Atomic uint32_t owners;        // the context and its sessions
	_Atomic(struct kept *) kept[PLACES]; // any thread takes and puts
};

struct tls_resume *tls_resume_new(void)
{
	struct tls_resume *resume = calloc(1, sizeof(*resume));

	if (resume != NULL)
		atomic_init(&resume->owners, 1);
	return resume;
}

struct tls_resume *tls_resume_get(struct tls_resume *resume)
{
	if (resume != NULL)
		atomic_fetch_add_explicit(&resume->owners, 1, memory_order_relaxed);
	return resume;
}

static void drop(struct kept *kept)
{
	if (kept == NULL)
		return;
	SSL_SESSION_free(kept->session);
	free(kept);
}

void tls_resume_put(struct tls_resume *resume)
{
	// acq_rel: the last one sees what all others have left.
	if (resume == NULL ||
		atomic_fetch_sub_explicit(&resume->owners, 1, memory_order_acq_rel) > 1)
		return;
	for (uint32_t i = 0; i < PLACES; i++)
		drop(atomic_load_explicit(&resume->kept[i], memory_order_relaxed));
	free(resume);
}

uint64_t tls_resume_key(struct span name, const struct ip *ip)
{
	struct hash_key key = { { 0x746c73, name.len } };

	return name.len > 0 ? hash_sip(&key, name.ptr, name.len) : hash_sip(&key, ip, sizeof(*ip));
}

bool tls_resume_keep(struct tls_resume *resume, uint64_t key, SSL_SESSION *session)
{
	struct kept *kept = malloc(sizeof(*kept));

	if (kept == NULL)
		return false;
	*kept = (struct kept){ .key = key, .session = session };
	// acq_rel: pairs with the exchange of whoever takes it, and of whoever put the old one.
	drop(atomic_exchange_explicit(&resume->kept[key % PLACES], kept, memory_order_acq_rel));
	return true;
}

SSL_SESSION *tls_resume_take(struct tls_resume *resume, uint64_t key)
{
	struct kept *kept = atomic_exchange_explicit(&resume->kept[key % PLACES], NULL,
		memory_order_acq_rel);

	if (kept == NULL)
		return NULL;
	SSL_SESSION *session = kept->session;
	if (kept->key != key) {
		// Another server's: two of one place take turns.
		drop(atomic_exchange_explicit(&resume->kept[key % PLACES], kept,
			memory_order_acq_rel));
		return NULL;
	}
	free(kept);
	return session;
}
