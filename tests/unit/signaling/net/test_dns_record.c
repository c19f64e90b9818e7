// Answers of name servers: what they mean, and what becomes of those that lie.
#include "dns_packet.h"
#include "unit/unit.h"

#include "base/rng.h"

#include <errno.h>

#define NAME "sip.example"

static struct dns_packet p;
static struct dns_answer answer;

static int read_as(enum sip_record_type type)
{
	return dns_read(packet_span(&p), type, SPAN_LIT(NAME), &answer);
}

static void test_addresses(void **state)
{
	struct ip ip = ip_from_v4(0xc0000201);

	(void)state;
	packet_begin(&p, NAME, DNS_TYPE_A, 2);
	packet_a(&p, "@12", 300, 0xc0000201);
	packet_a(&p, "SIP.@16", 60, 0xc0000202); // "example" stands at 16
	assert_int_equal(read_as(SIP_RECORD_A), 0);
	assert_int_equal(answer.count, 2);
	assert_true(ip_eq(&answer.records[0].ip, &ip));
	assert_true(answer.has_ttl);
	assert_int_equal(answer.ttl_s, 60); // the shortest
	packet_begin(&p, NAME, DNS_TYPE_AAAA, 2);
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t at = packet_line(&p, "@12", DNS_TYPE_AAAA, 30);

		packet_u32(&p, i == 0 ? 0x20010db8 : 0);
		packet_u32(&p, 0);
		packet_u32(&p, i == 0 ? 0 : 0xffff); // the second one is mapped IPv4
		packet_u32(&p, 1);
		packet_line_end(&p, at);
	}
	assert_int_equal(read_as(SIP_RECORD_AAAA), 0);
	assert_int_equal(answer.count, 1);
	assert_int_equal(answer.records[0].ip.b[0], 0x20);
}

static void test_srv_and_naptr(void **state)
{
	(void)state;
	packet_begin(&p, NAME, DNS_TYPE_SRV, 2);
	packet_srv(&p, "@12", 120, 5070, "Host.@16");
	packet_srv(&p, "@12", 120, 0, "");
	assert_int_equal(read_as(SIP_RECORD_SRV), 0);
	assert_int_equal(answer.count, 2);
	assert_true(span_eq(answer.records[0].name, SPAN_LIT("host.example")));
	assert_int_equal(answer.records[0].srv.priority, 10);
	assert_int_equal(answer.records[0].srv.weight, 20);
	assert_int_equal(answer.records[0].srv.port, 5070);
	assert_int_equal(answer.records[1].name.len, 0);
	packet_begin(&p, NAME, DNS_TYPE_NAPTR, 1);
	packet_naptr(&p, "@12", 120, "SIP+D2U", "_sip._udp.@12");
	assert_int_equal(read_as(SIP_RECORD_NAPTR), 0);
	assert_int_equal(answer.count, 1);
	assert_true(span_eq(answer.records[0].name, SPAN_LIT("_sip._udp.sip.example")));
	assert_true(span_eq(answer.records[0].naptr.service, SPAN_LIT("SIP+D2U")));
	assert_true(span_eq(answer.records[0].naptr.flags, SPAN_LIT("s")));
	assert_int_equal(answer.records[0].naptr.order, 100);
	assert_int_equal(answer.records[0].naptr.preference, 50);
	assert_false(answer.records[0].naptr.has_regexp);
}

// In whatever order they stand, and no further than to their end.
static void test_cnames(void **state)
{
	char owner[16], target[16];

	(void)state;
	packet_begin(&p, NAME, DNS_TYPE_A, 4);
	packet_a(&p, "b.example", 300, 0xc0000209);
	packet_cname(&p, "a.example", 20, "b.example");
	packet_cname(&p, "@12", 100, "a.example");
	packet_a(&p, "evil.example", 1, 0x01010101); // nobody asked for that
	assert_int_equal(read_as(SIP_RECORD_A), 0);
	assert_int_equal(answer.count, 1);
	assert_int_equal(answer.records[0].ip.b[15], 9);
	assert_int_equal(answer.ttl_s, 20);
	packet_begin(&p, NAME, DNS_TYPE_A, 2);
	packet_cname(&p, "@12", 100, "a.example");
	packet_cname(&p, "a.example", 100, NAME);
	assert_int_equal(read_as(SIP_RECORD_A), -ELOOP);
	for (uint32_t links = 8; links <= 9; links++) {
		packet_begin(&p, NAME, DNS_TYPE_A, links + 1);
		for (uint32_t i = 0; i < links; i++) {
			snprintf(owner, sizeof(owner), "c%u", i);
			snprintf(target, sizeof(target), "c%u", i + 1);
			packet_cname(&p, i == 0 ? "@12" : owner, 100, target);
		}
		packet_a(&p, target, 100, 0xc0000201);
		assert_int_equal(read_as(SIP_RECORD_A), links == 8 ? 0 : -ELOOP);
	}
}

// RFC 2308 5: the smaller of the SOA's TTL and its minimum, of a zone that the name is in.
static void test_nothing(void **state)
{
	static const struct {
		const char *zone;
		uint32_t ttl_s, minimum_s, rcode;
		bool has_ttl;
		uint32_t wanted;
	} rows[] = {
		{ "example", 900, 60, 3, true, 60 },
		{ "@16", 30, 60, 0, true, 30 },
		{ "", 900, 86400, 3, true, 900 },
		{ "xample", 900, 60, 3, false, 0 },
		{ "other.example", 900, 60, 3, false, 0 },
		{ "example", 0x80000001, 60, 3, true, 0 }, // RFC 2181 8
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		packet_begin(&p, NAME, DNS_TYPE_SRV, 0);
		p.bytes[3] |= (uint8_t)rows[i].rcode;
		p.bytes[9] = 1;
		packet_soa(&p, rows[i].zone, rows[i].ttl_s, rows[i].minimum_s);
		assert_int_equal(read_as(SIP_RECORD_SRV), 0);
		assert_int_equal(answer.count, 0);
		assert_int_equal(answer.has_ttl, rows[i].has_ttl);
		assert_int_equal(answer.ttl_s, rows[i].wanted);
	}
}

static void test_not_ours(void **state)
{
	static const struct {
		uint32_t at;
		uint8_t byte;
		int err;
	} rows[] = {
		{ 2, 0x01, -EINVAL },     // a question
		{ 2, 0xa9, -EINVAL },     // another opcode
		{ 3, 0x82, -EREMOTEIO },  // SERVFAIL
		{ 3, 0x85, -EREMOTEIO },  // REFUSED
		{ 5, 0, -EINVAL },        // no question in it
		{ 5, 2, -EINVAL },
		{ 13, 't', -EINVAL },     // another name
		{ 13, 'S', 0 },           // in another case
		{ 13, '\n', -EINVAL },
		{ 26, DNS_TYPE_AAAA, -EINVAL }, // another type
		{ 28, 3, -EINVAL },       // another class
		{ 6, 4, -EINVAL },        // more records than anybody needs
		{ 7, 2, -EINVAL },        // more records than there are
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		packet_begin(&p, NAME, DNS_TYPE_A, 1);
		packet_a(&p, "@12", 1, 0xc0000201);
		p.bytes[rows[i].at] = rows[i].byte;
		if (read_as(SIP_RECORD_A) != rows[i].err)
			fail_msg("row %zu", i);
	}
}

static void test_wrong_data(void **state)
{
	static const char *const pointers[] = { "@29", "@31", "@60", "@16383", "@0", "@2" };
	uint32_t at;

	(void)state;
	// An address of three bytes, one of five, data beyond the packet.
	for (uint32_t len = 3; len <= 5; len += 2) {
		packet_begin(&p, NAME, DNS_TYPE_A, 1);
		at = packet_line(&p, "@12", DNS_TYPE_A, 1);
		for (uint32_t i = 0; i < len; i++)
			packet_u8(&p, 1);
		packet_line_end(&p, at);
		assert_int_equal(read_as(SIP_RECORD_A), -EINVAL);
	}
	packet_begin(&p, NAME, DNS_TYPE_A, 1);
	packet_a(&p, "@12", 1, 0xc0000201);
	p.bytes[p.len - 5] = 200;
	assert_int_equal(read_as(SIP_RECORD_A), -EINVAL);
	// Pointers forwards, to themselves, out of the packet, into the header.
	for (size_t i = 0; i < COUNT_OF(pointers); i++) {
		packet_begin(&p, NAME, DNS_TYPE_A, 1); // the answer begins at 29
		packet_a(&p, pointers[i], 1, 0xc0000201);
		assert_int_equal(read_as(SIP_RECORD_A), -EINVAL);
	}
	// A name that goes round by way of another one.
	packet_begin(&p, NAME, DNS_TYPE_SRV, 2);
	packet_srv(&p, "@12", 1, 1, "x.@49");
	packet_srv(&p, "@47", 1, 1, "y");
	assert_int_equal(read_as(SIP_RECORD_SRV), -EINVAL);
	// Data behind the name of an SRV, and a name that ends behind its data.
	packet_begin(&p, NAME, DNS_TYPE_SRV, 1);
	packet_srv(&p, "@12", 1, 5060, "a.example");
	p.bytes[40] += 1;
	packet_u8(&p, 0);
	assert_int_equal(read_as(SIP_RECORD_SRV), -EINVAL);
	packet_begin(&p, NAME, DNS_TYPE_SRV, 2);
	packet_srv(&p, "@12", 1, 5060, "a.example");
	p.bytes[40] -= 3;
	packet_srv(&p, "@12", 1, 5060, "a.example");
	assert_int_equal(read_as(SIP_RECORD_SRV), -EINVAL);
}

// Names that no host has are not believed, the others of the set are.
static void test_odd_names(void **state)
{
	(void)state;
	packet_begin(&p, NAME, DNS_TYPE_SRV, 4);
	packet_srv(&p, "@12", 1, 5060, "a b.example");
	packet_srv(&p, "@12", 1, 5060, "a;transport=tcp.example");
	packet_srv(&p, "@12", 1, 5060, "a\r\nX-Evil: 1.example");
	packet_srv(&p, "@12", 1, 5060, "good_1-2.example");
	assert_int_equal(read_as(SIP_RECORD_SRV), 0);
	assert_int_equal(answer.count, 1);
	assert_true(span_eq(answer.records[0].name, SPAN_LIT("good_1-2.example")));
}

static void test_many(void **state)
{
	(void)state;
	packet_begin(&p, NAME, DNS_TYPE_A, 100);
	for (uint32_t i = 0; i < 100; i++)
		packet_a(&p, "@12", 100 - i, 0xc0000201 + i);
	assert_int_equal(read_as(SIP_RECORD_A), 0);
	assert_int_equal(answer.count, DNS_RECORDS_MAX);
	// A name of 253 characters is one, a longer one is none.
	char name[260];
	for (uint32_t len = 253; len <= 254; len++) {
		memset(name, 'a', sizeof(name));
		for (uint32_t i = 62; i < len; i += 63)
			name[i] = '.';
		name[len] = 0;
		packet_begin(&p, NAME, DNS_TYPE_SRV, 1);
		packet_srv(&p, "@12", 1, 5060, name);
		assert_int_equal(read_as(SIP_RECORD_SRV), len == 253 ? 0 : -EINVAL);
	}
}

// Every beginning of a good answer is a bad one; flipped bytes do no harm.
static void test_cut_and_flipped(void **state)
{
	struct rng rng;

	(void)state;
	rng_init(&rng, 3);
	packet_begin(&p, NAME, DNS_TYPE_NAPTR, 3);
	packet_cname(&p, "@12", 5, "x.@16");
	packet_naptr(&p, "x.example", 5, "SIP+D2T", "_sip._tcp.@12");
	packet_naptr(&p, "x.example", 5, "SIP+D2U", "_sip._udp.@12");
	assert_int_equal(read_as(SIP_RECORD_NAPTR), 0);
	assert_int_equal(answer.count, 2);
	struct dns_packet whole = p;
	for (p.len = 0; p.len < whole.len; p.len++)
		assert_int_not_equal(read_as(SIP_RECORD_NAPTR), 0);
	for (uint32_t i = 0; i < 20000; i++) {
		p = whole;
		for (uint32_t k = rng_below(&rng, 4); k < 4; k++)
			p.bytes[rng_below(&rng, p.len)] = (uint8_t)rng_u64(&rng);
		int err = read_as(SIP_RECORD_NAPTR);
		assert_true(err == 0 || err == -EINVAL || err == -ELOOP || err == -EREMOTEIO);
		for (uint32_t k = 0; err == 0 && k < answer.count; k++)
			assert_in_range(answer.records[k].name.len, 0, SIP_DOMAIN_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_srv_and_naptr),
		cmocka_unit_test(test_cnames),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_wrong_data),
		cmocka_unit_test(test_odd_names),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_cut_and_flipped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
