#include "fixture.h"
#include "shm/layout.h"

static void test_geometry(void **state)
{
	(void)state;
	static const struct {
		struct shm_geometry geometry;
		bool is_valid;
	} cases[] = {
		{ { 1, 256, 1, 1, 0 }, true },
		{ { SHM_ADDRESS_MAX, 1 << 20, SHM_WORKER_MAX, SHM_LANE_MAX, 0 }, true },
		{ { 0, 256, 1, 1, 0 }, false },
		{ { SHM_ADDRESS_MAX + 1, 256, 1, 1, 0 }, false },
		{ { 1, 255, 1, 1, 0 }, false },
		{ { 1, 0, 1, 1, 0 }, false },
		{ { 1, 256, 2, 1, 0 }, false },
		{ { 1, 256, 0, 1, 0 }, false },
		{ { 1, 256 * 65, SHM_WORKER_MAX + 1, 1, 0 }, false },
		{ { 1, 256, 1, 0, 0 }, false },
		{ { 1, 256, 1, SHM_LANE_MAX + 1, 0 }, false },
		{ { 1, 0xffffff00, 1, 1, 0 }, false },
		{ { 1, 512, 1, 1, 512 }, true },
		{ { 1, 512, 1, 1, 768 }, false },
		{ { 1, 512, 1, 1, 255 }, false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(shm_geometry_is_valid(&cases[i].geometry), cases[i].is_valid);
}

static void test_areas_do_not_overlap(void **state)
{
	(void)state;
	struct shm_geometry g = { .addresses = 3, .flows = 768, .workers = 2, .lanes = 2 };
	struct shm_signaling_layout s;
	struct shm_media_layout m;
	shm_signaling_layout(&g, &s);
	shm_media_layout(&g, &m);
	assert_true(s.port_owner >= sizeof(struct shm_signaling));
	assert_true(s.slot_owner >= s.port_owner + 3 * 256 * 8);
	assert_true(s.returned_slots >= s.slot_owner + 3 * 8);
	assert_true(s.stamps >= s.returned_states + 768 / 8);
	assert_true(s.index >= s.stamps + 3 * SHM_PAIRS * 4);
	assert_true(s.cfg >= s.index + 3 * SHM_PORTS * 4);
	assert_true(s.rings >= s.cfg + 768 * sizeof(struct flow_cfg));
	assert_true(s.cursors >= s.rings + SHM_WORKER_MAX * 2 * sizeof(struct hint_ring));
	assert_true(s.bytes >= s.cursors + SHM_WORKER_MAX * 2 * sizeof(struct hint_cursor));
	assert_true(m.states >= sizeof(struct shm_media));
	assert_true(m.rings >= m.states + 768 * sizeof(struct flow_state));
	assert_true(m.bytes >= m.cursors + SHM_WORKER_MAX * 2 * sizeof(struct hint_cursor));
	g.workers = 3;
	struct shm_signaling_layout more;
	shm_signaling_layout(&g, &more);
	assert_int_equal(more.bytes, s.bytes); // a restart may change the number of workers
}

static void test_hint_bounds(void **state)
{
	(void)state;
	struct fixture f = fixture_make(1, 1, 256);
	assert_non_null(shm_hint_ring(&f.signaling, SHM_WORKER_MAX - 1, 1));
	assert_null(shm_hint_ring(&f.signaling, SHM_WORKER_MAX, 0));
	assert_null(shm_hint_ring(&f.media, 0, 2));
	assert_null(shm_hint_cursor(&f.media, 0, 2));
	char *last = (char *)(shm_hint_cursor(&f.media, SHM_WORKER_MAX - 1, 1) + 1);
	assert_true(last <= (char *)f.media.base + f.media.bytes);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_geometry),
		cmocka_unit_test(test_areas_do_not_overlap),
		cmocka_unit_test(test_hint_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
