// A neighbour and a route as Linux 6.18 sent them (recorded with recv(2) on a subscribed socket),
// further messages built here attribute by attribute, and damaged ones.
#include "neigh_message.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct built {
	_Alignas(8) char bytes[512];
	uint32_t len;
};

static struct nlmsghdr *begin(struct built *out, uint16_t type, const void *body, uint32_t bytes)
{
	struct nlmsghdr *header = (void *)out->bytes;

	memset(out, 0, sizeof(*out));
	header->nlmsg_type = type;
	memcpy(out->bytes + NLMSG_HDRLEN, body, bytes);
	out->len = NLMSG_HDRLEN + NLMSG_ALIGN(bytes);
	header->nlmsg_len = out->len;
	return header;
}

// Without a message around it: the attributes of a nest.
static void put(struct built *out, uint16_t type, const void *data, uint32_t bytes)
{
	struct rtattr *attribute = (void *)(out->bytes + out->len);

	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(bytes);
	memcpy(RTA_DATA(attribute), data, bytes);
	out->len += RTA_ALIGN(attribute->rta_len);
}

static void add(struct built *out, uint16_t type, const void *data, uint32_t bytes)
{
	put(out, type, data, bytes);
	((struct nlmsghdr *)(void *)out->bytes)->nlmsg_len = out->len;
}

static int parse(struct built *in, struct neigh_message *out)
{
	return neigh_message_parse((void *)in->bytes, in->len, out);
}

static struct ip ip_of(const char *text)
{
	struct ip ip;

	assert_int_equal(ip_parse((struct span){ text, (uint32_t)strlen(text) }, &ip), 0);
	return ip;
}

// ip neigh replace 10.9.0.2 lladdr 26:6c:9e:b7:9a:60 dev near nud reachable; `near` is interface 3.
static const uint8_t recorded_neighbour[] = {
	0x4c, 0x00, 0x00, 0x00, 0x1c, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0xda, 0x78, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00,
	0x02, 0x00, 0x00, 0x01, 0x08, 0x00, 0x01, 0x00, 0x0a, 0x09, 0x00, 0x02,
	0x0a, 0x00, 0x02, 0x00, 0x26, 0x6c, 0x9e, 0xb7, 0x9a, 0x60, 0x00, 0x00,
	0x08, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x03, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x02, 0x00, 0x00, 0x00,
};

// ip route add 192.0.2.0/24 via 10.9.0.2 metric 100
static const uint8_t recorded_route[] = {
	0x44, 0x00, 0x00, 0x00, 0x18, 0x00, 0x00, 0x06, 0x10, 0x60, 0x03, 0x6b,
	0xdc, 0x78, 0x00, 0x00, 0x02, 0x18, 0x00, 0x00, 0xfe, 0x03, 0x00, 0x01,
	0x00, 0x00, 0x00, 0x00, 0x08, 0x00, 0x0f, 0x00, 0xfe, 0x00, 0x00, 0x00,
	0x08, 0x00, 0x01, 0x00, 0xc0, 0x00, 0x02, 0x00, 0x08, 0x00, 0x06, 0x00,
	0x64, 0x00, 0x00, 0x00, 0x08, 0x00, 0x05, 0x00, 0x0a, 0x09, 0x00, 0x02,
	0x08, 0x00, 0x04, 0x00, 0x03, 0x00, 0x00, 0x00,
};

static void test_recorded_route(void **state)
{
	_Alignas(8) uint8_t bytes[sizeof(recorded_route)];
	struct neigh_message message;
	struct ip gateway = ip_of("10.9.0.2"), prefix = ip_of("192.0.2.0");

	(void)state;
	memcpy(bytes, recorded_route, sizeof(bytes));
	assert_int_equal(neigh_message_parse((void *)bytes, sizeof(bytes), &message), 0);
	assert_int_equal(message.kind, NEIGH_ROUTE);
	assert_false(message.is_removed);
	assert_true(message.route.is_unicast);
	assert_int_equal(message.route.table, RT_TABLE_MAIN);
	assert_int_equal(message.route.metric, 100);
	assert_int_equal(message.route.prefix.bits, 120);
	assert_true(ip_eq(&message.route.prefix.ip, &prefix));
	assert_int_equal(message.route.hop_count, 1);
	assert_int_equal(message.route.hops[0].ifindex, 3);
	assert_true(ip_eq(&message.route.hops[0].gateway, &gateway));
}

static void test_neighbour(void **state)
{
	_Alignas(8) uint8_t bytes[sizeof(recorded_neighbour)];
	struct neigh_message message;
	struct ip expected = ip_of("10.9.0.2");

	(void)state;
	memcpy(bytes, recorded_neighbour, sizeof(bytes));
	assert_int_equal(neigh_message_parse((void *)bytes, sizeof(bytes), &message), 0);
	assert_int_equal(message.kind, NEIGH_NEIGHBOUR);
	assert_false(message.is_removed);
	assert_int_equal(message.entry.ifindex, 3);
	assert_int_equal(message.entry.state, NUD_REACHABLE);
	assert_true(message.entry.has_mac);
	assert_memory_equal(message.entry.mac, "\x26\x6c\x9e\xb7\x9a\x60", 6);
	assert_true(ip_eq(&message.entry.ip, &expected));
}

static void test_link_vlan(void **state)
{
	struct ifinfomsg body = { .ifi_index = 9, .ifi_flags = IFF_UP | IFF_RUNNING };
	struct built data, info, in;
	struct neigh_message message;
	uint16_t vlan = 120;
	uint32_t parent = 3, mtu = 1496;

	(void)state;
	memset(&data, 0, sizeof(data));
	put(&data, IFLA_VLAN_ID, &vlan, sizeof(vlan));
	memset(&info, 0, sizeof(info));
	put(&info, IFLA_INFO_KIND, "vlan", 5);
	put(&info, IFLA_INFO_DATA, data.bytes, data.len);
	begin(&in, RTM_NEWLINK, &body, sizeof(body));
	add(&in, IFLA_IFNAME, "core.120", 9);
	add(&in, IFLA_ADDRESS, "\x02\x00\x00\x00\x00\x09", 6);
	add(&in, IFLA_MTU, &mtu, sizeof(mtu));
	add(&in, IFLA_LINK, &parent, sizeof(parent));
	add(&in, IFLA_LINKINFO, info.bytes, info.len);
	assert_int_equal(parse(&in, &message), 0);
	assert_int_equal(message.kind, NEIGH_LINK);
	assert_string_equal(message.link.name, "core.120");
	assert_int_equal(message.link.parent, 3);
	assert_int_equal(message.link.vlan, 120);
	assert_int_equal(message.link.mtu, 1496);
	assert_true(message.link.is_up);
	assert_true(message.link.has_mac);
}

static void test_routes(void **state)
{
	struct rtmsg body = { .rtm_family = AF_INET, .rtm_dst_len = 24, .rtm_table = RT_TABLE_MAIN,
		.rtm_type = RTN_UNICAST };
	struct built in;
	struct neigh_message message;
	struct ip gateway = ip_of("10.9.0.254"), prefix = ip_of("192.0.2.0");
	uint32_t oif = 7, metric = 100;

	(void)state;
	begin(&in, RTM_NEWROUTE, &body, sizeof(body));
	add(&in, RTA_DST, "\xc0\x00\x02\x00", 4);
	add(&in, RTA_GATEWAY, "\x0a\x09\x00\xfe", 4);
	add(&in, RTA_OIF, &oif, sizeof(oif));
	add(&in, RTA_PRIORITY, &metric, sizeof(metric));
	assert_int_equal(parse(&in, &message), 0);
	assert_int_equal(message.kind, NEIGH_ROUTE);
	assert_int_equal(message.route.prefix.bits, 120);
	assert_true(ip_eq(&message.route.prefix.ip, &prefix));
	assert_int_equal(message.route.hop_count, 1);
	assert_int_equal(message.route.hops[0].ifindex, 7);
	assert_true(ip_eq(&message.route.hops[0].gateway, &gateway));
	assert_int_equal(message.route.metric, 100);
	assert_true(message.route.is_unicast);

	body.rtm_dst_len = 33;
	begin(&in, RTM_NEWROUTE, &body, sizeof(body));
	assert_int_equal(parse(&in, &message), -EINVAL);
	body.rtm_dst_len = 0;
	body.rtm_type = RTN_BLACKHOLE;
	begin(&in, RTM_DELROUTE, &body, sizeof(body));
	assert_int_equal(parse(&in, &message), 0);
	assert_false(message.route.is_unicast);
	assert_true(message.is_removed);
	assert_int_equal(message.route.prefix.bits, 96);
}

static void test_multipath_is_bounded(void **state)
{
	struct rtmsg body = { .rtm_family = AF_INET6, .rtm_type = RTN_UNICAST };
	struct rtnexthop hops[NEIGH_HOPS_MAX + 2];
	struct built in;
	struct neigh_message message;

	(void)state;
	for (uint32_t i = 0; i < NEIGH_HOPS_MAX + 2; i++)
		hops[i] = (struct rtnexthop){ .rtnh_len = sizeof(hops[0]),
			.rtnh_ifindex = (int)i + 1 };
	begin(&in, RTM_NEWROUTE, &body, sizeof(body));
	add(&in, RTA_MULTIPATH, hops, sizeof(hops));
	assert_int_equal(parse(&in, &message), 0);
	assert_int_equal(message.route.hop_count, NEIGH_HOPS_MAX);
	assert_int_equal(message.route.hops[NEIGH_HOPS_MAX - 1].ifindex, NEIGH_HOPS_MAX);
}

static void test_damaged(void **state)
{
	_Alignas(8) uint8_t bytes[sizeof(recorded_neighbour)];
	struct neigh_message message;

	(void)state;
	for (size_t cut = 0; cut < sizeof(bytes); cut++) {
		memcpy(bytes, recorded_neighbour, sizeof(bytes));
		assert_int_equal(neigh_message_parse((void *)bytes, cut, &message), -EINVAL);
	}
	bytes[28] = 0xff; // the first attribute reaches beyond the end
	assert_int_equal(neigh_message_parse((void *)bytes, sizeof(bytes), &message), -EINVAL);
	bytes[28] = 0x02; // shorter than its own header: must not loop
	assert_int_equal(neigh_message_parse((void *)bytes, sizeof(bytes), &message), -EINVAL);
}

static void test_ask(void **state)
{
	_Alignas(8) char buf[128];
	struct ip v4 = ip_of("10.9.0.2"), v6 = ip_of("fd00::2");
	const struct ndmsg *body = (void *)(buf + NLMSG_HDRLEN);
	struct neigh_message message;
	size_t len = neigh_message_ask(buf, NEIGH_ASK_MANAGE, 7, &v4);

	(void)state;
	assert_int_equal(len, 16 + 12 + 8 + 8);
	assert_int_equal(body->ndm_flags, NTF_USE);
	assert_int_equal(neigh_message_parse((void *)buf, len, &message), 0);
	assert_true(ip_eq(&message.entry.ip, &v4));
	len = neigh_message_ask(buf, NEIGH_ASK_USE, 7, &v6);
	assert_int_equal(len, 16 + 12 + 20);
	assert_int_equal(body->ndm_family, AF_INET6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_neighbour), cmocka_unit_test(test_recorded_route),
		cmocka_unit_test(test_link_vlan),
		cmocka_unit_test(test_routes), cmocka_unit_test(test_multipath_is_bounded),
		cmocka_unit_test(test_damaged), cmocka_unit_test(test_ask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
