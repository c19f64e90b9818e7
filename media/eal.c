#include "eal.h"

#include "base/log.h"

#include <errno.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

// Each AF_XDP queue pins 4,096 buffers in its fill ring and as many may wait for transmission.
#define POOL_PER_QUEUE 8192u
#define POOL_BASE      4096u // bursts, handover rings, caches of the lanes
#define POOL_CACHE     256u

struct writer {
	struct eal_args *args;
	size_t used;
	bool is_full;
};

static void __attribute__((format(printf, 2, 3))) arg(struct writer *writer, const char *fmt, ...)
{
	char *at = writer->args->text + writer->used;
	size_t room = sizeof(writer->args->text) - writer->used;
	va_list list;
	int len;

	va_start(list, fmt);
	len = vsnprintf(at, room, fmt, list);
	va_end(list);
	if (len < 0 || (size_t)len >= room || writer->args->count == EAL_ARGS_MAX) {
		writer->is_full = true;
		return;
	}
	writer->args->list[writer->args->count++] = at;
	writer->used += (size_t)len + 1;
}

static bool is_lane_cpu(const struct config_dataplane *dataplane, uint32_t cpu)
{
	for (uint32_t i = 0; i < dataplane->lanes; i++)
		if (dataplane->cores[i] == cpu)
			return true;
	return false;
}

// "0@(0,2),1@1,2@3": lcores by role, each with the CPUs it may use.
static int lcores_format(const struct config_dataplane *dataplane, uint32_t cpu_count, char *buf,
	size_t bytes)
{
	size_t used = 0;
	uint32_t others = 0;

	for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
		others += !is_lane_cpu(dataplane, cpu);
	used += (size_t)snprintf(buf, bytes, "0@(");
	for (uint32_t cpu = 0, n = 0; cpu < cpu_count && used < bytes; cpu++)
		if (!others || !is_lane_cpu(dataplane, cpu))
			used += (size_t)snprintf(buf + used, bytes - used, "%s%u", n++ ? "," : "",
				cpu);
	if (used < bytes)
		used += (size_t)snprintf(buf + used, bytes - used, ")");
	for (uint32_t i = 0; i < dataplane->lanes && used < bytes; i++) {
		if (dataplane->cores[i] >= cpu_count)
			return -EINVAL;
		used += (size_t)snprintf(buf + used, bytes - used, ",%u@%u", i + 1,
			dataplane->cores[i]);
	}
	return used < bytes ? 0 : -ENOSPC;
}

int eal_args_build(
	const struct config_dataplane *dataplane, uint32_t cpu_count, struct eal_args *out)
{
	struct writer writer = { .args = out };
	char lcores[512];
	int rc = lcores_format(dataplane, cpu_count, lcores, sizeof(lcores));

	if (rc)
		return rc;
	out->count = 0;
	arg(&writer, "muga-media");
	arg(&writer, "--no-pci");
	arg(&writer, "--file-prefix=muga-media"); // where dpdk-telemetry.py looks
	arg(&writer, "--log-level=*:warning");
	arg(&writer, "--lcores=%s", lcores);
	arg(&writer, "--main-lcore=0");
	if (dataplane->is_hugepages) {
		arg(&writer, "--in-memory"); // unlinked huge pages: no files that collide
	} else {
		arg(&writer, "--no-huge"); // which EAL refuses together with --in-memory
		arg(&writer, "--no-shconf");
	}
	if (dataplane->memory_mb) {
		arg(&writer, "-m");
		arg(&writer, "%u", dataplane->memory_mb);
	}
	out->list[out->count] = NULL;
	return writer.is_full ? -ENOSPC : 0;
}

// EAL's own lines, each as one of ours.
static ssize_t log_line(void *context, const char *text, size_t bytes)
{
	int len = (int)bytes;

	(void)context;
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' '))
		len--;
	if (len > 0)
		LOG_INFO(PORT, "dpdk", "text=\"%.*s\"", len, text);
	return (ssize_t)bytes;
}

int eal_start(const struct config_dataplane *dataplane)
{
	static const cookie_io_functions_t log_functions = { .write = log_line };
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	static struct eal_args args; // EAL keeps pointers into it
	FILE *log;
	int rc = eal_args_build(dataplane, (uint32_t)sysconf(_SC_NPROCESSORS_ONLN), &args);

	if (rc) {
		LOG_ERROR(MAIN, "cores_refused", "reason=\"dataplane.cores names a CPU that is not "
			"online\" cpus=%ld", sysconf(_SC_NPROCESSORS_ONLN));
		return rc;
	}
	// AF_XDP registers its packet memory with the kernel, which counts it as locked.
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	log = fopencookie(NULL, "w", log_functions);
	if (log) {
		setvbuf(log, NULL, _IOLBF, 0);
		rte_openlog_stream(log);
	}
	if (rte_eal_init(args.count, args.list) < 0) {
		LOG_ERROR(MAIN, "eal_refused", "reason=\"%s\" hugepages=%d memory_mb=%u",
			rte_strerror(rte_errno), dataplane->is_hugepages, dataplane->memory_mb);
		return rte_errno ? -rte_errno : -EIO;
	}
	return 0;
}

struct rte_mempool *eal_pool_new(uint32_t queues)
{
	uint32_t count = POOL_BASE + queues * POOL_PER_QUEUE;
	struct rte_mempool *pool = rte_pktmbuf_pool_create("packets", count - 1, POOL_CACHE, 0,
		RTE_MBUF_DEFAULT_BUF_SIZE, (int)rte_socket_id());

	if (!pool)
		LOG_ERROR(MAIN, "no_packet_memory", "packets=%u bytes=%u reason=\"%s\"", count,
			count * (RTE_MBUF_DEFAULT_BUF_SIZE + 192), rte_strerror(rte_errno));
	return pool;
}

void eal_stop(void)
{
	rte_eal_cleanup();
}
