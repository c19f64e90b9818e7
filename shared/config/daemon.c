// daemon.c - sections version, node and dataplane: what tables cannot say about them.
#include "config/schema.h"

#include "config/value.h"

#include <unistd.h>

#define WORKERS_MAX      64u // SHM_WORKER_MAX
#define WORKERS_AUTO_MAX 8u
#define MIB              (1ull << 20)
#define MEMORY_MIN_MB    64u
#define MEMORY_MAX_MB    (1024u * 1024)

void config_take_version(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct span text;
	(void)target;
	if (config_scalar(loader, node, &text) && !span_eq(text, SPAN_LIT("1")))
		config_fail_expected(loader, node, item->expected);
}

static uint32_t online_cpus(void)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);
	return count > 0 ? (uint32_t)count : 1;
}

void config_take_workers(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config *config = target;
	struct span text;
	uint32_t workers;
	if (!config_scalar(loader, node, &text))
		return;
	if (span_eq(text, SPAN_LIT("auto"))) {
		uint32_t cpus = online_cpus();
		uint32_t lanes = config->dataplane.lanes;
		workers = cpus > lanes ? cpus - lanes : 1;
		config->workers = workers < WORKERS_AUTO_MAX ? workers : WORKERS_AUTO_MAX;
		return;
	}
	if (span_parse_u32(text, WORKERS_MAX, &workers) != 0 || workers == 0) {
		config_fail_expected(loader, node, item->expected);
		return;
	}
	config->workers = workers;
}

void config_take_log_format(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config *config = target;
	struct span text;
	if (!config_scalar(loader, node, &text))
		return;
	config->is_log_json = span_eq(text, SPAN_LIT("json"));
	if (!config->is_log_json && !span_eq(text, SPAN_LIT("text")))
		config_fail_expected(loader, node, item->expected);
}

static bool has_core(const struct config_dataplane *dataplane, uint32_t cpu)
{
	for (uint32_t i = 0; i < dataplane->lanes; i++) {
		if (dataplane->cores[i] == cpu)
			return true;
	}
	return false;
}

static bool add_core(struct config_loader *loader, const struct node *node, uint32_t cpu)
{
	struct config_dataplane *dataplane = &loader->config->dataplane;
	if (has_core(dataplane, cpu)) {
		config_fail(loader, node, "CPU %u stands here twice", cpu);
		return false;
	}
	if (dataplane->lanes == sizeof dataplane->cores / sizeof dataplane->cores[0]) {
		config_fail(loader, node, "expected 16 CPUs at most");
		return false;
	}
	dataplane->cores[dataplane->lanes++] = cpu;
	return true;
}

// Whether the machine has these CPUs is for muga-media to say: a file may be checked elsewhere.
void config_take_cores(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct span text, one;
	uint32_t first, last;
	(void)target;
	if (!config_scalar(loader, node, &text))
		return;
	if (span_eq(text, SPAN_LIT("auto"))) {
		add_core(loader, node, online_cpus() - 1);
		return;
	}
	// The loop would not see that nothing stands behind the last comma.
	if (text.len == 0 || text.ptr[text.len - 1] == ',') {
		config_fail_expected(loader, node, item->expected);
		return;
	}
	while (span_cut(&text, ',', &one)) {
		if (value_parse_cpus(span_trim(one), &first, &last) != 0) {
			config_fail_expected(loader, node, item->expected);
			return;
		}
		for (uint32_t cpu = first; cpu <= last; cpu++) {
			if (!add_core(loader, node, cpu))
				return;
		}
	}
}

static bool parse_memory_mb(struct span text, uint32_t *out)
{
	uint64_t bytes;
	if (value_parse_size(text, &bytes) != 0)
		return false;
	if (bytes < MEMORY_MIN_MB * MIB || bytes > MEMORY_MAX_MB * MIB)
		return false;
	*out = (uint32_t)(bytes / MIB);
	return true;
}

void config_take_hugepages(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config_dataplane *dataplane = &loader->config->dataplane;
	struct span text;
	(void)target;
	if (!config_scalar(loader, node, &text))
		return;
	if (value_parse_bool(text, &dataplane->is_hugepages) == 0)
		return;
	if (!parse_memory_mb(text, &dataplane->memory_mb)) {
		config_fail_expected(loader, node, item->expected);
		return;
	}
	dataplane->is_hugepages = true;
	loader->is_memory_set = true;
}

void config_take_memory(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct span text;
	uint32_t memory_mb;
	(void)target;
	if (!config_scalar(loader, node, &text))
		return;
	bool is_default = node->key == NULL;
	if (loader->is_memory_set) {
		if (!is_default)
			config_fail(loader, node, "the size is already given by 'hugepages'");
		return;
	}
	if (parse_memory_mb(text, &memory_mb))
		loader->config->dataplane.memory_mb = memory_mb;
	else
		config_fail_expected(loader, node, item->expected);
}

void *config_begin_device(struct config_loader *loader, const struct node *node, uint32_t siblings)
{
	struct config *config = loader->config;
	(void)siblings; // count_is_right() keeps them below CONFIG_DEVICES_MAX
	const char *name = config_copy(loader, node, node->key->text);
	if (!name)
		return NULL;
	struct config_device *device = &config->devices[config->device_count++];
	device->name = name;
	return device;
}

static bool check_interface(struct config_loader *loader, const struct node *node,
	const struct config_device *device)
{
	switch (device->kind) {
	case CONFIG_PORT_XDP:
	case CONFIG_PORT_PACKET:
		if (device->interface && value_is_interface(span_str(device->interface)))
			return true;
		config_fail(
			loader, node, "expected 'interface' with the name of a Linux interface");
		return false;
	case CONFIG_PORT_MEMIF:
		if (device->interface && device->interface[0] == '/')
			return true;
		config_fail(
			loader, node, "expected 'interface' with the absolute path of a socket");
		return false;
	default:
		if (!device->interface)
			return true;
		config_fail(loader, node, "'interface' means nothing for a device of this kind");
		return false;
	}
}

void config_finish_device(struct config_loader *loader, const struct node *node, void *target)
{
	const struct config_device *device = target;
	const struct config *config = loader->config;
	if (!check_interface(loader, node, device) || !device->interface)
		return;
	for (uint32_t i = 0; &config->devices[i] != device; i++) {
		const char *other = config->devices[i].interface;
		if (other && strcmp(other, device->interface) == 0)
			config_fail(loader, node, "the interface '%s' belongs to the device '%s'",
				other, config->devices[i].name);
	}
}
