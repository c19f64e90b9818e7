#include "neigh_message.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#ifndef NTF_EXT_MANAGED
#define NTF_EXT_MANAGED (1 << 0)
#endif

typedef void (*attribute_fn)(struct neigh_message *out, const struct rtattr *attribute);

// Calls `each` for all attributes; -EINVAL if one reaches beyond the end.
static int attributes_walk(
	const void *at, size_t bytes, struct neigh_message *out, attribute_fn each)
{
	const struct rtattr *attribute = at;

	while (bytes >= sizeof(*attribute)) {
		size_t step;

		if (attribute->rta_len < sizeof(*attribute) || attribute->rta_len > bytes)
			return -EINVAL;
		each(out, attribute);
		step = RTA_ALIGN(attribute->rta_len);
		if (step >= bytes)
			return 0;
		bytes -= step;
		attribute = (const void *)((const char *)attribute + step);
	}
	return 0;
}

static size_t attribute_bytes(const struct rtattr *attribute)
{
	return attribute->rta_len - RTA_LENGTH(0);
}

static uint32_t attribute_u32(const struct rtattr *attribute)
{
	uint32_t value = 0;

	if (attribute_bytes(attribute) >= sizeof(value))
		memcpy(&value, RTA_DATA(attribute), sizeof(value));
	return value;
}

static void ip_from_bytes(const void *bytes, size_t len, struct ip *out)
{
	if (len == 4) {
		memset(out->b, 0, 10);
		out->b[10] = out->b[11] = 0xff;
		memcpy(&out->b[12], bytes, 4);
	} else if (len == 16) {
		memcpy(out->b, bytes, 16);
	}
}

static void attribute_ip(const struct rtattr *attribute, struct ip *out)
{
	ip_from_bytes(RTA_DATA(attribute), attribute_bytes(attribute), out);
}

static bool attribute_mac(const struct rtattr *attribute, uint8_t *out)
{
	if (attribute_bytes(attribute) != 6)
		return false;
	memcpy(out, RTA_DATA(attribute), 6);
	return true;
}

static void link_info_data(struct neigh_message *out, const struct rtattr *attribute)
{
	if (attribute->rta_type == IFLA_VLAN_ID && attribute_bytes(attribute) >= 2)
		memcpy(&out->link.vlan, RTA_DATA(attribute), 2);
}

static void link_info(struct neigh_message *out, const struct rtattr *attribute)
{
	// IFLA_VLAN_ID is 1 in the data of other kinds too: the kind stands first and decides.
	if (attribute->rta_type == IFLA_INFO_KIND)
		out->link.vlan = attribute_bytes(attribute) >= 4 &&
			!memcmp(RTA_DATA(attribute), "vlan", 4) ? UINT16_MAX : 0;
	else if (attribute->rta_type == IFLA_INFO_DATA && out->link.vlan == UINT16_MAX)
		attributes_walk(RTA_DATA(attribute), attribute_bytes(attribute), out,
			link_info_data);
}

static void link_attribute(struct neigh_message *out, const struct rtattr *attribute)
{
	size_t len = attribute_bytes(attribute);

	switch (attribute->rta_type) {
	case IFLA_IFNAME:
		if (len > sizeof(out->link.name) - 1)
			len = sizeof(out->link.name) - 1;
		memcpy(out->link.name, RTA_DATA(attribute), len);
		break;
	case IFLA_ADDRESS:
		out->link.has_mac = attribute_mac(attribute, out->link.mac);
		break;
	case IFLA_MTU:
		out->link.mtu = attribute_u32(attribute);
		break;
	case IFLA_LINK:
		out->link.parent = attribute_u32(attribute);
		break;
	case IFLA_LINKINFO:
		attributes_walk(RTA_DATA(attribute), len, out, link_info);
		break;
	default:
		break;
	}
}

static int link_parse(const struct nlmsghdr *header, struct neigh_message *out)
{
	const struct ifinfomsg *info = NLMSG_DATA(header);
	size_t head = NLMSG_SPACE(sizeof(*info));
	int rc;

	if (header->nlmsg_len < head)
		return -EINVAL;
	out->kind = NEIGH_LINK;
	out->is_removed = header->nlmsg_type == RTM_DELLINK;
	out->link.ifindex = (uint32_t)info->ifi_index;
	out->link.is_up = (info->ifi_flags & IFF_UP) && (info->ifi_flags & IFF_RUNNING);
	rc = attributes_walk((const char *)header + head, header->nlmsg_len - head, out,
		link_attribute);
	if (out->link.vlan == UINT16_MAX)
		out->link.vlan = 0;
	return rc;
}

// The first hop holds what stands in the route itself; multipath hops replace it.
static void route_hop_attribute(struct neigh_message *out, const struct rtattr *attribute)
{
	struct neigh_hop *hop = &out->route.hops[out->route.hop_count];

	if (attribute->rta_type == RTA_GATEWAY)
		attribute_ip(attribute, &hop->gateway);
	else if (attribute->rta_type == RTA_VIA && attribute_bytes(attribute) > 2)
		ip_from_bytes((const char *)RTA_DATA(attribute) + 2,
			attribute_bytes(attribute) - 2, &hop->gateway);
	else if (attribute->rta_type == RTA_OIF)
		hop->ifindex = attribute_u32(attribute);
}

static void route_multipath(struct neigh_message *out, const struct rtattr *attribute)
{
	const char *at = RTA_DATA(attribute);
	size_t bytes = attribute_bytes(attribute);

	while (bytes >= sizeof(struct rtnexthop) && out->route.hop_count < NEIGH_HOPS_MAX) {
		const struct rtnexthop *next = (const void *)at;
		struct neigh_hop *hop = &out->route.hops[out->route.hop_count];
		size_t step = RTNH_ALIGN(next->rtnh_len);

		if (next->rtnh_len < sizeof(*next) || next->rtnh_len > bytes)
			return;
		*hop = (struct neigh_hop){ .ifindex = (uint32_t)next->rtnh_ifindex };
		attributes_walk(at + sizeof(*next), next->rtnh_len - sizeof(*next), out,
			route_hop_attribute);
		out->route.hop_count++;
		if (step >= bytes)
			return;
		at += step;
		bytes -= step;
	}
}

static void route_attribute(struct neigh_message *out, const struct rtattr *attribute)
{
	switch (attribute->rta_type) {
	case RTA_DST:
		attribute_ip(attribute, &out->route.prefix.ip);
		break;
	case RTA_PRIORITY:
		out->route.metric = attribute_u32(attribute);
		break;
	case RTA_TABLE:
		out->route.table = attribute_u32(attribute);
		break;
	case RTA_MULTIPATH:
		route_multipath(out, attribute);
		break;
	default:
		if (!out->route.hop_count)
			route_hop_attribute(out, attribute);
		break;
	}
}

static int route_parse(const struct nlmsghdr *header, struct neigh_message *out)
{
	const struct rtmsg *info = NLMSG_DATA(header);
	size_t head = NLMSG_SPACE(sizeof(*info));
	int rc;

	if (header->nlmsg_len < head)
		return -EINVAL;
	if (info->rtm_family != AF_INET && info->rtm_family != AF_INET6)
		return 0;
	if (info->rtm_dst_len > (info->rtm_family == AF_INET ? 32 : 128))
		return -EINVAL;
	out->kind = NEIGH_ROUTE;
	out->is_removed = header->nlmsg_type == RTM_DELROUTE;
	out->route.table = info->rtm_table;
	out->route.is_unicast = info->rtm_type == RTN_UNICAST &&
		!(info->rtm_flags & RTM_F_CLONED);
	out->route.prefix.bits = info->rtm_dst_len;
	if (info->rtm_family == AF_INET) {
		out->route.prefix.bits = (uint8_t)(info->rtm_dst_len + 96);
		out->route.prefix.ip = ip_from_v4(0);
	}
	rc = attributes_walk((const char *)header + head, header->nlmsg_len - head, out,
		route_attribute);
	if (!out->route.hop_count && out->route.hops[0].ifindex)
		out->route.hop_count = 1;
	return rc;
}

static void entry_attribute(struct neigh_message *out, const struct rtattr *attribute)
{
	if (attribute->rta_type == NDA_DST)
		attribute_ip(attribute, &out->entry.ip);
	else if (attribute->rta_type == NDA_LLADDR)
		out->entry.has_mac = attribute_mac(attribute, out->entry.mac);
}

static int entry_parse(const struct nlmsghdr *header, struct neigh_message *out)
{
	const struct ndmsg *info = NLMSG_DATA(header);
	size_t head = NLMSG_SPACE(sizeof(*info));

	if (header->nlmsg_len < head)
		return -EINVAL;
	if (info->ndm_family != AF_INET && info->ndm_family != AF_INET6)
		return 0;
	out->kind = NEIGH_NEIGHBOUR;
	out->is_removed = header->nlmsg_type == RTM_DELNEIGH;
	out->entry.ifindex = (uint32_t)info->ndm_ifindex;
	out->entry.state = info->ndm_state;
	return attributes_walk((const char *)header + head, header->nlmsg_len - head, out,
		entry_attribute);
}

int neigh_message_parse(const struct nlmsghdr *header, size_t bytes, struct neigh_message *out)
{
	*out = (struct neigh_message){ .kind = NEIGH_OTHER };
	if (bytes < sizeof(*header) || header->nlmsg_len < sizeof(*header) ||
		header->nlmsg_len > bytes)
		return -EINVAL;
	switch (header->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return link_parse(header, out);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return route_parse(header, out);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return entry_parse(header, out);
	default:
		return 0;
	}
}

static void ask_attribute(struct nlmsghdr *header, uint16_t type, const void *data, uint16_t len)
{
	struct rtattr *attribute = (void *)((char *)header + NLMSG_ALIGN(header->nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(len);
	memcpy(RTA_DATA(attribute), data, len);
	header->nlmsg_len = NLMSG_ALIGN(header->nlmsg_len) + RTA_ALIGN(attribute->rta_len);
}

size_t neigh_message_ask(void *buf, enum neigh_ask ask, uint32_t ifindex, const struct ip *ip)
{
	struct nlmsghdr *header = buf;
	struct ndmsg *info = NLMSG_DATA(header);
	uint32_t managed = NTF_EXT_MANAGED;

	memset(buf, 0, 128);
	header->nlmsg_len = NLMSG_LENGTH(sizeof(*info));
	header->nlmsg_type = RTM_NEWNEIGH;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE;
	info->ndm_family = ip_is_v4(ip) ? AF_INET : AF_INET6;
	info->ndm_ifindex = (int)ifindex;
	// With NTF_USE the kernel keeps the state that the entry has.
	info->ndm_state = NUD_NONE;
	info->ndm_flags = NTF_USE;
	if (ip_is_v4(ip))
		ask_attribute(header, NDA_DST, &ip->b[12], 4);
	else
		ask_attribute(header, NDA_DST, ip->b, 16);
	if (ask == NEIGH_ASK_MANAGE)
		ask_attribute(header, NDA_FLAGS_EXT, &managed, sizeof(managed));
	return header->nlmsg_len;
}
