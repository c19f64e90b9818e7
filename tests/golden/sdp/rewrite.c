// NAME.in.sdp, parsed and rewritten as the border does, must be NAME.out.sdp byte by byte. A new
// case is two new files. The rewriting is the same for all: own address 198.51.100.9 (2001:db8::9
// when the file name begins with "v6"), ports 20000, 20004, ..., session "- 1 2"; ICE, SDES, DTLS,
// BUNDLE and SSRC attributes go. With MUGA_GOLDEN_WRITE set, missing .out.sdp files are written.
#include "sip/sdp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define DIRECTORY TESTS_DIR "/golden/sdp/"

static char input[65536], output[65536], wanted[65536];
static struct sdp_session sdp;

static long load(const char *name, const char *suffix, char *buf)
{
	char path[1024];
	snprintf(path, sizeof(path), DIRECTORY "%s%s", name, suffix);
	FILE *f = fopen(path, "rb");
	if (!f)
		return -1;
	size_t len = fread(buf, 1, 65536, f);
	fclose(f);
	return (long)len;
}

static struct span rewrite(const char *name, struct span text)
{
	static struct sdp_rewrite rw;
	struct sdp_fault fault;
	struct sip_writer w;
	if (sdp_parse(text, &sdp, &fault))
		fail_msg("%s line %u: %s", name, fault.line, fault.reason);
	rw = (struct sdp_rewrite){ .username = SPAN_LIT("-"), .session_id = 1, .session_version = 2,
		.drop = SDP_CLASS_ICE | SDP_CLASS_SDES | SDP_CLASS_DTLS | SDP_CLASS_BUNDLE |
			SDP_CLASS_SSRC | SDP_CLASS_ADDRESS };
	assert_int_equal(ip_parse(strncmp(name, "v6", 2) ? SPAN_LIT("198.51.100.9")
							 : SPAN_LIT("2001:db8::9"), &rw.ip), 0);
	for (uint32_t i = 0; i < sdp.media_count; i++) {
		const struct sdp_media *media = &sdp.media[i];
		struct sdp_media_rewrite *own = &rw.media[i];
		own->port = media->port ? (uint16_t)(20000 + 4 * i) : 0;
		own->has_rtcp_mux = media->has_rtcp_mux;
		own->rtcp_port = media->has_rtcp_mux ? own->port : (uint16_t)(own->port + 1);
	}
	sip_writer_init(&w, output, sizeof(output));
	sdp_put_rewritten(&w, &sdp, &rw);
	assert_false(w.is_overflowed);
	return sip_writer_text(&w);
}

static void write_missing(const char *name, struct span text)
{
	char path[1024];
	snprintf(path, sizeof(path), DIRECTORY "%s.out.sdp", name);
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(text.ptr, 1, text.len, f), text.len);
	fclose(f);
}

static void pairs_agree(void **state)
{
	(void)state;
	unsigned count = 0;
	DIR *dir = opendir(DIRECTORY);
	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		char name[300];
		char *end = strstr(entry->d_name, ".in.sdp");
		if (!end)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(end - entry->d_name), entry->d_name);
		long len = load(name, ".in.sdp", input);
		assert_true(len > 0);
		struct span got = rewrite(name, span_make(input, (uint32_t)len));
		long wanted_len = load(name, ".out.sdp", wanted);
		if (wanted_len < 0 && getenv("MUGA_GOLDEN_WRITE")) {
			write_missing(name, got);
		} else if (wanted_len < 0) {
			fail_msg("%s.out.sdp is missing", name);
		} else if (!span_eq(got, span_make(wanted, (uint32_t)wanted_len))) {
			fail_msg("%s differs; got:\n" SPAN_FMT, name, SPAN_ARG(got));
		}
		count++;
	}
	closedir(dir);
	assert_true(count > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(pairs_agree) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
