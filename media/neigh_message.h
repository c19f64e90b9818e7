// neigh_message.h - one rtnetlink message about links, routes or neighbours, as values.
//
// Pure: reads bytes, owns nothing. The kernel is trusted, its messages are bounds-checked all the
// same.
#pragma once

#include "base/addr.h"

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NEIGH_HOPS_MAX 8 // next hops of a multipath route; more are ignored

enum neigh_kind { NEIGH_OTHER, NEIGH_LINK, NEIGH_ROUTE, NEIGH_NEIGHBOUR };

struct neigh_link {
	uint32_t ifindex;
	uint32_t parent;   // of a VLAN interface, 0 = none
	uint16_t vlan;     // 802.1Q id of a VLAN interface, 0 = not one
	uint32_t mtu;
	bool is_up;        // administratively up and with carrier
	bool has_mac;
	uint8_t mac[6];
	char name[16];
};

struct neigh_hop {
	uint32_t ifindex;
	struct ip gateway; // unset = on the link
};

struct neigh_route {
	struct ip_prefix prefix;
	uint32_t table;
	uint32_t metric;
	bool is_unicast;   // RTN_UNICAST; the others lead nowhere
	uint32_t hop_count;
	struct neigh_hop hops[NEIGH_HOPS_MAX];
};

struct neigh_entry {
	uint32_t ifindex;
	struct ip ip;
	uint16_t state;    // NUD_*
	bool has_mac;
	uint8_t mac[6];
};

struct neigh_message {
	enum neigh_kind kind;
	bool is_removed;
	union {
		struct neigh_link link;
		struct neigh_route route;
		struct neigh_entry entry;
	};
};

// 0; -EINVAL: attributes that do not fit their lengths. Other message types and other address
// families give NEIGH_OTHER.
int neigh_message_parse(const struct nlmsghdr *header, size_t bytes, struct neigh_message *out);

enum neigh_ask {
	NEIGH_ASK_USE,    // resolve now, age as others do; ends NEIGH_ASK_MANAGE
	NEIGH_ASK_MANAGE, // resolve and keep resolved (NTF_EXT_MANAGED, Linux 5.16; before: as USE)
};

// A request to the kernel about one neighbour, in `buf` of at least 128 bytes. Returns its length.
size_t neigh_message_ask(void *buf, enum neigh_ask ask, uint32_t ifindex, const struct ip *ip);
