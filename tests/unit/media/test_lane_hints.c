// What lanes and signaling tell each other by ring, and the sweep for what got lost, on one thread.
#include "base/metric.h"
#include "lane_hints.h"
#include "unit/media/rtp_frame.h"

#include <stdlib.h>

#define OWNER 1u

static struct shm_map signaling, media;
static struct lane_attachment attachment;
static struct lane_runner *runner;

static int set_up(void **state)
{
	struct shm_geometry geometry = { .addresses = 2, .flows = BED_FLOWS, .workers = 2,
		.lanes = 1 };

	if (frame_bed(state) || shm_anonymous(&geometry, &signaling, &media))
		return -1;
	runner = calloc(1, sizeof(*runner));
	if (!runner)
		return -1;
	runner->lane = bed.lane;
	attachment = (struct lane_attachment){ .signaling = &signaling, .media = &media };
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(runner);
	shm_close(&signaling);
	shm_close(&media);
	return 0;
}

static bool tell(enum hint_kind kind, uint16_t address, uint16_t port)
{
	struct hint hint = { .kind = kind, .media_address = address, .port = port };

	return hint_push(shm_hint_ring(&signaling, OWNER, 0), shm_hint_cursor(&media, OWNER, 0),
		&hint);
}

static bool is_ready(uint16_t address)
{
	uint32_t slot = bed.index[address * SHM_PORTS + PORT];

	return ready_header_is_fresh(&runner->lane, &bed.cfg[slot], &bed.headers[slot]);
}

static void a_change_is_acted_on(void **state)
{
	(void)state;
	call_up();
	// The sweep would find it, too: it must not get there first.
	runner->sweep = (struct lane_sweep){ .cursor = UINT32_MAX, .began_ns = START };
	assert_true(tell(HINT_FLOW_CHANGED, 0, PORT));
	lane_hints_take(runner, &attachment, START);
	assert_int_equal(metric_read(&runner->loop.hints), 1);
	assert_true(is_ready(0));
	assert_true(is_ready(1)); // its peer as well
}

static void hostile_hints_do_nothing(void **state)
{
	(void)state;
	call_up();
	runner->sweep = (struct lane_sweep){ .cursor = UINT32_MAX, .began_ns = START };
	assert_true(tell(HINT_FLOW_CHANGED, UINT16_MAX, 0));
	assert_true(tell(HINT_FLOW_CHANGED, 1, 1));
	assert_true(tell((enum hint_kind)77, 0, PORT));
	lane_hints_take(runner, &attachment, START);
	assert_int_equal(metric_read(&runner->loop.hints), 3);
	assert_false(is_ready(0));
}

static void lost_hints_cause_a_sweep(void **state)
{
	(void)state;
	call_up();
	runner->sweep = (struct lane_sweep){ .cursor = UINT32_MAX, .began_ns = START };
	atomic_store(&runner->is_swept, true);
	for (uint32_t i = 0; i <= HINT_RING_SLOTS; i++)
		tell(HINT_FLOW_CHANGED, 1, 9); // nobody's port; the last one does not fit
	uint32_t epoch = runner->lane.header_epoch;
	for (uint32_t i = 0; i < HINT_RING_SLOTS && !is_ready(0); i++)
		lane_hints_take(runner, &attachment, START + i);
	assert_true(is_ready(0));
	assert_true(metric_read(&runner->loop.hints_overflow) >= 1);
	assert_int_not_equal(runner->lane.header_epoch, epoch);
	for (uint32_t i = 0; i < HINT_RING_SLOTS && !atomic_load(&runner->is_swept); i++)
		lane_hints_take(runner, &attachment, START + i);
	assert_true(atomic_load(&runner->is_swept));
}

// Events of the lane reach the worker that owns the flow, and nobody else's ring.
static void events_go_to_the_owner(void **state)
{
	struct hint hint;
	bool is_overflowed = false;

	(void)state;
	runner->lane.events[0] = (struct lane_event){ .owner = OWNER,
		.hint = { .kind = HINT_LATCHED, .port = PORT, .incarnation = 42 } };
	runner->lane.events[1] = (struct lane_event){ .owner = SHM_WORKER_MAX + 5 }; // hostile
	runner->lane.event_count = 2;
	lane_hints_send(runner, &attachment);
	assert_int_equal(runner->lane.event_count, 0);
	assert_int_equal(metric_read(&runner->loop.hints_unsent), 1);
	assert_true(hint_pop(shm_hint_ring(&media, OWNER, 0),
		shm_hint_cursor(&signaling, OWNER, 0), &hint, &is_overflowed));
	assert_int_equal(hint.kind, HINT_LATCHED);
	assert_int_equal(hint.incarnation, 42);
	assert_false(hint_pop(shm_hint_ring(&media, 0, 0), shm_hint_cursor(&signaling, 0, 0), &hint,
		&is_overflowed));
}

static void a_pass_takes_its_time(void **state)
{
	(void)state;
	call_up();
	for (uint32_t i = 0; i < 2 * BED_FLOWS; i++)
		lane_hints_take(runner, &attachment, START);
	assert_true(is_ready(0));                       // one pass went over it
	uint32_t cursor = runner->sweep.cursor;
	lane_hints_take(runner, &attachment, START);
	assert_int_equal(runner->sweep.cursor, cursor); // the next one waits for its second
	lane_hints_take(runner, &attachment, START + 2000 * MS);
	assert_int_not_equal(runner->sweep.cursor, cursor);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_change_is_acted_on),
		TEST(hostile_hints_do_nothing),
		TEST(lost_hints_cause_a_sweep),
		TEST(events_go_to_the_owner),
		TEST(a_pass_takes_its_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
