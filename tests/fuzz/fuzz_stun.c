// fuzz_stun.c - STUN messages from the network.
//
// Invariants: what the parser takes lies inside the input; integrity of the input never matches a
// key that did not make it; what was found builds again, and parses to the same.
#include "base/check.h"
#include "proto/stun_message.h"

#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(const uint8_t *data, size_t size, const struct stun_message *m)
{
	const uint8_t *name = (const uint8_t *)m->username.ptr;

	CHECK(m->transaction == data + 8);
	CHECK(span_is_empty(m->username) ||
		(name > data && name + m->username.len <= data + size));
	CHECK(m->integrity_at == 0 || m->integrity_at + 24u <= size);
	CHECK(m->unknown_count <= STUN_UNKNOWN_MAX);
}

static void check_again(const struct stun_message *m)
{
	const struct span key = SPAN_LIT("0123456789012345678901");
	struct stun_build build = { .class = m->class, .transaction = m->transaction,
		.username = m->username, .key = key, .tie_breaker = m->tie_breaker,
		.mapped = m->mapped.port ? &m->mapped : NULL, .role = m->role,
		.priority = m->priority, .error = m->error, .unknown_count = m->unknown_count,
		.unknown = m->unknown, .is_nominating = m->is_nominating, .has_fingerprint = true };
	static uint8_t out[STUN_MESSAGE_MAX];
	struct stun_message again;
	int len = stun_build(&build, out, sizeof(out));

	CHECK(len > 0 && stun_parse(out, (uint32_t)len, &again) == 0);
	CHECK(stun_is_authentic(out, &again, key) && again.has_fingerprint);
	CHECK(again.class == m->class && again.priority == m->priority && again.role == m->role);
	CHECK(again.tie_breaker == m->tie_breaker && again.error == m->error);
	CHECK(again.is_nominating == m->is_nominating && span_eq(again.username, m->username));
	CHECK(m->mapped.port == 0 || addr_eq(&again.mapped, &m->mapped));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stun_message m;

	if (size > 2048 || stun_parse(data, (uint32_t)size, &m))
		return 0;
	check_inside(data, size, &m);
	CHECK(!stun_is_authentic(data, &m, SPAN_LIT("a key that nobody knows")));
	check_again(&m);
	return 0;
}
