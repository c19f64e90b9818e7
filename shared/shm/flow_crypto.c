#include "shm/flow_crypto.h"

#include "base/hash.h"

_Static_assert(offsetof(struct flow_key, checksum) == sizeof(struct flow_key) - sizeof(uint32_t),
	"the checksum comes last");

uint32_t flow_key_checksum(const struct flow_key *key)
{
	static const uint32_t zero;
	uint32_t crc = hash_crc32c(0, key, offsetof(struct flow_key, checksum));

	return hash_crc32c(crc, &zero, sizeof(zero));
}

bool flow_key_is_valid(const struct flow_key *key, uint64_t incarnation)
{
	return key->incarnation == incarnation && incarnation != 0 && key->serial != 0 &&
		key->checksum == flow_key_checksum(key);
}
