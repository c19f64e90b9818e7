// Where a server is: tables of RFC 3263 4.1 and 4.2, RFC 2782, RFC 7984, on zones written as text.
#include "sip/locate.h"
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>

#define RECORDS_MAX 32u
#define LOOKUPS_MAX 64u

// One line of a zone. SRV: a = priority, b = weight, port; NAPTR: a = order, b = preference.
struct zone_line {
	const char *name;
	enum sip_record_type type;
	const char *value; // address, target or replacement ("" = ".")
	uint16_t a, b, port;
	const char *flags, *service, *regexp;
};

#define A(name, ip)       { name, SIP_RECORD_A, ip, 0, 0, 0, NULL, NULL, NULL }
#define AAAA(name, ip)    { name, SIP_RECORD_AAAA, ip, 0, 0, 0, NULL, NULL, NULL }
#define SRV(name, priority, weight, port, to)                                                      \
	{ name, SIP_RECORD_SRV, to, priority, weight, port, NULL, NULL, NULL }
#define NAPTR(name, order, preference, flags, service, to)                                         \
	{ name, SIP_RECORD_NAPTR, to, order, preference, 0, flags, service, NULL }

struct zone {
	const struct zone_line *lines;
	const char *missing;     // this name is still being asked for
	uint32_t lookups;
	char log[2048];          // "TYPE name," of each lookup
	struct sip_record records[LOOKUPS_MAX][RECORDS_MAX];
};

static struct zone zone;
static struct rng rng;

static void fill(const struct zone_line *line, struct sip_record *record)
{
	*record = (struct sip_record){ 0 };
	switch (line->type) {
	case SIP_RECORD_A:
	case SIP_RECORD_AAAA:
		assert_int_equal(ip_parse(span_str(line->value), &record->ip), 0);
		return;
	case SIP_RECORD_SRV:
		record->name = span_str(line->value);
		record->srv.priority = line->a;
		record->srv.weight = line->b;
		record->srv.port = line->port;
		return;
	default:
		record->name = span_str(line->value);
		record->naptr.order = line->a;
		record->naptr.preference = line->b;
		record->naptr.flags = span_str(line->flags);
		record->naptr.service = span_str(line->service);
		record->naptr.has_regexp = line->regexp != NULL;
	}
}

static bool lookup(void *context, enum sip_record_type type, struct span name,
	struct sip_records *out)
{
	static const char *const types[] = { "A", "AAAA", "SRV", "NAPTR" };
	struct zone *z = context;
	uint32_t count = 0;
	size_t len = strlen(z->log);

	assert_in_range(z->lookups, 0, LOOKUPS_MAX - 1);
	struct sip_record *records = z->records[z->lookups++];
	snprintf(z->log + len, sizeof(z->log) - len, "%s " SPAN_FMT ",", types[type],
		SPAN_ARG(name));
	if (z->missing && span_eq(name, span_str(z->missing)))
		return false;
	for (const struct zone_line *line = z->lines; line->name; line++)
		if (line->type == type && span_eq(name, span_str(line->name)) &&
			count < RECORDS_MAX)
			fill(line, &records[count++]);
	*out = (struct sip_records){ records, count };
	return true;
}

#define UDP (1u << SIP_TRANSPORT_UDP)
#define TCP (1u << SIP_TRANSPORT_TCP)
#define TLS (1u << SIP_TRANSPORT_TLS)

static int locate(const struct zone_line *lines, const struct sip_ability *ability,
	const char *uri, struct sip_target targets[SIP_TARGETS_MAX])
{
	struct sip_locator locator = { .ability = *ability, .rng = &rng, .lookup = lookup,
		.context = &zone };
	struct sip_place place;
	struct sip_uri parsed;

	zone.lines = lines;
	zone.lookups = 0;
	zone.log[0] = 0;
	assert_int_equal(sip_uri_parse(span_str(uri), &parsed), 0);
	assert_int_equal(sip_place_of_uri(&parsed, &place), 0);
	return sip_locate(&locator, &place, targets);
}

// "UDP 192.0.2.1:5060,TCP [2001:db8::1]:5060,"
static const char *show(const struct sip_target *targets, int count)
{
	static char text[1024];
	uint32_t len = 0;

	text[0] = 0;
	for (int i = 0; i < count; i++) {
		char addr[ADDR_TEXT_MAX];
		struct span name = sip_transport_name(targets[i].transport);

		addr_format(&targets[i].addr, addr);
		len += (uint32_t)snprintf(text + len, sizeof(text) - len, SPAN_FMT " %s,",
			SPAN_ARG(name), addr);
	}
	return text;
}

// The zone of RFC 3263 4.1, with addresses: NAPTR, then SRV of the transport that we speak.
static const struct zone_line example[] = {
	NAPTR("example.com", 50, 50, "s", "SIPS+D2T", "_sips._tcp.example.com"),
	NAPTR("example.com", 90, 50, "s", "SIP+D2T", "_sip._tcp.example.com"),
	NAPTR("example.com", 100, 50, "s", "SIP+D2U", "_sip._udp.example.com"),
	SRV("_sips._tcp.example.com", 0, 1, 5061, "server1.example.com"),
	SRV("_sips._tcp.example.com", 1, 2, 5061, "server2.example.com"),
	SRV("_sip._tcp.example.com", 0, 1, 5060, "server1.example.com"),
	SRV("_sip._tcp.example.com", 1, 2, 5060, "server2.example.com"),
	SRV("_sip._udp.example.com", 0, 1, 5080, "server1.example.com"),
	A("server1.example.com", "192.0.2.1"),
	A("server2.example.com", "192.0.2.2"),
	AAAA("server2.example.com", "2001:db8::2"),
	A("example.com", "192.0.2.9"),
	{ 0 },
};

// No NAPTR.
static const struct zone_line only_srv[] = {
	SRV("_sip._udp.a.test", 10, 0, 5070, "h.a.test"),
	SRV("_sip._tcp.a.test", 10, 0, 5071, "h.a.test"),
	A("h.a.test", "192.0.2.7"),
	A("a.test", "192.0.2.8"),
	{ 0 },
};

static const struct zone_line only_address[] = {
	A("b.test", "192.0.2.5"),
	AAAA("b.test", "2001:db8::5"),
	{ 0 },
};

// "." says: not here (RFC 2782).
static const struct zone_line refused[] = {
	SRV("_sip._udp.c.test", 0, 0, 0, ""),
	A("c.test", "192.0.2.6"),
	{ 0 },
};

// What cannot be used: other flags, a regular expression, other services, a higher order.
static const struct zone_line odd_naptr[] = {
	NAPTR("d.test", 10, 1, "a", "SIP+D2U", "h.d.test"),
	NAPTR("d.test", 10, 2, "s", "E2U+sip", "_sip._udp.d.test"),
	{ "d.test", SIP_RECORD_NAPTR, "_sip._udp.d.test", 10, 3, 0, "s", "SIP+D2U", "!.*!x!" },
	NAPTR("d.test", 20, 9, "S", "sip+d2u", "_sip._udp.low.d.test"),
	NAPTR("d.test", 20, 5, "s", "SIP+D2T", "_sip._tcp.low.d.test"),
	NAPTR("d.test", 30, 1, "s", "SIP+D2U", "_sip._udp.high.d.test"),
	SRV("_sip._udp.low.d.test", 0, 0, 5060, "h.d.test"),
	SRV("_sip._tcp.low.d.test", 0, 0, 5060, "h.d.test"),
	SRV("_sip._udp.high.d.test", 0, 0, 9999, "h.d.test"),
	A("h.d.test", "192.0.2.4"),
	{ 0 },
};

static const struct zone_line traps[] = {
	A("e.test", "127.0.0.1"),
	A("e.test", "224.0.0.1"),
	A("e.test", "0.0.0.0"),
	A("e.test", "255.255.255.255"),
	A("e.test", "169.254.1.1"),
	AAAA("e.test", "fe80::1"),
	AAAA("e.test", "::1"),
	A("e.test", "192.0.2.3"),
	{ 0 },
};

static void test_rfc_3263(void **state)
{
	static const struct {
		const struct zone_line *lines;
		uint8_t v4, v6;
		const char *uri, *targets;
	} rows[] = {
		// 4.1 and 4.2 with a name: NAPTR says how, and the most preferred is tried first
		{ example, UDP | TCP | TLS, 0, "sip:example.com",
		  "TLS 192.0.2.1:5061,TLS 192.0.2.2:5061," },
		{ example, UDP | TCP, 0, "sip:example.com",
		  "TCP 192.0.2.1:5060,TCP 192.0.2.2:5060," },
		{ example, UDP, 0, "sip:example.com", "UDP 192.0.2.1:5080," },
		{ example, UDP, 0, "sip:Example.COM.", "UDP 192.0.2.1:5080," },
		{ example, UDP | TCP | TLS, 0, "sips:example.com",
		  "TLS 192.0.2.1:5061,TLS 192.0.2.2:5061," },
		{ example, UDP | TCP, 0, "sips:example.com", "" },
		// a transport: SRV of it
		{ example, UDP | TCP | TLS, 0, "sip:example.com;transport=udp",
		  "UDP 192.0.2.1:5080," },
		{ example, UDP | TCP | TLS, 0, "sips:example.com;transport=tcp",
		  "TLS 192.0.2.1:5061,TLS 192.0.2.2:5061," },
		{ example, UDP | TCP | TLS, 0, "sips:example.com;transport=udp", "" },
		// a port: addresses at once, UDP, or TLS for sips
		{ example, UDP | TCP | TLS, 0, "sip:example.com:5099", "UDP 192.0.2.9:5099," },
		{ example, UDP | TCP | TLS, 0, "sips:example.com:5099", "TLS 192.0.2.9:5099," },
		{ example, TCP | TLS, 0, "sip:example.com:5099", "TCP 192.0.2.9:5099," },
		{ example, UDP | TCP, 0, "sip:example.com:5099;transport=tcp",
		  "TCP 192.0.2.9:5099," },
		// a number: nothing is asked
		{ example, UDP | TCP, 0, "sip:192.0.2.77", "UDP 192.0.2.77:5060," },
		{ example, UDP | TCP | TLS, 0, "sips:192.0.2.77", "TLS 192.0.2.77:5061," },
		{ example, UDP | TCP, 0, "sip:192.0.2.77:99;transport=tcp",
		  "TCP 192.0.2.77:99," },
		{ example, UDP, 0, "sip:192.0.2.77;transport=tcp", "" },
		{ example, UDP, 0, "sip:[2001:db8::77]", "" },
		{ example, UDP, TCP, "sip:[2001:db8::77]", "TCP [2001:db8::77]:5060," },
		{ example, UDP, 0, "sip:example.com;maddr=192.0.2.66", "UDP 192.0.2.66:5060," },
		// no NAPTR: SRV of each transport
		{ only_srv, UDP | TCP, 0, "sip:a.test", "UDP 192.0.2.7:5070,TCP 192.0.2.7:5071," },
		{ only_srv, TCP, 0, "sip:a.test", "TCP 192.0.2.7:5071," },
		{ only_srv, UDP | TLS, 0, "sips:a.test", "TLS 192.0.2.8:5061," },
		{ only_srv, TLS, 0, "sip:a.test", "TLS 192.0.2.8:5061," }, // speaks nothing else
		// no SRV: addresses and the usual port
		{ only_address, UDP, 0, "sip:b.test", "UDP 192.0.2.5:5060," },
		{ only_address, UDP | TLS, 0, "sip:b.test;transport=tls", "TLS 192.0.2.5:5061," },
		{ only_address, 0, UDP, "sip:b.test", "UDP [2001:db8::5]:5060," },
		{ only_address, UDP, 0, "sip:nowhere.test", "" },
		{ refused, UDP, 0, "sip:c.test", "" },
		{ refused, UDP | TCP, 0, "sip:c.test;transport=tcp", "TCP 192.0.2.6:5060," },
		{ odd_naptr, UDP | TCP, 0, "sip:d.test",
		  "TCP 192.0.2.4:5060,UDP 192.0.2.4:5060," },
		{ traps, UDP, UDP, "sip:e.test", "UDP 192.0.2.3:5060," },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sip_ability ability = { .v4 = rows[i].v4, .v6 = rows[i].v6 };
		struct sip_target targets[SIP_TARGETS_MAX];
		int count = locate(rows[i].lines, &ability, rows[i].uri, targets);

		if (strcmp(show(targets, count), rows[i].targets) != 0)
			fail_msg("%s: %s, expected %s", rows[i].uri, show(targets, count),
				rows[i].targets);
	}
}

// RFC 7984: both families, the one first that stands first, all addresses of one host together.
static void test_families(void **state)
{
	static const struct zone_line dual[] = {
		SRV("_sip._udp.f.test", 1, 0, 5060, "one.f.test"),
		SRV("_sip._udp.f.test", 2, 0, 5060, "two.f.test"),
		A("one.f.test", "192.0.2.1"),
		AAAA("one.f.test", "2001:db8::1"),
		A("two.f.test", "192.0.2.2"),
		AAAA("two.f.test", "2001:db8::2"),
		{ 0 },
	};
	struct sip_ability ability = { .v4 = UDP, .v6 = UDP };
	struct sip_target targets[SIP_TARGETS_MAX];

	(void)state;
	int count = locate(dual, &ability, "sip:f.test", targets);
	assert_string_equal(show(targets, count),
		"UDP 192.0.2.1:5060,UDP [2001:db8::1]:5060,UDP 192.0.2.2:5060,"
		"UDP [2001:db8::2]:5060,");
	ability.v6_first = UDP;
	count = locate(dual, &ability, "sip:f.test", targets);
	assert_string_equal(show(targets, count),
		"UDP [2001:db8::1]:5060,UDP 192.0.2.1:5060,UDP [2001:db8::2]:5060,"
		"UDP 192.0.2.2:5060,");
	ability.has_loopback = true;
	count = locate(traps, &ability, "sip:e.test", targets);
	assert_non_null(strstr(show(targets, count), "UDP 127.0.0.1:5060,"));
	assert_null(strstr(show(targets, count), "224."));
}

// What is missing is asked for at once, as far as it is known; the rest when that came.
static void test_waiting(void **state)
{
	struct sip_ability ability = { .v4 = UDP | TCP, .v6 = UDP | TCP };
	struct sip_target targets[SIP_TARGETS_MAX];

	(void)state;
	zone.missing = "a.test";
	assert_int_equal(locate(only_srv, &ability, "sip:a.test", targets), -EAGAIN);
	assert_string_equal(zone.log, "NAPTR a.test,");
	zone.missing = "_sip._udp.a.test";
	assert_int_equal(locate(only_srv, &ability, "sip:a.test", targets), -EAGAIN);
	assert_string_equal(zone.log, "NAPTR a.test,SRV _sip._udp.a.test,SRV _sip._tcp.a.test,"
				      "A h.a.test,AAAA h.a.test,");
	zone.missing = "h.a.test";
	assert_int_equal(locate(only_srv, &ability, "sip:a.test", targets), -EAGAIN);
	zone.missing = NULL;
	assert_int_equal(locate(only_srv, &ability, "sip:a.test", targets), 2);
}

// A zone that leads to ever more names gets no more than so many questions.
static void test_bounds(void **state)
{
	static char names[40][16];
	static struct zone_line lines[41 * 2];
	struct sip_ability ability = { .v4 = UDP, .v6 = UDP };
	struct sip_target targets[SIP_TARGETS_MAX];
	char longest[300] = "sip:";

	(void)state;
	for (uint32_t i = 0; i < 24; i++) {
		snprintf(names[i], sizeof(names[i]), "h%u.g.test", i);
		lines[i] = (struct zone_line)SRV("_sip._udp.g.test", 0, 1, 5060, names[i]);
		lines[24 + i] = (struct zone_line)A(names[i], "192.0.2.1");
	}
	int count = locate(lines, &ability, "sip:g.test", targets);
	assert_int_equal(count, 1); // one address, however often
	assert_in_range(zone.lookups, 20, 48);
	for (uint32_t i = 0; i < 24; i++) {
		static char ips[24][16];

		snprintf(ips[i], sizeof(ips[i]), "192.0.2.%u", i + 1);
		lines[24 + i].value = ips[i];
	}
	assert_int_equal(locate(lines, &ability, "sip:g.test", targets), SIP_TARGETS_MAX);
	memset(longest + 4, 'a', 254);
	for (uint32_t i = 4 + 60; i < 4 + 254; i += 60)
		longest[i] = '.';
	longest[4 + 253] = 0;
	locate(lines, &ability, longest, targets);
	assert_int_equal(zone.lookups, 3); // no room for "_sip._udp." before it
}

// Fractions of the draws of the first place: 60 %, 30 %, 10 %, and the lower priority never.
static void test_weights(void **state)
{
	static const struct zone_line lines[] = {
		SRV("x", 1, 60, 1, "a"),
		SRV("x", 1, 30, 2, "b"),
		SRV("x", 1, 10, 3, "c"),
		SRV("x", 1, 0, 4, "d"),
		SRV("x", 2, 1000, 5, "e"),
	};
	struct sip_record list[COUNT_OF(lines)];
	struct sip_records records = { list, COUNT_OF(lines) };
	uint32_t first[COUNT_OF(lines)] = { 0 };

	(void)state;
	for (uint32_t i = 0; i < COUNT_OF(lines); i++)
		fill(&lines[i], &list[i]);
	for (uint32_t i = 0; i < 20000; i++) {
		uint32_t order[SIP_TARGETS_MAX], seen = 0;

		assert_int_equal(sip_srv_order(&records, &rng, order), COUNT_OF(lines));
		for (uint32_t k = 0; k < COUNT_OF(lines); k++)
			seen |= 1u << order[k];
		assert_int_equal(seen, 0x1f); // each once
		assert_int_equal(order[4], 4);
		first[order[0]]++;
	}
	assert_in_range(first[0], 11400, 12600);
	assert_in_range(first[1], 5500, 6500);
	assert_in_range(first[2], 1700, 2300);
	assert_in_range(first[3], 100, 300); // 1 of 101: seldom, not never
	// All of weight 0: there is nothing to choose, the zone's order stays.
	for (uint32_t i = 0; i < COUNT_OF(lines); i++)
		list[i].srv.priority = list[i].srv.weight = 0;
	uint32_t order[SIP_TARGETS_MAX];
	sip_srv_order(&records, &rng, order);
	for (uint32_t i = 0; i < COUNT_OF(lines); i++)
		assert_int_equal(order[i], i);
}

// Addresses of one name carry the load evenly.
static void test_addresses_shuffled(void **state)
{
	static const struct zone_line lines[] = {
		A("i.test", "192.0.2.1"),
		A("i.test", "192.0.2.2"),
		A("i.test", "192.0.2.3"),
		{ 0 },
	};
	struct sip_ability ability = { .v4 = UDP };
	uint32_t first[4] = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 3000; i++) {
		struct sip_target targets[SIP_TARGETS_MAX];

		assert_int_equal(locate(lines, &ability, "sip:i.test", targets), 3);
		first[targets[0].addr.ip.b[15]]++;
	}
	for (uint32_t i = 1; i < 4; i++)
		assert_in_range(first[i], 900, 1100);
}

static void test_places(void **state)
{
	static const struct {
		const char *uri;
		int err;
	} rows[] = {
		{ "tel:+49", -EINVAL },
		{ "urn:service:sos", -EINVAL },
		{ "sip:a.test;transport=sctp", -EINVAL },
		{ "sip:a.test;maddr=[::", -EINVAL },
		{ "sip:a.test;maddr", -EINVAL },
		{ "sip:a.test;transport=WSS", 0 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sip_place place;
		struct sip_uri uri;

		assert_int_equal(sip_uri_parse(span_str(rows[i].uri), &uri), 0);
		assert_int_equal(sip_place_of_uri(&uri, &place), rows[i].err);
	}
}

static int setup(void **state)
{
	(void)state;
	rng_init(&rng, 7);
	zone = (struct zone){ 0 };
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_rfc_3263, setup),
		cmocka_unit_test_setup(test_families, setup),
		cmocka_unit_test_setup(test_waiting, setup),
		cmocka_unit_test_setup(test_bounds, setup),
		cmocka_unit_test_setup(test_weights, setup),
		cmocka_unit_test_setup(test_addresses_shuffled, setup),
		cmocka_unit_test_setup(test_places, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
