#include "addresses.h"

#include "base/log.h"

#include <string.h>

static int device_find(const struct config *config, const char *name)
{
	for (uint32_t d = 0; d < config->device_count; d++)
		if (!strcmp(config->devices[d].name, name))
			return (int)d;
	return -1;
}

void addresses_read(const struct shm_map *signaling, const struct config *config,
	struct addresses *out)
{
	const struct shm_address *table = shm_addresses(signaling);
	uint32_t count = atomic_load_explicit(shm_address_count(signaling), memory_order_acquire);

	if (count > signaling->geometry.addresses)
		count = signaling->geometry.addresses;
	*out = (struct addresses){ .seen = count };
	for (uint32_t a = 0; a < count && a < SHM_ADDRESS_MAX; a++) {
		struct shm_address address = table[a];
		int device;

		address.device[sizeof(address.device) - 1] = '\0';
		device = device_find(config, address.device);
		if (device < 0 || ip_is_unset(&address.ip) || address.vlan > 4094 ||
			address.port_min > address.port_max) {
			LOG_WARN(SHM, "media_address_refused", "id=%u device=%s ports=%u-%u", a,
				address.device, address.port_min, address.port_max);
			out->refused++;
			continue;
		}
		out->entries[out->count++] = (struct address_entry){
			.ip = address.ip,
			.rx_port = (uint16_t)device,
			.vlan = address.vlan,
			.address = (uint16_t)a,
			.port_min = address.port_min,
			.port_max = address.port_max,
		};
	}
}
