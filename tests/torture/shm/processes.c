// processes.c - torture (b): a signaling and a media process over the two files, killed and
// stopped.
//
// Each process counts the crash points it passes and ends (or stops) itself at the one it was
// given, so the kill lies between two known stores. First every crash point of a fixed script in
// turn, then random ones of both processes from a seed (MUGA_SEED). After each kill a fresh writer
// must find everything.
#include "oracle.h"

#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SITES	     80u
#define DRAIN_MS_MAX 5000u
#define STOP_MS	     30u
#define REPEATS_MAX  3u
#define EXIT_FAILED  3
#define MISSES_MAX   5u // lives differ by a few hits: lanes pass at other moments

void (*shm_crash_hook)(uint32_t site);

// Shared by parent and children.
struct control {
	struct oracle oracle;
	_Atomic uint32_t sites[SITES]; // how often a process ended or stopped there
	_Atomic uint32_t kills, stops, lives;
	_Atomic bool is_stopping;
};

static struct control *control;
static char dir[64];

// Of this process.
static bool is_long;
static uint32_t hits, fatal_hit;
static int fatal_signal;

static void on_crash_point(uint32_t site)
{
	static uint32_t last_site;
	static uint32_t repeats;
	repeats = site == last_site ? repeats + 1 : 0;
	last_site = site;
	// A start passes one point for each of hundreds of ports: a few of a row say it all.
	if (repeats > REPEATS_MAX && !is_long)
		return;
	if (++hits != fatal_hit)
		return;
	if (site < SITES)
		atomic_fetch_add(&control->sites[site], 1);
	atomic_fetch_add(fatal_signal == SIGKILL ? &control->kills : &control->stops, 1);
	raise(fatal_signal);
}

struct life {
	uint32_t workers;
	uint32_t fatal_hit; // 0 = none
	int fatal_signal;
	uint64_t seed;
	uint32_t flows; // 0 = TORTURE_FLOWS
	bool is_draining;
	bool is_script;
};

// the signaling process ---------------------------------------------------------------------------

static struct torture_writer writers[TORTURE_WORKERS_MAX];
static struct shm_map signaling, media;
static bool has_media;

static void require(bool is_true, const char *what, int64_t value)
{
	if (is_true)
		return;
	oracle_fail(&control->oracle, what, (uint64_t)value, 0);
	_exit(EXIT_FAILED);
}

// What was in use when the writer died must rest at least from now on.
static void rest_what_was_used(void)
{
	uint64_t due_ms = clock_mono_ms() + TORTURE_QUARANTINE;
	_Atomic uint64_t *rests = &control->oracle.rests_until[0][0];
	for (uint32_t i = 0; i < TORTURE_ADDRESSES * TORTURE_PORTS; i++)
		if (atomic_load(&rests[i]) == UINT64_MAX)
			atomic_store(&rests[i], due_ms);
}

static void open_signaling(const struct life *life)
{
	const struct shm_geometry geometry = { .addresses = TORTURE_ADDRESSES,
		.flows = life->flows ? life->flows : TORTURE_FLOWS,
		.workers = life->workers,
		.lanes = TORTURE_LANES };
	int err = shm_signaling_create(dir, &geometry, &signaling);
	require(err == 0, "shm_signaling_create", err);
	oracle_addresses(&signaling);
	rest_what_was_used();
	has_media = shm_media_attach(dir, &media) == 0;
	for (uint32_t i = 0; i < life->workers; i++) {
		struct flow_writer_params params = { .signaling = &signaling,
			.media = has_media ? &media : NULL,
			.worker = i,
			.workers = life->workers,
			.quarantine_ms = TORTURE_QUARANTINE,
			.orphan_timeout_ms = life->is_script ? 0 : 1 };
		writers[i] = (struct torture_writer){ .oracle = &control->oracle };
		writers[i].flows = flow_writer_new(&params, clock_mono_ms());
		require(writers[i].flows != NULL, "flow_writer_new", i);
		rng_init(&writers[i].rng, life->seed + i);
	}
}

// Media may be absent, come, or move to another file.
static void follow_media(const struct life *life)
{
	struct shm_map found;
	if ((has_media && !shm_is_superseded(&media)) || shm_media_attach(dir, &found))
		return;
	struct shm_map old = media;
	media = found;
	for (uint32_t i = 0; i < life->workers; i++)
		flow_writer_set_media(writers[i].flows, &media);
	if (has_media)
		shm_close(&old);
	has_media = true;
}

static void run_all(const struct life *life)
{
	follow_media(life);
	for (uint32_t i = 0; i < life->workers; i++)
		flow_writer_run(writers[i].flows, clock_mono_ms());
}

static bool are_all_free(const struct life *life)
{
	for (uint32_t i = 0; i < life->workers; i++)
		if (!torture_is_all_free(&writers[i], i, life->workers))
			return false;
	return true;
}

// Until every port, slot and state is free: nothing was lost in the lives before.
static void drain(const struct life *life)
{
	uint64_t start_ms = clock_mono_ms();
	for (uint32_t i = 0; i < life->workers; i++)
		while (writers[i].live_count)
			torture_retire(&writers[i], 0, clock_mono_ms());
	while (!are_all_free(life) && clock_mono_ms() - start_ms < DRAIN_MS_MAX) {
		run_all(life);
		usleep(200);
	}
	if (are_all_free(life))
		return;
	for (uint32_t i = 0; i < life->workers; i++)
		torture_describe(&writers[i]);
	require(false, "ports, slots or states lost, workers", life->workers);
}

// A script that passes every store of the flow table: adds, replaces, retires, lets things rest.
static void run_script(const struct life *life)
{
	for (uint32_t i = 0; i < life->workers; i++) {
		struct torture_writer *writer = &writers[i];
		for (uint32_t n = 0; n < 3 && torture_add(writer, clock_mono_ms()); n++) {
			struct flow_pair *pair = &writer->live[writer->live_count - 1];
			torture_publish(writer, pair, 0);
			torture_publish(writer, pair, 1);
		}
		if (writer->live_count < 2)
			continue;
		torture_publish(writer, &writer->live[0], 0);
		run_all(life);
		torture_publish(writer, &writer->live[0], 1);
		torture_retire(writer, 1, clock_mono_ms());
		for (uint32_t turn = 0; turn < 8; turn++) {
			run_all(life);
			usleep(100);
		}
	}
}

static void run_random(const struct life *life)
{
	uint64_t end_ms = clock_mono_ms() + 100;
	while (clock_mono_ms() < end_ms) {
		follow_media(life);
		for (uint32_t i = 0; i < life->workers; i++)
			torture_step(&writers[i], clock_mono_ms());
	}
}

// Incarnations of this life must lie above all of the lives before.
static void check_incarnations(const struct life *life)
{
	struct flow_pair pair;
	for (uint32_t i = 0; i < life->workers; i++) {
		struct flow_counters counters;
		flow_writer_counters(writers[i].flows, &counters);
		if (counters.discarded)
			oracle_fail(
				&control->oracle, "live records found torn", counters.discarded, i);
		uint64_t before = atomic_load(&control->oracle.highest_incarnation);
		if (!torture_add(&writers[i], clock_mono_ms()))
			continue;
		pair = writers[i].live[writers[i].live_count - 1];
		if (i == 0 && pair.incarnation <= before)
			oracle_fail(&control->oracle, "incarnation repeats, highest before",
				pair.incarnation, before);
	}
}

// What the last life left must rest first; bounded, for media may be stopped.
static void wait_for_room(const struct life *life)
{
	uint32_t ready = 0;
	for (uint32_t turn = 0; turn < 100 && ready < life->workers; turn++) {
		run_all(life);
		usleep(200);
		ready = 0;
		for (uint32_t i = 0; i < life->workers; i++) {
			struct flow_counters counters;
			flow_writer_counters(writers[i].flows, &counters);
			ready += counters.ports_free >= 32 && counters.slots_free >= 64;
		}
	}
}

static void live_signaling(const struct life *life)
{
	open_signaling(life);
	if (life->is_draining) {
		drain(life);
		return;
	}
	wait_for_room(life);
	check_incarnations(life);
	if (life->is_script)
		run_script(life);
	else
		run_random(life);
}

// the media process -------------------------------------------------------------------------------

static void map_media(struct shm_map *from, struct shm_map *own)
{
	int err = -EAGAIN;
	for (uint32_t i = 0; i < 2000 && err; i++) {
		if (atomic_load(&control->is_stopping))
			_exit(0);
		err = shm_signaling_attach(dir, from);
		if (!err) {
			err = shm_media_create(dir, from, own);
			if (err)
				shm_close(from);
		}
		if (err)
			usleep(500);
	}
	require(err == 0, "media cannot map", err);
}

static void read_until_superseded(
	struct torture_reader *readers, const struct shm_map *from, const struct shm_map *own)
{
	for (uint32_t i = 0; i < TORTURE_LANES; i++) {
		struct torture_reader *reader = &readers[i];
		flow_view_init(&reader->view, from);
		reader->states = shm_flow_state(own);
		reader->slot = &shm_epoch_slots(own)[i];
		reader->epoch = shm_global_epoch(from);
		reader->instance = atomic_load(&shm_header(own)->instance);
		epoch_online(reader->slot, reader->epoch, reader->instance);
	}
	while (!atomic_load(&control->is_stopping) && !shm_is_superseded(from))
		for (uint32_t i = 0; i < TORTURE_LANES; i++)
			torture_read(&readers[i]);
	for (uint32_t i = 0; i < TORTURE_LANES; i++)
		epoch_offline(readers[i].slot);
}

static void live_media(const struct life *life)
{
	static struct torture_reader readers[TORTURE_LANES];
	struct shm_map from;
	struct shm_map own;

	for (uint32_t i = 0; i < TORTURE_LANES; i++) {
		readers[i] = (struct torture_reader){ .oracle = &control->oracle, .lane = i };
		rng_init(&readers[i].rng, life->seed + 77 + i);
	}
	while (!atomic_load(&control->is_stopping)) {
		map_media(&from, &own);
		read_until_superseded(readers, &from, &own);
		shm_close(&own);
		shm_close(&from);
	}
}

// the parent --------------------------------------------------------------------------------------

static pid_t start(const struct life *life, void (*run)(const struct life *))
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	hits = 0;
	fatal_hit = life->fatal_hit;
	fatal_signal = life->fatal_signal;
	shm_crash_hook = on_crash_point;
	run(life);
	_exit(0);
}

// 0 = it ended by itself, else the signal that ended it. Wakes it if it stopped itself.
static int finish(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, WUNTRACED) == pid) {
		if (WIFSTOPPED(status)) {
			usleep(STOP_MS * 1000);
			kill(pid, SIGCONT);
			continue;
		}
		if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
			oracle_fail(
				&control->oracle, "died of signal", (uint64_t)WTERMSIG(status), 0);
		if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
			oracle_fail(
				&control->oracle, "exit status", (uint64_t)WEXITSTATUS(status), 0);
		return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	}
	return 0;
}

static bool live_once(struct life life)
{
	atomic_fetch_add(&control->lives, 1);
	return finish(start(&life, live_signaling)) == 0;
}

static pid_t restart_media(uint64_t seed, uint32_t at, int signal_number)
{
	struct life life = { .seed = seed, .fatal_hit = at, .fatal_signal = signal_number };
	return start(&life, live_media);
}

static bool has_failed(void)
{
	return atomic_load(&control->oracle.failures) != 0;
}

// Kills at hit 1, 2, 3, ... until lives pass without reaching their hit. With `is_draining` a whole
// writer takes all back after each kill, else the next life starts on what the last one left.
static uint32_t enumerate(uint32_t workers, bool is_draining, int signal_number)
{
	uint32_t hit = 1;
	uint32_t missed = 0;
	for (; missed < MISSES_MAX && !has_failed(); hit++) {
		uint32_t before = atomic_load(&control->kills) + atomic_load(&control->stops);
		live_once((struct life){ .workers = workers,
			.is_script = true,
			.fatal_hit = hit,
			.fatal_signal = signal_number,
			.seed = hit });
		bool was_hit = before !=
			       atomic_load(&control->kills) + atomic_load(&control->stops);
		missed = was_hit ? 0 : missed + 1;
		// The number of workers changes between the lives.
		if (is_draining)
			live_once((struct life){ .workers = 1 + workers % TORTURE_WORKERS_MAX,
				.is_draining = true });
		else
			live_once((struct life){ .workers = 1 + hit % TORTURE_WORKERS_MAX,
				.is_script = true,
				.seed = hit,
				.fatal_hit = 20 + 3 * hit,
				.fatal_signal = signal_number });
	}
	return hit;
}

// The making of the file, with none there before and with one that another geometry replaces.
static void enumerate_replacement(bool has_old)
{
	for (uint32_t hit = 1; hit <= 6 && !has_failed(); hit++) {
		uint32_t flows = TORTURE_FLOWS + (hit % 2 ? SHM_BLOCK : 0);
		char path[128];
		snprintf(path, sizeof(path), "%s/signaling.seg", dir);
		if (!has_old)
			unlink(path);
		live_once((struct life){ .workers = 2,
			.is_script = true,
			.flows = flows,
			.fatal_hit = hit,
			.fatal_signal = SIGKILL,
			.seed = hit });
		live_once((struct life){ .workers = 1, .is_draining = true, .flows = flows });
	}
}

// Media: ended and stopped at random while writers live and die.
static void run_randomly(struct rng *rng, pid_t *media_pid, uint64_t end_ms)
{
	while (clock_mono_ms() < end_ms && !has_failed()) {
		struct life life = { .workers = 1 + rng_below(rng, TORTURE_WORKERS_MAX),
			.seed = rng_u64(rng),
			.fatal_hit = 1 + rng_below(rng, 6000),
			.fatal_signal = rng_below(rng, 4) ? SIGKILL : SIGSTOP };
		atomic_fetch_add(&control->lives, 1);
		pid_t pid = start(&life, live_signaling);
		uint32_t dice = rng_below(rng, 4);
		if (dice == 0) {
			kill(*media_pid, SIGSTOP);
			usleep(STOP_MS * 1000);
			kill(*media_pid, SIGCONT);
		} else if (dice == 1) {
			kill(*media_pid, SIGKILL);
			finish(*media_pid);
			*media_pid = restart_media(rng_u64(rng), 0, 0);
		}
		finish(pid);
		if (rng_below(rng, 8) == 0)
			live_once((struct life){ .workers = 1 + rng_below(rng, TORTURE_WORKERS_MAX),
				.is_draining = true });
	}
}

// Media's own crash points: online, quiescent, the making of its file.
static void enumerate_media(struct rng *rng, pid_t *media_pid)
{
	for (uint32_t hit = 1; hit <= 24 && !has_failed(); hit++) {
		kill(*media_pid, SIGKILL);
		finish(*media_pid);
		*media_pid = restart_media(hit, hit, hit % 2 ? SIGKILL : SIGSTOP);
		live_once((struct life){ .workers = 2, .seed = rng_u64(rng) });
		kill(*media_pid, SIGCONT);
		kill(*media_pid, SIGKILL);
		finish(*media_pid);
		*media_pid = restart_media(hit, 0, 0);
		live_once((struct life){ .workers = 2, .is_draining = true });
	}
}

static void remove_files(void)
{
	static const char *const names[] = { "signaling.seg", "media.seg", "signaling.seg.new",
		"media.seg.new" };
	char path[128];
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

static int report(uint32_t killed, uint32_t left)
{
	uint32_t missed = 0;
	static const uint32_t expected[] = { 2, 3, 4, 5, 6, 10, 11, 12, 13, 14, 20, 21, 22, 23, 24,
		30, 31, 40, 41, 60, 61, 62, 63, 64, 65, 66 };
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		if (atomic_load(&control->sites[expected[i]]))
			continue;
		fprintf(stderr, "crash point %u was never used\n", expected[i]);
		missed++;
	}
	printf("enumerated %u drained and %u undrained hits; lives %u kills %u stops %u; lookups "
	       "%llu "
	       "found %llu states %llu published %llu replaced %llu retired %llu\n",
		killed, left, control->lives, control->kills, control->stops,
		(unsigned long long)control->oracle.lookups,
		(unsigned long long)control->oracle.found,
		(unsigned long long)control->oracle.states,
		(unsigned long long)control->oracle.published,
		(unsigned long long)control->oracle.replaced,
		(unsigned long long)control->oracle.retired);
	if (has_failed())
		fprintf(stderr, "%u failures, first: %s\n", control->oracle.failures,
			control->oracle.first_failure);
	return has_failed() || missed || !control->oracle.found ? 1 : 0;
}

int main(void)
{
	const char *seed_text = getenv("MUGA_SEED");
	uint64_t seed = seed_text ? strtoull(seed_text, NULL, 0) : clock_unix_ms();
	struct rng rng;

	is_long = getenv("MUGA_LONG") != NULL;
	control = mmap(
		NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	snprintf(dir, sizeof(dir), "/dev/shm/muga-torture-XXXXXX");
	if (control == MAP_FAILED || !mkdtemp(dir)) {
		perror("cannot prepare");
		return 1;
	}
	printf("MUGA_SEED=%llu\n", (unsigned long long)seed);
	rng_init(&rng, seed);
	enumerate_replacement(false);
	pid_t media_pid = restart_media(seed, 0, 0);
	enumerate_replacement(true);
	uint32_t killed = 0;
	uint32_t left = 0;
	for (uint32_t workers = 1; workers <= TORTURE_WORKERS_MAX; workers++) {
		killed += enumerate(workers, true, SIGKILL);
		left += enumerate(workers, false, SIGKILL);
	}
	live_once((struct life){ .workers = 3, .is_draining = true });
	enumerate_media(&rng, &media_pid);
	run_randomly(&rng, &media_pid, clock_mono_ms() + (is_long ? 300000 : 6000));
	live_once((struct life){ .workers = 2, .is_draining = true });

	atomic_store(&control->is_stopping, true);
	kill(media_pid, SIGCONT);
	finish(media_pid);
	remove_files();
	return report(killed, left);
}
