#include "port_xdp.h"

#include "base/log.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEER_MAPS_MAX 8
#define CPUS_MAX       1024

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int port_xdp_program(char *path, size_t bytes)
{
	static const char *const places[] = { "steer.bpf.o", "../lib/muga/steer.bpf.o" };
	const char *chosen = getenv("MUGA_XDP_PROGRAM");
	char folder[PATH_MAX];
	ssize_t len;
	char *slash;

	if (chosen && (snprintf(path, bytes, "%s", chosen) >= (int)bytes || !is_file(path)))
		return -ENOENT;
	if (chosen)
		return 0;
	len = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
	if (len < 0)
		return -ENOENT;
	folder[len] = '\0';
	slash = strrchr(folder, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (snprintf(path, bytes, "%s/%s", folder, places[i]) < (int)bytes && is_file(path))
			return 0;
	return -ENOENT;
}

static int program_info(uint32_t ifindex, int *fd, struct bpf_prog_info *info)
{
	uint32_t id = 0, bytes = sizeof(*info);
	int rc = bpf_xdp_query_id((int)ifindex, 0, &id);

	if (rc)
		return rc;
	if (!id)
		return -ENOENT;
	*fd = bpf_prog_get_fd_by_id(id);
	if (*fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(*fd, info, &bytes)) {
		rc = -errno;
		close(*fd);
		return rc;
	}
	return 0;
}

int port_xdp_take_off(uint32_t ifindex)
{
	struct bpf_prog_info info = { 0 };
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts);
	int fd, rc = program_info(ifindex, &fd, &info);

	if (rc)
		return rc == -ENOENT ? 0 : rc;
	if (strcmp(info.name, STEER_PROGRAM) != 0) {
		LOG_ERROR(PORT, "foreign_xdp_program", "ifindex=%u program=%.16s", ifindex,
			info.name);
		close(fd);
		return -EBUSY;
	}
	// Only if it still is the program we looked at.
	opts.old_prog_fd = fd;
	rc = bpf_xdp_detach((int)ifindex, 0, &opts);
	close(fd);
	return rc ? rc : 1;
}

static int map_keep(struct port_xdp *xdp, uint32_t id)
{
	struct bpf_map_info info = { 0 };
	uint32_t bytes = sizeof(info);
	int fd = bpf_map_get_fd_by_id(id);

	if (fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &bytes)) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	if (!strcmp(info.name, STEER_RANGES) && info.key_size == sizeof(struct steer_key) &&
		info.value_size == sizeof(struct steer_range))
		xdp->ranges_fd = fd;
	else if (!strcmp(info.name, STEER_COUNTS) && info.value_size == sizeof(uint64_t))
		xdp->counts_fd = fd;
	else
		close(fd);
	return 0;
}

int port_xdp_find(struct port_xdp *xdp, uint32_t ifindex)
{
	uint32_t ids[STEER_MAPS_MAX] = { 0 }, bytes;
	struct bpf_prog_info info = { 0 };
	int fd, rc = program_info(ifindex, &fd, &info);

	if (rc)
		return rc;
	bytes = sizeof(info);
	info = (struct bpf_prog_info){ .nr_map_ids = STEER_MAPS_MAX,
		.map_ids = (uint64_t)(uintptr_t)ids };
	rc = bpf_obj_get_info_by_fd(fd, &info, &bytes) ? -errno : 0;
	close(fd);
	*xdp = (struct port_xdp){ .ifindex = ifindex };
	for (uint32_t i = 0; !rc && i < info.nr_map_ids && i < STEER_MAPS_MAX; i++)
		rc = map_keep(xdp, ids[i]);
	if (!rc && (!xdp->ranges_fd || !xdp->counts_fd))
		rc = -EPROTO;
	if (rc)
		port_xdp_close(xdp);
	return rc;
}

static bool is_wanted(
	const struct steer_key *key, const struct address_entry *entries, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (entries[i].vlan == key->vlan && !memcmp(entries[i].ip.b, key->ip, 16))
			return true;
	return false;
}

// Ranges that are no longer wanted; the keys are collected first, deleting would end the walk.
static void ranges_prune(int fd, const struct address_entry *entries, uint32_t count)
{
	struct steer_key keys[STEER_RANGES_MAX], *last = NULL;
	uint32_t found = 0;

	while (found < STEER_RANGES_MAX && !bpf_map_get_next_key(fd, last, &keys[found]))
		last = &keys[found++];
	for (uint32_t i = 0; i < found; i++)
		if (!is_wanted(&keys[i], entries, count))
			bpf_map_delete_elem(fd, &keys[i]);
}

int port_xdp_set_ranges(
	const struct port_xdp *xdp, const struct address_entry *entries, uint32_t count)
{
	ranges_prune(xdp->ranges_fd, entries, count);
	for (uint32_t i = 0; i < count; i++) {
		struct steer_key key = { .vlan = entries[i].vlan };
		struct steer_range range = { entries[i].port_min, entries[i].port_max };

		memcpy(key.ip, entries[i].ip.b, sizeof(key.ip));
		if (bpf_map_update_elem(xdp->ranges_fd, &key, &range, BPF_ANY))
			return -errno;
	}
	return 0;
}

int port_xdp_counts(const struct port_xdp *xdp, uint64_t out[STEER_COUNT_COUNT])
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t values[CPUS_MAX];

	if (cpus < 0 || cpus > CPUS_MAX)
		return -E2BIG;
	for (uint32_t which = 0; which < STEER_COUNT_COUNT; which++) {
		if (bpf_map_lookup_elem(xdp->counts_fd, &which, values))
			return -errno;
		out[which] = 0;
		for (int cpu = 0; cpu < cpus; cpu++)
			out[which] += values[cpu];
	}
	return 0;
}

void port_xdp_close(struct port_xdp *xdp)
{
	if (xdp->ranges_fd)
		close(xdp->ranges_fd);
	if (xdp->counts_fd)
		close(xdp->counts_fd);
	*xdp = (struct port_xdp){ 0 };
}
