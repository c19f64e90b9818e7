#include "net/shed.h"

#include <errno.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/socket.h>

#define PAYLOAD    8u  // the filter's view begins with the UDP header
#define USER       (PAYLOAD + 11u) // behind "INVITE sip:"
#define TOKEN_LEN  24u // SIP_TOKEN_LEN: user parts of our own Contacts
#define LENGTH_MIN (USER + TOKEN_LEN + 1u) // shorter ones are no requests; loads must not fail
#define PASS       0xffffffffu
// A number of 7 characters takes three loads and compares, the end of any takes five instructions,
// a character that may be no part of a number nine.
#define PROGRAM_MAX (24u + (SHED_NUMBER_MAX + 1) * 9u + SHED_SPARED_MAX * 11u)

struct program {
	struct sock_filter code[PROGRAM_MAX];
	uint16_t len;
};

static void emit(struct program *p, uint16_t code, uint32_t k)
{
	p->code[p->len++] = (struct sock_filter)BPF_STMT(code, k);
}

// Goes on when the accumulator compares so with k, else skips `skip` instructions.
static void emit_jump(struct program *p, uint16_t code, uint32_t k, uint8_t skip)
{
	p->code[p->len++] = (struct sock_filter)BPF_JUMP(code, k, 0, skip);
}

// Passes unless the text stands there. Each compare is followed by its own way out.
static void emit_expect(struct program *p, uint16_t load, uint32_t at, uint32_t value)
{
	emit(p, (uint16_t)(BPF_LD | load | BPF_ABS), at);
	p->code[p->len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
	emit(p, BPF_RET | BPF_K, PASS);
}

static uint32_t word_of(const char *text, uint32_t len)
{
	uint32_t word = 0;

	for (uint32_t i = 0; i < len; i++)
		word = word << 8 | (uint8_t)text[i];
	return word;
}

// Passes when the user part is that number, with or without parameters: one load and compare for
// each 4, 2 or 1 bytes, and one for what ends it. A compare that fails goes behind all of it.
static void emit_spare(struct program *p, struct span number)
{
	uint16_t compares[SHED_NUMBER_MAX];
	uint32_t count = 0;

	for (uint32_t at = 0; at < number.len;) {
		uint32_t left = number.len - at;
		uint32_t step = left >= 4 ? 4 : left >= 2 ? 2 : 1;
		uint16_t load = step == 4 ? BPF_W : step == 2 ? BPF_H : BPF_B;
		emit(p, (uint16_t)(BPF_LD | load | BPF_ABS), USER + at);
		compares[count++] = p->len;
		emit_jump(p, BPF_JMP | BPF_JEQ | BPF_K, word_of(number.ptr + at, step), 0);
		at += step;
	}
	emit(p, BPF_LD | BPF_B | BPF_ABS, USER + number.len);
	p->code[p->len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, '@', 2, 0);
	p->code[p->len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ':', 1, 0);
	emit_jump(p, BPF_JMP | BPF_JEQ | BPF_K, ';', 1);
	emit(p, BPF_RET | BPF_K, PASS);
	while (count-- > 0)
		p->code[compares[count]].jf = (uint8_t)(p->len - compares[count] - 1);
}

// An escape may hide any character of a number, and separators stand between them (RFC 3966 5.1.1).
// The first one stands at the number's end at the latest, since before it each character is itself.
static void emit_disguises(struct program *p, const struct span *spared, uint32_t count)
{
	static const char disguises[] = { '%', '-', '.', '(', ')' };
	uint16_t ends[SHED_NUMBER_MAX + 1];
	uint32_t longest = 0, end_count = 0;

	for (uint32_t i = 0; i < count; i++)
		longest = spared[i].len > longest ? spared[i].len : longest;
	for (uint32_t at = 0; longest && at <= longest; at++) {
		emit(p, BPF_LD | BPF_B | BPF_ABS, USER + at);
		emit_jump(p, BPF_JMP | BPF_JEQ | BPF_K, '@', 1);
		ends[end_count++] = p->len;
		emit(p, BPF_JMP | BPF_JA, 0);
		for (uint8_t left = sizeof(disguises); left-- > 0;)
			p->code[p->len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
				(uint32_t)disguises[left], left, left == 0);
		emit(p, BPF_RET | BPF_K, PASS);
	}
	while (end_count-- > 0)
		p->code[ends[end_count]].k = p->len - ends[end_count] - 1u;
}

static void build(struct program *p, uint32_t permille, const struct span *spared, uint32_t count)
{
	emit(p, BPF_LD | BPF_W | BPF_LEN, 0);
	p->code[p->len++] = (struct sock_filter)BPF_JUMP(
		BPF_JMP | BPF_JGE | BPF_K, LENGTH_MIN, 1, 0);
	emit(p, BPF_RET | BPF_K, PASS);
	emit_expect(p, BPF_W, PAYLOAD, word_of("INVI", 4));
	emit_expect(p, BPF_W, PAYLOAD + 4, word_of("TE s", 4));
	emit_expect(p, BPF_W, PAYLOAD + 7, word_of("sip:", 4));
	// Our own Contact: a request inside a call, which is never shed.
	emit(p, BPF_LD | BPF_B | BPF_ABS, USER + TOKEN_LEN);
	emit_jump(p, BPF_JMP | BPF_JEQ | BPF_K, '@', 1);
	emit(p, BPF_RET | BPF_K, PASS);
	emit_disguises(p, spared, count);
	for (uint32_t i = 0; i < count; i++)
		emit_spare(p, spared[i]);
	emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM));
	emit_jump(p, BPF_JMP | BPF_JGE | BPF_K, (uint32_t)(permille * (UINT32_MAX / 1000ull)), 1);
	emit(p, BPF_RET | BPF_K, PASS);
	emit(p, BPF_RET | BPF_K, 0);
}

int shed_set(int fd, uint32_t permille, const struct span *spared, uint32_t count)
{
	struct program p = { .len = 0 };
	int none = 0;

	if (permille == 0) {
		if (setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none)) == 0)
			return 0;
		return errno == ENOENT ? 0 : -errno;
	}
	if (count > SHED_SPARED_MAX)
		return -E2BIG;
	for (uint32_t i = 0; i < count; i++)
		if (spared[i].len == 0 || spared[i].len > SHED_NUMBER_MAX)
			return -EINVAL;
	build(&p, permille < 1000 ? permille : 1000, spared, count);
	struct sock_fprog program = { .len = p.len, .filter = p.code };
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}
