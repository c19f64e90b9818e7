// rtp-spray - an attacker: sends RTP to every port of a range, and counts whatever comes back.
//
//   rtp-spray TARGET-IP PORT-MIN PORT-MAX SECONDS [PAYLOAD-TYPE]
//
// Each round sends one packet with a random SSRC to every port, G.711 to the even ones, a receiver
// report to the odd ones, as fast as the socket takes them with a pause after each 64. Prints
// {"sent": N, "answers": N}: an answer is any datagram received.
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PACKET_BYTES = 172, REPORT_BYTES = 8, TYPE_RR = 201, BURST = 64 };

struct target {
	struct sockaddr_storage addr;
	socklen_t len;
	uint16_t *port; // inside addr, network order
};

static int parse_target(const char *ip, struct target *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&out->addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->addr;

	memset(&out->addr, 0, sizeof(out->addr));
	if (inet_pton(AF_INET, ip, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		out->len = sizeof(*v4);
		out->port = &v4->sin_port;
		return 0;
	}
	if (inet_pton(AF_INET6, ip, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		out->len = sizeof(*v6);
		out->port = &v6->sin6_port;
		return 0;
	}
	return -EINVAL;
}

static uint64_t count_answers(int fd)
{
	uint8_t drop[64];
	uint64_t count = 0;
	while (recv(fd, drop, sizeof(drop), MSG_DONTWAIT) >= 0)
		count++;
	return count;
}

static void send_packet(int fd, struct target *target, uint16_t port, uint8_t type)
{
	uint8_t packet[PACKET_BYTES];

	(void)!getrandom(packet, 16, 0);
	memset(packet + 16, 0x2a, sizeof(packet) - 16);
	bool is_report = port % 2 != 0;
	size_t bytes = is_report ? REPORT_BYTES : sizeof(packet);
	packet[0] = 0x80;
	packet[1] = is_report ? TYPE_RR : type;
	if (is_report)
		memcpy(packet + 2, (const uint8_t[]){ 0, 1 }, 2);
	*target->port = htons(port);
	(void)!sendto(fd, packet, bytes, 0, (struct sockaddr *)&target->addr, target->len);
}

int main(int argc, char **argv)
{
	struct target target;
	uint64_t sent = 0, answers = 0;

	if (argc < 5 || parse_target(argv[1], &target)) {
		fprintf(stderr, "usage: rtp-spray IP PORT-MIN PORT-MAX SECONDS [PAYLOAD-TYPE]\n");
		return 2;
	}
	uint32_t port_min = (uint32_t)atoi(argv[2]) & ~1u, port_max = (uint32_t)atoi(argv[3]);
	time_t end = time(NULL) + atoi(argv[4]);
	uint8_t type = argc > 5 ? (uint8_t)atoi(argv[5]) : 8;
	int fd = socket(target.addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || port_min > port_max || port_max > 65535)
		return 2;
	while (time(NULL) <= end) {
		for (uint32_t port = port_min; port <= port_max; port++) {
			send_packet(fd, &target, (uint16_t)port, type);
			if (++sent % BURST)
				continue;
			answers += count_answers(fd);
			usleep(1000);
		}
	}
	usleep(200000);
	answers += count_answers(fd);
	printf("{\"sent\": %lu, \"answers\": %lu}\n", sent, answers);
	close(fd);
	return 0;
}
