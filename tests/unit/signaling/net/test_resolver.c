// The resolver against a name server on loopback that is told how to behave. Time runs as it does,
// but may be set forward for what lives by TTL.
#include "dns_packet.h"
#include "unit/unit.h"

#include "base/clock.h"
#include "net/resolver.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define TTL_MIN_MS  2000u
#define DEADLINE_MS 1500u
#define TIMEOUT_MS  200u

enum behaviour {
	HONEST,
	SILENT,
	FAILING,      // SERVFAIL
	MALFORMED,    // an answer whose address has three bytes
	LIAR,         // wrong identifiers, another question and no bytes at all, then the truth
	SILENT_AAAA,
};

struct bed {
	int fd;
	enum behaviour behaviour;
	uint32_t ttl_s;
	uint8_t last_byte;    // of the addresses
	uint32_t questions;   // heard
	char log[1024];       // "TYPE name,"
	struct resolver *resolver;
	struct net_metrics metrics;
	struct rng rng;
	uint64_t skew_ms;
	uint32_t answers;
	struct resolver_answer answer; // the last one
};

static struct bed bed;

static uint64_t now(void)
{
	return clock_mono_ms() + bed.skew_ms;
}

// The server -------------------------------------------------------------------------------------

static void make_records(struct dns_packet *p, const char *name, uint32_t type)
{
	uint32_t before = p->len;

	if (type == DNS_TYPE_NAPTR && strcmp(name, "naptr.test") == 0) {
		packet_naptr(p, "@12", bed.ttl_s, "SIP+D2U", "_sip._udp.naptr.test");
	} else if (type == DNS_TYPE_SRV && strcmp(name, "_sip._udp.naptr.test") == 0) {
		packet_srv(p, "@12", bed.ttl_s, 5070, "host.naptr.test");
	} else if (type == DNS_TYPE_A && !strstr(name, "nowhere")) {
		packet_a(p, "@12", bed.ttl_s, 0xc0000200 + bed.last_byte);
		if (bed.behaviour == MALFORMED) {
			p->bytes[p->len - 5] = 3;
			p->len--;
		}
	}
	p->bytes[7] = p->len > before;
}

static void respond(struct dns_packet *p, const struct sockaddr_in *to)
{
	if (bed.behaviour == LIAR) {
		struct dns_packet lie = *p;

		sendto(bed.fd, NULL, 0, 0, (const void *)to, sizeof(*to));
		lie.bytes[lie.len - 1] = 66; // the last byte of its address
		lie.bytes[0] ^= 1;
		sendto(bed.fd, lie.bytes, lie.len, 0, (const void *)to, sizeof(*to));
		lie.bytes[0] ^= 1;
		lie.bytes[13] ^= 1; // another name
		sendto(bed.fd, lie.bytes, lie.len, 0, (const void *)to, sizeof(*to));
		sendto(bed.fd, lie.bytes, 5, 0, (const void *)to, sizeof(*to));
	}
	sendto(bed.fd, p->bytes, p->len, 0, (const void *)to, sizeof(*to));
}

static void read_question(const uint8_t *bytes, char *name, uint32_t *type)
{
	uint32_t at = 12, len = 0;

	while (bytes[at]) {
		if (len)
			name[len++] = '.';
		memcpy(name + len, bytes + at + 1, bytes[at]);
		len += bytes[at];
		at += bytes[at] + 1u;
	}
	name[len] = 0;
	*type = (uint32_t)bytes[at + 1] << 8 | bytes[at + 2];
}

static void serve(void)
{
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	uint8_t bytes[1024];
	struct dns_packet p;
	char name[256];
	uint32_t type;

	while (recvfrom(bed.fd, bytes, sizeof(bytes), MSG_DONTWAIT, (void *)&from, &from_len) >
		12) {
		size_t len = strlen(bed.log);

		read_question(bytes, name, &type);
		bed.questions++;
		snprintf(bed.log + len, sizeof(bed.log) - len, "%u %s,", type, name);
		if (bed.behaviour == SILENT ||
			(bed.behaviour == SILENT_AAAA && type == DNS_TYPE_AAAA))
			continue;
		packet_begin(&p, name, type, 0);
		p.bytes[0] = bytes[0];
		p.bytes[1] = bytes[1];
		if (bed.behaviour == FAILING)
			p.bytes[3] |= 2;
		else
			make_records(&p, name, type);
		respond(&p, &from);
	}
}

// The bed ----------------------------------------------------------------------------------------

static void ask(const char *host, uint64_t ticket)
{
	struct resolver_ask asked = { .ticket = ticket, .place = { .host = span_str(host) },
		.ability = { .v4 = 1u << SIP_TRANSPORT_UDP } };

	if (bed.behaviour == SILENT_AAAA)
		asked.ability.v6 = asked.ability.v4;
	assert_true(resolver_ask(bed.resolver, &asked, now()));
}

static void take(void)
{
	while (resolver_take(bed.resolver, &bed.answer))
		bed.answers++;
}

// Until that many answers came in all. Returns how long it took.
static uint64_t wait_answers(uint32_t count)
{
	uint64_t start_ms = clock_mono_ms();

	take();
	while (bed.answers < count && clock_mono_ms() < start_ms + 8000) {
		struct pollfd fds[2] = { { .fd = bed.fd, .events = POLLIN },
			{ .fd = resolver_fd(bed.resolver), .events = POLLIN } };

		poll(fds, 2, 10);
		serve();
		resolver_run(bed.resolver, now());
		take();
	}
	assert_int_equal(bed.answers, count);
	return clock_mono_ms() - start_ms;
}

static void expect_target(const char *wanted)
{
	char text[ADDR_TEXT_MAX] = "";

	if (bed.answer.count > 0)
		addr_format(&bed.answer.targets[0].addr, text);
	assert_string_equal(text, wanted);
}

static uint64_t count_of(const _Atomic uint64_t *metric)
{
	return metric_read(metric);
}

static int open_bed(void **state)
{
	struct sockaddr_in own = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(own);
	struct resolver_options options = { .server_count = 1, .timeout_ms = TIMEOUT_MS,
		.tries = 2, .deadline_ms = DEADLINE_MS, .cache_max = 64,
		.ttl_min_ms = TTL_MIN_MS, .ttl_max_ms = 60000, .asks_max = 1000 };

	(void)state;
	bed = (struct bed){ .ttl_s = 10, .last_byte = 1 };
	bed.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK(bind(bed.fd, (void *)&own, sizeof(own)) == 0);
	CHECK(getsockname(bed.fd, (void *)&own, &len) == 0);
	CHECK(addr_from_sockaddr((void *)&own, &options.servers[0]) == 0);
	rng_init(&bed.rng, 5);
	return resolver_open(&options, &bed.rng, &bed.metrics, &bed.resolver);
}

static int close_bed(void **state)
{
	(void)state;
	resolver_close(bed.resolver);
	close(bed.fd);
	return 0;
}

// The tests --------------------------------------------------------------------------------------

static void from_naptr_to_address(void **state)
{
	(void)state;
	ask("NAPTR.test", 7);
	wait_answers(1);
	assert_int_equal(bed.answer.ticket, 7);
	assert_int_equal(bed.answer.count, 1);
	assert_int_equal(bed.answer.targets[0].transport, SIP_TRANSPORT_UDP);
	expect_target("192.0.2.1:5070");
	assert_string_equal(bed.log, "35 naptr.test,33 _sip._udp.naptr.test,1 host.naptr.test,");
	// A name without anything, and one that is none.
	ask("nowhere.test", 8);
	ask("a..test", 9);
	wait_answers(3);
	assert_int_equal(bed.answer.count, 0);
}

static void equal_questions_once(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 500; i++)
		ask(i % 2 ? "naptr.test" : "host.naptr.test", i);
	wait_answers(500);
	assert_int_equal(bed.questions, 5);
	assert_int_equal(count_of(&bed.metrics.dns_asked), 5);
	assert_int_equal(count_of(&bed.metrics.dns_places), 500);
}

static void lives_by_ttl(void **state)
{
	(void)state;
	ask("host.test", 1);
	wait_answers(1);
	expect_target("192.0.2.1:5060");
	uint32_t questions = bed.questions;
	bed.last_byte = 2;
	bed.skew_ms = TTL_MIN_MS - 500;
	ask("host.test", 2);
	assert_true(resolver_has_answer(bed.resolver)); // at once
	wait_answers(2);
	assert_int_equal(bed.questions, questions);
	// That there is neither NAPTR nor SRV is asked again, the address is known for 10 s.
	bed.skew_ms = 9000;
	ask("host.test", 3);
	wait_answers(3);
	assert_int_equal(bed.questions, questions + 3 - 1);
	expect_target("192.0.2.1:5060");
	bed.skew_ms = 11500;
	ask("host.test", 4);
	wait_answers(4);
	expect_target("192.0.2.2:5060");
}

// Not shorter than ttl_min, not longer than ttl_max, whatever the zone says.
static void ttl_has_bounds(void **state)
{
	static const struct {
		uint32_t ttl_s;
		uint64_t fresh_ms, old_ms;
	} rows[] = {
		{ 0, TTL_MIN_MS - 500, TTL_MIN_MS + 100 },
		{ 0x7fffffff, 59000, 60100 },
	};
	(void)state;
	for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
		const char *host = i == 0 ? "short.test" : "long.test";
		uint64_t start_ms = bed.skew_ms;

		bed.ttl_s = rows[i].ttl_s;
		ask(host, 1);
		wait_answers(3 * i + 1);
		bed.skew_ms = start_ms + rows[i].fresh_ms;
		bed.last_byte++;
		struct ip before = bed.answer.targets[0].addr.ip;
		ask(host, 2);
		wait_answers(3 * i + 2);
		assert_true(ip_eq(&before, &bed.answer.targets[0].addr.ip));
		bed.skew_ms = start_ms + rows[i].old_ms;
		ask(host, 3);
		wait_answers(3 * i + 3);
		assert_false(ip_eq(&before, &bed.answer.targets[0].addr.ip));
	}
}

static void silent_server(void **state)
{
	(void)state;
	bed.behaviour = SILENT;
	ask("host.test", 1);
	uint64_t took_ms = wait_answers(1);
	assert_in_range(took_ms, TIMEOUT_MS, DEADLINE_MS + 500);
	assert_int_equal(bed.answer.count, 0);
	assert_int_equal(count_of(&bed.metrics.dns_late), 1);
}

// Who failed is not asked again for a while.
static void failures_are_kept(void **state)
{
	(void)state;
	bed.behaviour = FAILING;
	ask("host.test", 1);
	wait_answers(1);
	assert_int_equal(bed.answer.count, 0);
	assert_true(count_of(&bed.metrics.dns_failed) >= 3);
	uint32_t questions = bed.questions;
	ask("host.test", 2);
	assert_true(resolver_has_answer(bed.resolver));
	wait_answers(2);
	assert_int_equal(bed.questions, questions);
	bed.behaviour = HONEST;
	bed.skew_ms += TTL_MIN_MS;
	ask("host.test", 3);
	wait_answers(3);
	expect_target("192.0.2.1:5060");
}

static void old_address_stands_in(void **state)
{
	(void)state;
	ask("host.test", 1);
	wait_answers(1);
	bed.behaviour = FAILING;
	bed.skew_ms = 20000;
	ask("host.test", 2);
	wait_answers(2);
	expect_target("192.0.2.1:5060");
	assert_true(count_of(&bed.metrics.dns_stale) >= 1);
	bed.skew_ms = 3590 * 1000;
	ask("host.test", 3);
	wait_answers(3);
	expect_target("192.0.2.1:5060");
	// Not for more than an hour behind its time, however long it may live otherwise.
	bed.skew_ms = (3600 + 10 + 1) * 1000;
	ask("host.test", 4);
	wait_answers(4);
	assert_int_equal(bed.answer.count, 0);
}

static void malformed_is_no_answer(void **state)
{
	(void)state;
	bed.behaviour = MALFORMED;
	ask("host.test", 1);
	wait_answers(1);
	assert_int_equal(bed.answer.count, 0);
	assert_int_equal(count_of(&bed.metrics.dns_malformed), 1);
}

static void lies_are_not_heard(void **state)
{
	(void)state;
	bed.behaviour = LIAR;
	ask("host.test", 1);
	wait_answers(1);
	expect_target("192.0.2.1:5060");
}

// Some servers never answer for AAAA: the other family is used when the time is over.
static void one_family_is_enough(void **state)
{
	(void)state;
	bed.behaviour = SILENT_AAAA;
	ask("host.test", 1);
	uint64_t took_ms = wait_answers(1);
	assert_in_range(took_ms, TIMEOUT_MS, DEADLINE_MS + 500);
	expect_target("192.0.2.1:5060");
}

static void cache_is_bounded(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 300; i++) {
		char host[32];

		snprintf(host, sizeof(host), "h%u.test", i);
		ask(host, i);
		wait_answers(i + 1);
		expect_target("192.0.2.1:5060");
	}
	// 300 names of three sets each.
	assert_in_range(count_of(&bed.metrics.dns_evicted), 900 - 64 - 48, 900);
}

static void too_many_places(void **state)
{
	struct resolver_ask asked = { .place = { .host = SPAN_LIT("host.test") },
		.ability = { .v4 = 1u << SIP_TRANSPORT_UDP } };

	(void)state;
	bed.behaviour = SILENT;
	for (uint32_t i = 0; i < 1000; i++)
		assert_true(resolver_ask(bed.resolver, &asked, now()));
	assert_false(resolver_ask(bed.resolver, &asked, now()));
	assert_int_equal(count_of(&bed.metrics.dns_full), 1);
	// Closing with all of them under way is close_bed()'s test.
}

static void several_servers(void **state)
{
	struct resolver_options options = { .server_count = 2, .timeout_ms = TIMEOUT_MS,
		.tries = 1, .deadline_ms = DEADLINE_MS, .cache_max = 64,
		.ttl_min_ms = TTL_MIN_MS, .ttl_max_ms = 60000, .asks_max = 10 };
	struct sockaddr_in own;
	socklen_t len = sizeof(own);

	(void)state;
	resolver_close(bed.resolver);
	// Nobody listens at the first one.
	CHECK(addr_parse(SPAN_LIT("[::1]:9"), 0, &options.servers[0]) == 0);
	CHECK(getsockname(bed.fd, (void *)&own, &len) == 0);
	CHECK(addr_from_sockaddr((void *)&own, &options.servers[1]) == 0);
	CHECK(resolver_open(&options, &bed.rng, &bed.metrics, &bed.resolver) == 0);
	ask("naptr.test", 1);
	wait_answers(1);
	expect_target("192.0.2.1:5070");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bed, close_bed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(from_naptr_to_address), TEST(equal_questions_once), TEST(lives_by_ttl),
		TEST(ttl_has_bounds), TEST(silent_server), TEST(failures_are_kept),
		TEST(old_address_stands_in), TEST(malformed_is_no_answer),
		TEST(lies_are_not_heard), TEST(one_family_is_enough), TEST(cache_is_bounded),
		TEST(too_many_places), TEST(several_servers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
