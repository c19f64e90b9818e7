// threads.c - torture (a): writers and lanes as threads over one anonymous pair of maps.
#include "oracle.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WORKERS 2u

static struct oracle oracle;
static struct shm_map signaling, media;
static _Atomic bool is_stopping;
static uint64_t run_ms;

static struct torture_writer writers[WORKERS];
static struct torture_reader readers[TORTURE_LANES];

static void *run_writer(void *context)
{
	struct torture_writer *writer = context;
	while (!atomic_load(&is_stopping))
		torture_step(writer, clock_mono_ms());
	return NULL;
}

static void *run_reader(void *context)
{
	struct torture_reader *reader = context;
	epoch_online(reader->slot, reader->epoch, reader->instance);
	while (!atomic_load(&is_stopping))
		torture_read(reader);
	epoch_offline(reader->slot);
	return NULL;
}

static bool start_all(pthread_t *threads)
{
	for (uint32_t i = 0; i < WORKERS; i++) {
		struct flow_writer_params params = { .signaling = &signaling,
			.media = &media,
			.worker = i,
			.workers = WORKERS,
			.quarantine_ms = TORTURE_QUARANTINE,
			.orphan_timeout_ms = 1000 };
		writers[i].oracle = &oracle;
		writers[i].flows = flow_writer_new(&params, clock_mono_ms());
		rng_init(&writers[i].rng, 1 + i);
		if (!writers[i].flows)
			return false;
	}
	for (uint32_t i = 0; i < TORTURE_LANES; i++) {
		struct torture_reader *reader = &readers[i];
		reader->oracle = &oracle;
		flow_view_init(&reader->view, &signaling);
		reader->states = shm_flow_state(&media);
		reader->slot = &shm_epoch_slots(&media)[i];
		reader->epoch = shm_global_epoch(&signaling);
		reader->instance = atomic_load(&shm_header(&media)->instance);
		reader->lane = i;
		rng_init(&reader->rng, 100 + i);
	}
	for (uint32_t i = 0; i < WORKERS; i++)
		if (pthread_create(&threads[i], NULL, run_writer, &writers[i]))
			return false;
	for (uint32_t i = 0; i < TORTURE_LANES; i++)
		if (pthread_create(&threads[WORKERS + i], NULL, run_reader, &readers[i]))
			return false;
	return true;
}

static void drain(struct torture_writer *writer, uint32_t worker)
{
	uint64_t now_ms = clock_mono_ms();
	while (writer->live_count)
		torture_retire(writer, 0, now_ms);
	for (uint32_t i = 0; i < 1000 && !torture_is_all_free(writer, worker, WORKERS); i++)
		flow_writer_run(writer->flows, now_ms + i);
	if (!torture_is_all_free(writer, worker, WORKERS)) {
		oracle_fail(&oracle, "ports or slots lost by worker", worker, 0);
		torture_describe(writer);
	}
	flow_writer_free(writer->flows);
}

int main(void)
{
	const struct shm_geometry geometry = { .addresses = TORTURE_ADDRESSES,
		.flows = TORTURE_FLOWS,
		.workers = WORKERS,
		.lanes = TORTURE_LANES };
	pthread_t threads[WORKERS + TORTURE_LANES];

	run_ms = getenv("MUGA_LONG") ? 60000 : 3000;
	if (shm_anonymous(&geometry, &signaling, &media)) {
		fprintf(stderr, "no memory for the maps\n");
		return 1;
	}
	oracle_addresses(&signaling);
	if (!start_all(threads)) {
		fprintf(stderr, "cannot start\n");
		return 1;
	}
	usleep((useconds_t)(run_ms * 1000));
	atomic_store(&is_stopping, true);
	for (uint32_t i = 0; i < WORKERS + TORTURE_LANES; i++)
		pthread_join(threads[i], NULL);
	for (uint32_t i = 0; i < WORKERS; i++)
		drain(&writers[i], i);

	printf("lookups %llu found %llu states %llu published %llu replaced %llu retired %llu\n",
		(unsigned long long)oracle.lookups, (unsigned long long)oracle.found,
		(unsigned long long)oracle.states, (unsigned long long)oracle.published,
		(unsigned long long)oracle.replaced, (unsigned long long)oracle.retired);
	if (oracle.failures)
		fprintf(stderr, "%u failures, first: %s\n", oracle.failures, oracle.first_failure);
	shm_close(&signaling);
	shm_close(&media);
	return oracle.failures || !oracle.found || !oracle.replaced || !oracle.retired ? 1 : 0;
}
