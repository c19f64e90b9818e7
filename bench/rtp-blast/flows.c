#include "flows.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ETH = 14, RTP_SEQUENCE = 2, RTP_TIMESTAMP = 4, RTP_SSRC = 8, RTP_NUMBER = 12 };

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t sum_words(const uint8_t *p, uint32_t len)
{
	uint32_t sum = 0;
	for (uint32_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	return sum;
}

static uint32_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static void render_ip4(
	uint8_t *ip, const struct in_addr *from, const struct in_addr *to, uint32_t payload)
{
	ip[0] = 0x45;
	put16(ip + 2, 20 + 8 + payload);
	ip[6] = 0x40; // do not fragment
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	memcpy(ip + 12, from, 4);
	memcpy(ip + 16, to, 4);
	put16(ip + 10, ~fold(sum_words(ip, 20)) & 0xffff);
}

static void render_ip6(
	uint8_t *ip, const struct in6_addr *from, const struct in6_addr *to, uint32_t payload)
{
	ip[0] = 0x60;
	put16(ip + 4, 8 + payload);
	ip[6] = IPPROTO_UDP;
	ip[7] = 64;
	memcpy(ip + 8, from, 16);
	memcpy(ip + 24, to, 16);
}

struct flow_line {
	uint32_t side;
	char own[64], border[64];
	uint32_t own_port, border_port;
	char suite[32], own_key[96], border_key[96];
	uint32_t payload; // bytes of UDP payload
};

static bool render_ips(struct blast_flow *flow, const struct flow_line *line)
{
	struct in_addr from4, to4;
	struct in6_addr from6, to6;
	uint8_t *ip = flow->frame + ETH;

	if (inet_pton(AF_INET, line->own, &from4) == 1 &&
	    inet_pton(AF_INET, line->border, &to4) == 1) {
		put16(flow->frame + 12, 0x0800);
		render_ip4(ip, &from4, &to4, line->payload);
		flow->udp_at = ETH + 20;
		flow->sum = sum_words(ip + 12, 8);
		return true;
	}
	if (inet_pton(AF_INET6, line->own, &from6) == 1 &&
	    inet_pton(AF_INET6, line->border, &to6) == 1) {
		put16(flow->frame + 12, 0x86dd);
		render_ip6(ip, &from6, &to6, line->payload);
		flow->udp_at = ETH + 40;
		flow->sum = sum_words(ip + 8, 32);
		flow->has_checksum = true; // RFC 8200 8.1
		return true;
	}
	return false;
}

// The RTP packet of a stream, where its number is written: what is encrypted is a copy.
static uint8_t *rtp_of(struct blast_flow *flow)
{
	return flow->keys ? flow->rtp : flow->frame + flow->udp_at + 8;
}

static void render_rtp(uint8_t *rtp, uint32_t ssrc)
{
	rtp[0] = 0x80;
	rtp[1] = 8; // PCMA
	put32(rtp + RTP_SSRC, ssrc);
	memset(rtp + RTP_NUMBER + 4, 0xd5, BLAST_RTP_BYTES - RTP_NUMBER - 4);
}

static bool render(struct blast_flow *flow, struct flow_line *line, uint32_t number,
	const struct blast_macs *macs)
{
	memcpy(flow->frame, macs->border, 6);
	memcpy(flow->frame + 6, macs->own, 6);
	flow->side = (uint8_t)line->side;
	line->payload = BLAST_RTP_BYTES;
	if (line->suite[0]) {
		flow->keys = blast_keys_new(line->suite, line->own_key, line->border_key);
		if (!flow->keys)
			return false;
		line->payload += blast_keys_tag_bytes(flow->keys);
	}
	if (line->side >= BLAST_SIDES || !render_ips(flow, line))
		return false;
	uint8_t *udp = flow->frame + flow->udp_at;
	put16(udp, line->own_port);
	put16(udp + 2, line->border_port);
	put16(udp + 4, 8 + line->payload);
	render_rtp(rtp_of(flow), BLAST_SSRC + number);
	flow->frame_bytes = (uint8_t)(flow->udp_at + 8 + line->payload);
	flow->sum += sum_words(udp, 8 + BLAST_RTP_BYTES) + IPPROTO_UDP + 8 + BLAST_RTP_BYTES;
	// The sum is kept up by its changed words, which ciphertext has no few of.
	return !flow->keys || !flow->has_checksum;
}

// The next line of the file, on no side if it is no stream; false: there is none.
static bool read_line(FILE *file, struct flow_line *line)
{
	char text[512];

	*line = (struct flow_line){ 0 };
	if (!fgets(text, sizeof(text), file))
		return false;
	int words = sscanf(text, "%u %63s %u %63s %u %31s %95s %95s", &line->side, line->own,
		&line->own_port, line->border, &line->border_port, line->suite, line->own_key,
		line->border_key);
	if (words != 5 && words != 8)
		line->side = BLAST_SIDES;
	return true;
}

static FILE *open_next(const char *path, const char *mode)
{
	char name[512];

	snprintf(name, sizeof(name), "%s.next", path);
	return fopen(name, mode);
}

static uint32_t read_next(const char *path)
{
	FILE *file = open_next(path, "r");
	uint32_t next = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%u", &next) != 1)
		next = 0;
	fclose(file);
	return next;
}

int blast_flows_init(struct blast_flows *out, const char *path,
	const struct blast_macs macs[BLAST_SIDES],
	bool has_checksum)
{
	FILE *file = fopen(path, "r");
	uint32_t room = 0;
	struct flow_line line;
	int err = 0;

	*out = (struct blast_flows){ .first = read_next(path) };
	if (!file) {
		fprintf(stderr, "rtp-blast: %s: %s\n", path, strerror(errno));
		return -ENOENT;
	}
	while (!err && read_line(file, &line)) {
		if (out->count == room) {
			room = room ? room * 2 : 1024;
			out->flows = realloc(out->flows, room * sizeof(*out->flows));
			if (!out->flows)
				abort();
		}
		struct blast_flow *flow = &out->flows[out->count];
		*flow = (struct blast_flow){
			.has_checksum = has_checksum, .first = out->first, .sent = out->first
		};
		if (render(flow, &line, out->count, &macs[line.side & 1]))
			out->count++;
		else
			err = -EPROTO;
	}
	fclose(file);
	if (!err && (!out->count || out->count % 2))
		err = -ENODATA;
	if (err)
		fprintf(stderr, "rtp-blast: %s: line %u is no stream (with keys: one by IPv4 "
			"without checksums), or its other end is missing\n",
			path, out->count + 1);
	return err;
}

void blast_flows_fini(struct blast_flows *flows, const char *path)
{
	uint32_t next = 0;
	FILE *file = open_next(path, "w");

	for (uint32_t i = 0; i < flows->count; i++)
		next = next > flows->flows[i].sent ? next : flows->flows[i].sent;
	if (file) {
		fprintf(file, "%u\n", next);
		fclose(file);
	}
	for (uint32_t i = 0; i < flows->count; i++)
		blast_keys_free(flows->flows[i].keys);
	free(flows->flows);
}

void blast_flow_advance(struct blast_flow *flow)
{
	uint8_t *udp = flow->frame + flow->udp_at, *rtp = rtp_of(flow);
	uint32_t number = flow->sent++;

	put16(rtp + RTP_SEQUENCE, number);
	put32(rtp + RTP_TIMESTAMP, number * 160);
	put32(rtp + RTP_NUMBER, number);
	if (flow->keys) {
		memcpy(udp + 8, rtp, BLAST_RTP_BYTES);
		blast_keys_protect(flow->keys, udp + 8, BLAST_RTP_BYTES);
	}
	if (!flow->has_checksum)
		return;
	uint32_t sum = fold(flow->sum + sum_words(rtp + RTP_SEQUENCE, 6) +
		sum_words(rtp + RTP_NUMBER, 4));
	uint16_t checksum = (uint16_t)~sum;
	put16(udp + 6, checksum ? checksum : 0xffff);
}

void blast_flows_receive(struct blast_flows *flows, uint32_t side, const uint8_t *ip, uint32_t len)
{
	uint32_t header = ip[0] >> 4 == 4 ? (ip[0] & 15) * 4u : 40;

	if (len < header + 8 + BLAST_RTP_BYTES)
		return;
	const uint8_t *rtp = ip + header + 8;
	uint32_t line = get32(rtp + RTP_SSRC) - BLAST_SSRC;
	if (line >= flows->count || flows->flows[line].side == side)
		return;
	struct blast_flow *flow = &flows->flows[line];
	struct blast_keys *keys = flows->flows[line ^ 1].keys; // of the end that hears it
	uint8_t clear[BLAST_RTP_BYTES + BLAST_TAG_MAX];
	if (keys) {
		uint32_t bytes = len - header - 8;
		if (bytes > sizeof(clear))
			return;
		memcpy(clear, rtp, bytes);
		if (blast_keys_unprotect(keys, clear, bytes) != BLAST_RTP_BYTES) {
			flow->forged++;
			return;
		}
		rtp = clear;
	}
	uint32_t number = get32(rtp + RTP_NUMBER);
	if (number < flow->next || number >= flow->sent) {
		flow->late++;
		return;
	}
	flow->received++;
	flow->next = number + 1;
}
