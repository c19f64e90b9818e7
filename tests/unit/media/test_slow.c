// test_slow.c - the thread: takes what a lane hands up, follows the files, stops.
#include "base/clock.h"
#include "slow.h"
#include "unit/unit.h"

#include <time.h>

static struct shm_map signaling, media;
static struct lane_attachment attachment;
static struct flow_writer *writer;

static int set_up(void **state)
{
	struct shm_geometry geometry = { .addresses = 1, .flows = 1024, .workers = 1, .lanes = 2,
		.keys = 256 };
	struct flow_writer_params params = { .signaling = &signaling, .media = &media,
		.workers = 1, .quarantine_ms = 1000, .orphan_timeout_ms = 5000 };
	(void)state;
	if (shm_anonymous(&geometry, &signaling, &media))
		return -1;
	shm_addresses(&signaling)[0] = (struct shm_address){ .ip = ip_from_v4(0xc6336401),
		.port_min = 10240, .port_max = 10751 };
	atomic_store(shm_address_count(&signaling), 1);
	attachment = (struct lane_attachment){ .signaling = &signaling, .media = &media };
	flow_view_init(&attachment.view, &signaling);
	writer = flow_writer_new(&params, 1000);
	return writer ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	flow_writer_free(writer);
	shm_close(&signaling);
	shm_close(&media);
	return 0;
}

static void publish_leg(struct flow_pair *pair)
{
	struct flow_secure secure;
	struct flow_cfg cfg = { .kind = FLOW_RTP, .probation_packets = 1 };

	memset(&secure, 0, sizeof(secure));
	secure.ice = FLOW_ICE_LITE;
	secure.components = 1;
	secure.mtu = 1200;
	secure.own_ufrag_bytes = 8;
	secure.own_pwd_bytes = 24;
	memset(secure.own_ufrag, 'u', 8);
	memset(secure.own_pwd, 'p', 24);
	assert_int_equal(flow_pair_reserve(writer, 0, -1, pair), 0);
	assert_int_equal(flow_pair_set_secure(writer, pair, &secure), 0);
	assert_int_equal(flow_publish(writer, pair, 0, &cfg), 0);
	assert_int_equal(flow_publish(writer, pair, 1, &cfg), 0);
}

static bool is_answered(const struct flow_pair *pair)
{
	struct timespec pause = { .tv_nsec = 1000000 };
	struct flow_secure_result result;

	for (uint32_t i = 0; i < 5000; i++) {
		if (flow_secure_of(writer, pair, &result))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static void hand_up(struct slow *slow, const struct flow_pair *pair)
{
	struct ring *up = slow_link_of(slow, 1)->up;
	struct slow_arrival *arrival = ring_reserve(up, sizeof(*arrival));

	assert_non_null(arrival);
	*arrival = (struct slow_arrival){ .incarnation = pair->incarnation, .port = pair->port };
	ring_commit(up, sizeof(*arrival));
}

static void test_thread(void **state)
{
	struct slow *slow = slow_new(2);
	struct flow_fingerprint fingerprint;
	struct flow_pair first, second;
	(void)state;
	assert_non_null(slow);
	assert_ptr_not_equal(slow_link_of(slow, 0)->up, slow_link_of(slow, 1)->up);
	publish_leg(&first);
	assert_int_equal(slow_start(slow), 0);
	slow_attach(slow, &attachment);
	assert_int_equal(shm_identity_read(shm_identity_of(&media), &fingerprint), 1);
	assert_int_equal(fingerprint.hash, DTLS_HASH_SHA256);
	assert_true(is_answered(&first)); // found by the sweep
	publish_leg(&second);
	hand_up(slow, &second);
	assert_true(is_answered(&second));
	slow_attach(slow, NULL);
	// Detached: nobody touches the files any more.
	struct flow_pair third;
	publish_leg(&third);
	hand_up(slow, &third);
	struct timespec pause = { .tv_nsec = 30000000 };
	nanosleep(&pause, NULL);
	struct flow_secure_result result;
	assert_false(flow_secure_of(writer, &third, &result));
	slow_attach(slow, &attachment);
	// As it was told before.
	assert_int_equal(shm_identity_read(shm_identity_of(&media), &fingerprint), 1);
	assert_true(is_answered(&third));
	slow_free(slow);
}

static void test_free_without_start(void **state)
{
	(void)state;
	slow_free(slow_new(1));
	slow_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_thread, set_up, tear_down),
		cmocka_unit_test(test_free_without_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
