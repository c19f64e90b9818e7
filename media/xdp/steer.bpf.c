// steer.bpf.c - XDP: media to the lanes, everything else to the kernel.
//
// Media is UDP to (media address, its port range), over IPv4 or IPv6, behind at most one VLAN tag.
// While no socket is bound to the queue (muga-media starting, or killed) media is dropped: handed
// to the kernel it would be answered with ICMP port unreachable, and phones end calls on that. The
// program is loaded by DPDK's af_xdp driver, which needs the map's name `xsks_map`.
#include "steer.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define IP_MORE_FRAGMENTS 0x2000
#define IP_OFFSET_MASK    0x1fff

struct vlan_tag {
	__be16 tci;
	__be16 ethertype;
};

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, STEER_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} xsks_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, STEER_RANGES_MAX);
	__type(key, struct steer_key);
	__type(value, struct steer_range);
} steer_ranges SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, STEER_COUNT_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} steer_counts SEC(".maps");

static __always_inline void count(__u32 which)
{
	__u64 *slot = bpf_map_lookup_elem(&steer_counts, &which);

	if (slot)
		*slot += 1; // per CPU: no other writer
}

static __always_inline int steer_udp(struct xdp_md *ctx, const struct steer_key *key, void *l4)
{
	const struct steer_range *range = bpf_map_lookup_elem(&steer_ranges, key);
	const struct udphdr *udp = l4;
	__u16 port;
	int verdict;

	if (!range || (void *)(udp + 1) > (void *)(long)ctx->data_end)
		goto pass;
	port = bpf_ntohs(udp->dest);
	if (port < range->port_min || port > range->port_max)
		goto pass;
	verdict = bpf_redirect_map(&xsks_map, ctx->rx_queue_index, XDP_DROP);
	count(verdict == XDP_REDIRECT ? STEER_MEDIA : STEER_NO_SOCKET);
	return verdict;
pass:
	count(STEER_PASSED);
	return XDP_PASS;
}

static __always_inline int steer_ipv4(struct xdp_md *ctx, struct steer_key *key, void *l3)
{
	const struct iphdr *ip = l3;

	if ((void *)(ip + 1) > (void *)(long)ctx->data_end || ip->protocol != IPPROTO_UDP)
		goto pass;
	if (ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_OFFSET_MASK)) {
		count(STEER_FRAGMENT);
		return XDP_PASS;
	}
	// IPv4 options are never on media; the kernel judges such packets.
	if (ip->ihl != 5)
		goto pass;
	key->ip[10] = 0xff;
	key->ip[11] = 0xff;
	__builtin_memcpy(&key->ip[12], &ip->daddr, 4);
	return steer_udp(ctx, key, (void *)(ip + 1));
pass:
	count(STEER_PASSED);
	return XDP_PASS;
}

static __always_inline int steer_ipv6(struct xdp_md *ctx, struct steer_key *key, void *l3)
{
	const struct ipv6hdr *ip = l3;

	if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
		goto pass;
	if (ip->nexthdr == IPPROTO_FRAGMENT) {
		count(STEER_FRAGMENT);
		return XDP_PASS;
	}
	if (ip->nexthdr != IPPROTO_UDP)
		goto pass;
	__builtin_memcpy(key->ip, &ip->daddr, 16);
	return steer_udp(ctx, key, (void *)(ip + 1));
pass:
	count(STEER_PASSED);
	return XDP_PASS;
}

SEC("xdp")
int muga_steer(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct steer_key key = {0};
	struct ethhdr *eth = data;
	void *l3 = eth + 1;
	__be16 ethertype;

	if (l3 > data_end)
		goto pass;
	ethertype = eth->h_proto;
	if (ethertype == bpf_htons(ETH_P_8021Q)) {
		struct vlan_tag *tag = l3;

		if ((void *)(tag + 1) > data_end)
			goto pass;
		key.vlan = bpf_ntohs(tag->tci) & 0x0fff;
		ethertype = tag->ethertype;
		l3 = tag + 1;
	}
	if (ethertype == bpf_htons(ETH_P_IP))
		return steer_ipv4(ctx, &key, l3);
	if (ethertype == bpf_htons(ETH_P_IPV6))
		return steer_ipv6(ctx, &key, l3);
pass:
	count(STEER_PASSED);
	return XDP_PASS;
}

char steer_license[] SEC("license") = "Dual BSD/GPL";
