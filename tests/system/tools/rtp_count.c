// rtp-count - counts the RTP that passes an interface, by stream and sequence number.
//
//   rtp-count INTERFACE   until SIGINT or SIGTERM, then prints one JSON object
//
// Streams are (direction, addresses, ports, SSRC) of UDP packets with version 2 and a payload type
// below 64 or above 95. What the host sends counts as "out", the rest as "in". Gaps are missing
// sequence numbers.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STREAMS_MAX = 1 << 14, IN, OUT };

struct key {
	uint8_t addresses[32];
	uint16_t ports[2];
	uint32_t ssrc;
	uint32_t direction;
};

struct stream {
	struct key key;
	bool is_used;
	uint16_t first, highest_seq;
	uint32_t packets, highest, late;
};

static struct stream streams[STREAMS_MAX];
static volatile sig_atomic_t is_done;

static void stop(int signal)
{
	(void)signal;
	is_done = 1;
}

static struct stream *find_stream(const struct key *key)
{
	uint32_t hash = 2166136261u;
	const uint8_t *bytes = (const uint8_t *)key;

	for (size_t i = 0; i < sizeof(*key); i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	for (uint32_t i = 0; i < STREAMS_MAX; i++) {
		struct stream *s = &streams[(hash + i) % STREAMS_MAX];
		if (!s->is_used || !memcmp(&s->key, key, sizeof(*key)))
			return s;
	}
	return NULL;
}

static void account(const struct key *key, uint16_t sequence)
{
	struct stream *s = find_stream(key);

	if (!s)
		return;
	if (!s->is_used)
		*s = (struct stream){ .key = *key, .is_used = true, .first = sequence,
			.highest_seq = (uint16_t)(sequence - 1) };
	int16_t step = (int16_t)(sequence - s->highest_seq);
	s->packets++;
	if (step > 0) {
		s->highest += (uint32_t)step;
		s->highest_seq = sequence;
	} else {
		s->late++;
	}
}

// The UDP header behind IPv4 or IPv6 without extension headers, or NULL.
static const uint8_t *find_udp(const uint8_t *ip, size_t len, struct key *key)
{
	if (len >= sizeof(struct iphdr) && ip[0] >> 4 == 4) {
		size_t header = (ip[0] & 15) * 4u;
		if (ip[9] != IPPROTO_UDP || header + 20 > len)
			return NULL;
		memcpy(key->addresses, ip + 12, 8);
		return ip + header;
	}
	if (len >= sizeof(struct ip6_hdr) + 20 && ip[0] >> 4 == 6 && ip[6] == IPPROTO_UDP) {
		memcpy(key->addresses, ip + 8, 32);
		return ip + sizeof(struct ip6_hdr);
	}
	return NULL;
}

static void count_packet(const uint8_t *ip, size_t len, uint32_t direction)
{
	struct key key = { .direction = direction };
	const uint8_t *udp = find_udp(ip, len, &key);

	if (!udp || udp + 20 > ip + len)
		return;
	const uint8_t *rtp = udp + 8;
	uint8_t type = rtp[1] & 0x7f;
	if (rtp[0] >> 6 != 2 || (type >= 64 && type <= 95))
		return;
	memcpy(key.ports, udp, 4);
	memcpy(&key.ssrc, rtp + 8, 4);
	account(&key, (uint16_t)(rtp[2] << 8 | rtp[3]));
}

static void report(uint64_t missed)
{
	uint64_t packets[2] = { 0 }, gaps[2] = { 0 }, late[2] = { 0 }, count[2] = { 0 };

	for (uint32_t i = 0; i < STREAMS_MAX; i++) {
		const struct stream *s = &streams[i];
		if (!s->is_used)
			continue;
		uint32_t d = s->key.direction == OUT;
		count[d]++;
		packets[d] += s->packets;
		late[d] += s->late;
		gaps[d] += s->highest > s->packets ? s->highest - s->packets : 0;
	}
	printf("{\"in\": {\"streams\": %lu, \"packets\": %lu, \"gaps\": %lu, \"late\": %lu}, "
		"\"out\": {\"streams\": %lu, \"packets\": %lu, \"gaps\": %lu, \"late\": %lu}, "
		"\"not_captured\": %lu}\n", count[0], packets[0], gaps[0], late[0],
		count[1], packets[1], gaps[1], late[1], missed);
}

static int open_capture(const char *interface)
{
	int bytes = 64 << 20;
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL));
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(interface) };

	if (fd < 0 || !at.sll_ifindex || bind(fd, (struct sockaddr *)&at, sizeof(at)))
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	return fd;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = stop };
	uint8_t packet[128];

	if (argc != 2) {
		fprintf(stderr, "usage: rtp-count INTERFACE\n");
		return 2;
	}
	int fd = open_capture(argv[1]);
	if (fd < 0) {
		fprintf(stderr, "rtp-count: %s: %s\n", argv[1], strerror(-fd));
		return 2;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	while (!is_done) {
		struct sockaddr_ll from;
		socklen_t from_len = sizeof(from);
		ssize_t len = recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from,
			&from_len);
		if (len > 0)
			count_packet(packet, (size_t)len,
				from.sll_pkttype == PACKET_OUTGOING ? OUT : IN);
	}
	struct tpacket_stats stats = { 0 };
	socklen_t stats_len = sizeof(stats);
	getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &stats_len);
	report(stats.tp_drops);
	close(fd);
	return 0;
}
