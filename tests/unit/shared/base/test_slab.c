// test_slab.c - limits, stable addresses, stale and forged handles, walking.
#include "base/rng.h"
#include "base/slab.h"
#include "unit/unit.h"

#include <stdalign.h>
#include <stdbool.h>

struct object {
	uint64_t a, b, c;
};

static void test_limit_and_reuse(void **state)
{
	struct slab *slab = slab_new(sizeof(struct object), 3);
	struct object *objects[3];
	(void)state;
	for (int i = 0; i < 3; i++) {
		objects[i] = slab_get(slab);
		assert_non_null(objects[i]);
		assert_int_equal((uintptr_t)objects[i] % alignof(max_align_t), 0);
	}
	assert_null(slab_get(slab));
	assert_int_equal(slab_count(slab), 3);
	assert_int_equal(slab_limit(slab), 3);
	objects[1]->a = 99;
	slab_put(slab, objects[1]);
	struct object *again = slab_get(slab);
	assert_ptr_equal(again, objects[1]);
	assert_int_equal(again->a, 0); // zeroed
	slab_free(slab);
}

static void test_handles(void **state)
{
	struct slab *slab = slab_new(1, 10);
	(void)state;
	uint8_t *object = slab_get(slab);
	struct slab_handle handle = slab_handle_of(slab, object);
	assert_ptr_equal(slab_lookup(slab, handle), object);
	slab_put(slab, object);
	assert_null(slab_lookup(slab, handle));
	// The generation of the free slot itself names nothing.
	struct slab_handle forged = { handle.index, handle.generation + 1 };
	assert_null(slab_lookup(slab, forged));
	assert_null(slab_lookup(slab, (struct slab_handle){ 0, 0 }));
	assert_null(slab_lookup(slab, (struct slab_handle){ 9, 0 }));
	assert_null(slab_lookup(slab, (struct slab_handle){ UINT32_MAX, 1 }));
	uint8_t *next = slab_get(slab);
	assert_ptr_equal(next, object);
	assert_null(slab_lookup(slab, handle));
	assert_true(slab_handle_of(slab, next).generation != handle.generation);
	slab_free(slab);
}

static void test_oldest_freed_slot_first(void **state)
{
	struct slab *slab = slab_new(sizeof(struct object), 100);
	(void)state;
	void *a = slab_get(slab), *b = slab_get(slab);
	slab_put(slab, b);
	slab_put(slab, a);
	assert_ptr_equal(slab_get(slab), b);
	assert_ptr_equal(slab_get(slab), a);
	slab_free(slab);
}

#define MODEL_SIZE 1500u

// Against an array of what should live, over several chunks.
static void test_random_against_model(void **state)
{
	struct slab *slab = slab_new(sizeof(struct object), MODEL_SIZE);
	static struct object *live[MODEL_SIZE];
	uint32_t count = 0;
	struct rng rng;
	(void)state;
	rng_init(&rng, 3);
	for (uint64_t step = 0; step < 100000; step++) {
		bool is_get = rng_below(&rng, 100) < (step % 20000 < 10000 ? 60 : 40);
		if (is_get) {
			struct object *object = slab_get(slab);
			assert_int_equal(object == NULL, count == MODEL_SIZE);
			if (!object)
				continue;
			*object = (struct object){ step, ~step, (uintptr_t)object };
			live[count++] = object;
		} else if (count > 0) {
			uint32_t at = rng_below(&rng, count);
			assert_int_equal(live[at]->a, ~live[at]->b);
			assert_int_equal(live[at]->c, (uintptr_t)live[at]);
			slab_put(slab, live[at]);
			live[at] = live[--count];
		}
		assert_int_equal(slab_count(slab), count);
	}
	uint32_t cursor = 0, seen = 0;
	struct object *object;
	while ((object = slab_next(slab, &cursor)) != NULL) {
		assert_int_equal(object->c, (uintptr_t)object);
		seen++;
	}
	assert_int_equal(seen, count);
	slab_free(slab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit_and_reuse),
		cmocka_unit_test(test_handles),
		cmocka_unit_test(test_oldest_freed_slot_first),
		cmocka_unit_test(test_random_against_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
