#include "fixture.h"
#include "shm/flow_writer.h"

static void test_claims(void **state)
{
	(void)state;
	static const struct {
		uint64_t owner;
		bool is_claimed;
	} cases[] = {
		{ SHM_OWNER_NEVER, true }, { SHM_OWNER_UNKNOWN, true },
		{ 6ull << 32 | 1, true },                           // an earlier instance
		{ 6ull << 32 | 4, true }, { 7ull << 32 | 2, true }, // ourselves
		{ 7ull << 32 | 3, false },                          // another worker that lives
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct flow_writer writer = { .owner_word = 7ull << 32 | 2 };
		_Atomic uint64_t owner = cases[i].owner;
		uint64_t before = 99;
		assert_int_equal(block_claim(&writer, &owner, &before), cases[i].is_claimed);
		assert_int_equal(before, cases[i].is_claimed ? cases[i].owner : 99);
		assert_int_equal(owner, cases[i].is_claimed ? writer.owner_word : cases[i].owner);
	}
}

static void test_returned_ids(void **state)
{
	(void)state;
	struct fixture f = fixture_make(1, 1, 1024);
	struct flow_writer *owner = writer_of(&f, 0, 2);
	struct flow_writer *borrower = writer_of(&f, 1, 2);
	uint32_t before = owner->slots.free_count;
	uint32_t lent = pool_take(&owner->slots);
	bit_set(owner->slots.lent, lent);
	owner->slots.lent_count = 1;
	pool_rest(&borrower->slots, lent);
	assert_int_equal(
		pool_release(borrower, &borrower->slots, borrower->slots.resting_tail, 5), 4);
	// One that was never lent: the owner found it unreachable, it rests already.
	atomic_fetch_or(&owner->slots.returned[0], 1ull << ((lent + 1) % 64));
	for (uint32_t i = 0; i < 4; i++)
		pool_sweep_returned(owner, &owner->slots);
	assert_int_equal(owner->slots.free_count, before);
	assert_int_equal(owner->slots.lent_count, 0);
	assert_int_equal(atomic_load(&owner->slots.returned[0]), 0);
	flow_writer_free(owner);
	flow_writer_free(borrower);
	fixture_end(&f);
}

static void check_worker(const struct flow_writer *w)
{
	for (uint32_t place = 0; place < 3 * SHM_PORTS; place += 2) {
		uint32_t address = place / SHM_PORTS;
		uint16_t port = (uint16_t)place;
		uint32_t found;
		if (!port_is_own(w, address, port))
			continue;
		assert_int_equal(pair_port(w, pair_of(w, address, port), &found), port);
		assert_int_equal(found, address);
	}
}

static void test_pairs_and_ports(void **state)
{
	(void)state;
	for (uint32_t workers = 1; workers <= 5; workers++)
		for (uint32_t i = 0; i < workers; i++) {
			struct flow_writer w = { .worker = i,
				.workers = workers,
				.blocks_per_address = (256 + workers - 1) / workers };
			check_worker(&w);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_returned_ids),
		cmocka_unit_test(test_pairs_and_ports),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
