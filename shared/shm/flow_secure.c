#include "shm/flow_secure.h"

#include "base/hash.h"

#include <string.h>

#define ICE_COMPONENTS 2u
#define MTU_MIN	       256u

uint32_t flow_secure_checksum(const struct flow_secure *secure)
{
	static const uint32_t zero;
	uint32_t crc = hash_crc32c(0, secure, offsetof(struct flow_secure, checksum));

	return hash_crc32c(crc, &zero, sizeof(zero));
}

static bool is_ice_possible(const struct flow_secure *s)
{
	return s->ice <= FLOW_ICE_FULL && s->components >= 1 && s->components <= ICE_COMPONENTS &&
		s->candidate_count <= FLOW_CANDIDATES_MAX &&
		s->own_ufrag_bytes <= FLOW_OWN_SECRET_MAX &&
		s->own_pwd_bytes <= FLOW_OWN_SECRET_MAX && s->ufrag_bytes <= FLOW_SECRET_MAX &&
		s->pwd_bytes <= FLOW_SECRET_MAX;
}

static bool is_bundle_possible(const struct flow_bundle *bundle)
{
	if (bundle->count > FLOW_MEMBERS_MAX)
		return false;
	for (uint32_t i = 0; i < bundle->count; i++)
		if (bundle->members[i].port == 0 || bundle->members[i].mid_bytes > FLOW_MID_MAX)
			return false;
	return true;
}

bool flow_secure_is_valid(const struct flow_secure *secure, uint64_t incarnation)
{
	return secure->incarnation == incarnation && incarnation != 0 && secure->serial != 0 &&
		secure->checksum == flow_secure_checksum(secure) && is_ice_possible(secure) &&
		secure->dtls <= FLOW_DTLS_ACTIVE && secure->mtu >= MTU_MIN &&
		secure->fingerprint_count <= FLOW_FINGERPRINTS &&
		is_bundle_possible(&secure->bundle);
}

static bool is_result_of(
	const struct flow_secure_state *state, uint64_t incarnation, uint64_t serial)
{
	return atomic_load_explicit(&state->incarnation, memory_order_relaxed) == incarnation &&
		atomic_load_explicit(&state->serial, memory_order_relaxed) == serial;
}

// Nobody takes what stands there for an answer any more; its keys go.
static void wipe_results(struct flow_secure_state *state)
{
	atomic_store_explicit(&state->incarnation, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release); // pairs with the fence in flow_secure_read()
	explicit_bzero(state->result, sizeof(state->result));
}

void flow_secure_withdraw(struct flow_secure_state *state, uint64_t incarnation, uint64_t serial)
{
	if (is_result_of(state, incarnation, serial))
		wipe_results(state);
}

void flow_secure_publish(struct flow_secure_state *state, const struct flow_secure *secure,
	const struct flow_secure_result *result)
{
	uint32_t next = atomic_load_explicit(&state->selector, memory_order_relaxed) + 1;

	if (!is_result_of(state, secure->incarnation, secure->serial))
		wipe_results(state); // the last agreement's are not this one's
	state->result[next & 1] = *result;
	atomic_store_explicit(&state->serial, secure->serial, memory_order_relaxed);
	// release: pairs with flow_secure_read()
	atomic_store_explicit(&state->selector, next, memory_order_release);
	atomic_store_explicit(&state->incarnation, secure->incarnation, memory_order_release);
}

bool flow_secure_read(const struct flow_secure_state *state, uint64_t incarnation, uint64_t serial,
	struct flow_secure_result *out)
{
	for (uint32_t i = 0; i < 4; i++) {
		struct flow_secure_result copy;
		// acquire: pairs with flow_secure_publish()
		uint64_t whose = atomic_load_explicit(&state->incarnation, memory_order_acquire);
		uint32_t selector = atomic_load_explicit(&state->selector, memory_order_acquire);

		if (whose != incarnation || incarnation == 0 ||
			atomic_load_explicit(&state->serial, memory_order_relaxed) != serial)
			return false;
		copy = state->result[selector & 1];
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&state->selector, memory_order_relaxed) == selector &&
			atomic_load_explicit(&state->incarnation, memory_order_relaxed) ==
				incarnation) {
			*out = copy;
			explicit_bzero(&copy, sizeof(copy));
			return true;
		}
		explicit_bzero(&copy, sizeof(copy));
	}
	return false;
}

void shm_identity_publish(struct shm_identity *identity, const struct flow_fingerprint *value)
{
	uint32_t next = atomic_load_explicit(&identity->serial, memory_order_relaxed) + 1;

	next = next ? next : 2; // 0 says none; the other copy is the one that nobody reads
	identity->copy[next & 1] = *value;
	// release: pairs with shm_identity_read()
	atomic_store_explicit(&identity->serial, next, memory_order_release);
}

// A whole copy of the one that lies `back` before the newest; the newest one's number. 0: there is
// none, or the other process left something that is none.
static uint32_t read_identity(
	const struct shm_identity *identity, uint32_t back, struct flow_fingerprint *out)
{
	for (uint32_t i = 0; i < 4; i++) {
		// acquire: pairs with shm_identity_publish()
		uint32_t serial = atomic_load_explicit(&identity->serial, memory_order_acquire);

		*out = identity->copy[(serial - back) & 1];
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&identity->serial, memory_order_relaxed) == serial)
			return out->hash >= 1 && out->hash <= FLOW_HASH_MAX ? serial : 0;
	}
	return 0;
}

uint32_t shm_identity_read(const struct shm_identity *identity, struct flow_fingerprint *out)
{
	struct flow_fingerprint copy;
	uint32_t serial = read_identity(identity, 0, &copy);

	if (serial)
		*out = copy;
	return serial;
}

bool shm_identity_find(
	const struct shm_identity *identity, uint32_t serial, struct flow_fingerprint *out)
{
	struct flow_fingerprint copy;

	for (uint32_t back = 0; back < 2; back++) {
		uint32_t newest = read_identity(identity, back, &copy);

		if (newest > back && newest - back == serial) {
			*out = copy;
			return true;
		}
	}
	return false;
}
