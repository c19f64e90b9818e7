// testpmd.c - see testpmd.h.
#include "testpmd.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS_MAX     48
#define START_MS     60000 // under valgrind it takes its time
#define ANSWER_MS    30000
#define SHORT_RUN_MS 1000
#define LONG_RUN_MS  4000

// Reads until `wanted` was said. False: not within that time.
static bool wait_for(struct testpmd *peer, const char *wanted, int timeout_ms)
{
	while (!strstr(peer->text, wanted)) {
		struct pollfd ready = { .fd = peer->fd, .events = POLLIN };
		if (poll(&ready, 1, timeout_ms) <= 0)
			return false;
		if (peer->len > sizeof(peer->text) - 2048)
			peer->len = 0;
		ssize_t got = read(peer->fd, peer->text + peer->len, 1024);
		if (got <= 0)
			return false;
		peer->len += (uint32_t)got;
		peer->text[peer->len] = '\0';
	}
	return true;
}

static bool command(struct testpmd *peer, const char *text, const char *wanted)
{
	peer->len = 0;
	peer->text[0] = '\0';
	if (write(peer->fd, text, strlen(text)) < 0 || write(peer->fd, "\n", 1) < 0)
		return false;
	return wait_for(peer, wanted, ANSWER_MS);
}

static int start(struct testpmd *peer, const char *const *argv)
{
	peer->len = 0;
	peer->text[0] = '\0';
	peer->pid = forkpty(&peer->fd, NULL, NULL, NULL);
	if (peer->pid < 0)
		return -errno;
	if (peer->pid == 0) {
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	if (wait_for(peer, "testpmd> ", START_MS))
		return 0;
	testpmd_close(peer);
	return -ENOENT;
}

static uint32_t append(const char **argv, uint32_t count, const char *const *more)
{
	for (; *more && count < ARGS_MAX - 1; more++)
		argv[count++] = *more;
	argv[count] = NULL;
	return count;
}

static const char *const tail_args[] = { "--", "-i", "--total-num-mbufs=16384",
	"--port-topology=loop", "--burst=32", NULL };

int testpmd_open(struct testpmd *peer, const char *pcap, const char *const *eal_args)
{
	char device[256];
	const char *argv[ARGS_MAX];
	const char *const head[] = { "dpdk-testpmd", "--file-prefix", "bench-peer", "--vdev",
		device, NULL };

	snprintf(device, sizeof(device), "net_pcap0,rx_pcap=%s,infinite_rx=1", pcap);
	uint32_t count = append(argv, 0, head);
	count = append(argv, count, eal_args);
	append(argv, count, tail_args);
	return start(peer, argv);
}

void testpmd_close(struct testpmd *peer)
{
	int status;

	if (peer->pid <= 0)
		return;
	if (write(peer->fd, "quit\n", 5) != 5 || !wait_for(peer, "Bye", ANSWER_MS))
		kill(peer->pid, SIGKILL);
	waitpid(peer->pid, &status, 0);
	close(peer->fd);
	peer->pid = 0;
}

// CPU time of its forwarding thread ("rte-worker-1") so far, in ns. 0: not found.
static uint64_t worker_cpu_ns(pid_t pid)
{
	char path[300], name[64];
	uint64_t ns = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *tasks = opendir(path);
	struct dirent *task;
	while (tasks && ns == 0 && (task = readdir(tasks))) {
		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/comm", pid, task->d_name);
		FILE *file = fopen(path, "r");
		bool is_worker = file && fgets(name, sizeof(name), file) &&
			strstr(name, "-worker-");
		if (file)
			fclose(file);
		if (!is_worker)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/schedstat", pid, task->d_name);
		file = fopen(path, "r");
		if (file && fscanf(file, "%lu", &ns) != 1)
			ns = 0;
		if (file)
			fclose(file);
	}
	if (tasks)
		closedir(tasks);
	return ns;
}

// One start/stop. CPU time of the worker and packets; false: it did not forward.
static bool run(
	struct testpmd *peer, const char *mode, uint32_t ms, uint64_t *cpu_ns, uint64_t *packets)
{
	char text[64];

	snprintf(text, sizeof(text), "set fwd %s", mode);
	uint64_t before = worker_cpu_ns(peer->pid);
	if (!command(peer, text, "forwarding mode") ||
		!command(peer, "start", "TX RS bit threshold"))
		return false;
	usleep(ms * 1000);
	if (!command(peer, "stop", "Accumulated forward statistics") ||
		!wait_for(peer, "Done.", ANSWER_MS))
		return false;
	*cpu_ns = worker_cpu_ns(peer->pid) - before;
	const char *total = strstr(peer->text, "RX-packets: ");
	return total && sscanf(total, "RX-packets: %lu", packets) == 1 && *packets > 0;
}

double testpmd_measure(struct testpmd *peer, const char *mode, uint32_t ms)
{
	uint64_t cpu_ns, packets;

	return run(peer, mode, ms, &cpu_ns, &packets) ? (double)cpu_ns / (double)packets : NAN;
}

// One run under callgrind: instructions of the whole process and packets forwarded.
static bool count_run(
	const char *pcap, const char *mode, uint32_t ms, uint64_t *instructions, uint64_t *packets)
{
	char device[256], log[64], line[256];
	struct testpmd *peer = calloc(1, sizeof(*peer));
	bool is_found = false;

	if (!peer)
		return false;
	snprintf(log, sizeof(log), "/tmp/bench-forward-%d.log", getpid());
	snprintf(device, sizeof(device), "net_pcap0,rx_pcap=%s,infinite_rx=1", pcap);
	char log_arg[80];
	snprintf(log_arg, sizeof(log_arg), "--log-file=%s", log);
	const char *argv[ARGS_MAX];
	// Fair: else the polling thread keeps the one that reads our commands from ever running.
	const char *const head[] = { "valgrind", "--tool=callgrind", "--fair-sched=yes",
		"--callgrind-out-file=/dev/null", log_arg, "dpdk-testpmd", "-l", "0,1",
		"--main-lcore", "0", "--no-huge", "-m", "256", "--no-pci", "--no-telemetry",
		"--file-prefix", "bench-count", "--vdev", device, NULL };
	append(argv, append(argv, 0, head), tail_args);
	uint64_t cpu_ns;
	bool is_run = start(peer, argv) == 0 && run(peer, mode, ms, &cpu_ns, packets);
	testpmd_close(peer);
	free(peer);
	FILE *file = is_run ? fopen(log, "r") : NULL;
	while (file && fgets(line, sizeof(line), file)) {
		const char *at = strstr(line, "Collected : ");
		if (at && sscanf(at, "Collected : %lu", instructions) == 1)
			is_found = true;
	}
	if (file)
		fclose(file);
	unlink(log);
	return is_found;
}

double testpmd_instructions(const char *pcap, const char *mode)
{
	uint64_t instructions[2], packets[2];

	if (!count_run(pcap, mode, SHORT_RUN_MS, &instructions[0], &packets[0]) ||
		!count_run(pcap, mode, LONG_RUN_MS, &instructions[1], &packets[1]) ||
		packets[1] <= packets[0])
		return NAN;
	return (double)(instructions[1] - instructions[0]) / (double)(packets[1] - packets[0]);
}
