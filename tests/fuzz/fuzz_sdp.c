// fuzz_sdp.c - the SDP parser on any bytes; what it accepts survives being written and rewritten.
#include "base/check.h"
#include "sip/sdp_secure.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sdp_session sdp, again;
static char out[8 * 65536];

static void check_same(void)
{
	CHECK(again.media_count == sdp.media_count);
	CHECK(again.attrs_used == sdp.attrs_used);
	CHECK(span_eq(again.session_id, sdp.session_id));
	CHECK(span_eq(again.session_version, sdp.session_version));
	for (uint32_t i = 0; i < sdp.media_count; i++) {
		const struct sdp_media *a = &again.media[i], *b = &sdp.media[i];
		CHECK(a->port == b->port && a->format_count == b->format_count);
		CHECK(a->direction == b->direction && a->has_rtcp_mux == b->has_rtcp_mux);
		CHECK(a->rtcp_port == b->rtcp_port && a->is_rtp == b->is_rtp);
	}
}

static void check_codecs(void)
{
	struct sdp_codec codec;
	for (uint32_t i = 0; i < sdp.media_count; i++) {
		sdp_media_is_held(&sdp.media[i]);
		for (uint32_t k = 0; k < sdp.media[i].format_count; k++) {
			if (sdp_codec_of(&sdp, i, k, &codec) == 0)
				CHECK(codec.clock_rate && codec.channels && codec.name.len);
		}
	}
}

// What is read of ICE and DTLS can be written.
static void check_secure(void)
{
	static char text[16384];
	struct sip_writer w;
	struct sdp_ice ice;
	struct sdp_dtls dtls;

	for (uint32_t i = 0; i < sdp.media_count; i++) {
		sip_writer_init(&w, text, sizeof(text));
		if (sdp_ice_of(&sdp, i, &ice) == 0) {
			CHECK(ice.candidate_count <= SDP_CANDIDATES_MAX);
			sdp_put_ice(&w, &ice);
		}
		if (sdp_dtls_of(&sdp, i, &dtls) == 0) {
			CHECK(dtls.fingerprint_count <= SDP_FINGERPRINTS_MAX);
			sdp_put_dtls(&w, &dtls);
		}
		CHECK(!w.is_overflowed);
	}
}

// By the place of the line, so that all ways occur: passed, filtered, grouped, bundle-only.
static void choose(struct sdp_media_rewrite *own, const struct sdp_media *m, uint32_t i)
{
	own->port = m->port ? (uint16_t)(20000 + 2 * i) : 0;
	own->is_passed = i % 5 == 4 && m->port != 0 && m->connection.is_present;
	own->is_grouped = i % 3 != 1 && m->mid.len > 0;
	own->is_bundle_only = own->port == 0 && own->is_grouped;
	own->ptime_ms = i % 4 == 3 ? 20 : 0;
	for (uint32_t k = m->format_count; i % 2 == 1 && k > 0; k -= k > 1 ? 2 : 1)
		own->format[own->format_count++] = (uint8_t)(k - 1);
}

// Every member of a group that was written is a line that stayed in it.
static void check_groups(void)
{
	const struct sdp_attr *attr = NULL;
	struct span mids, mid;

	while (sdp_next_bundle(&again, &attr, &mids))
		while (span_cut(&mids, ' ', &mid))
			CHECK(mid.len == 0 || sdp_mid_lookup(&sdp, mid) >= 0);
}

static void check_rewritten(void)
{
	static struct sdp_rewrite rewrite;
	struct sip_writer w;
	struct sdp_fault fault;
	rewrite = (struct sdp_rewrite){ .username = SPAN_LIT("-"), .session_id = 1,
		.session_version = 2, .ip = ip_from_v4(0xc0000209),
		.drop = SDP_CLASS_ICE | SDP_CLASS_SDES | SDP_CLASS_DTLS | SDP_CLASS_ADDRESS };
	for (uint32_t i = 0; i < sdp.media_count; i++)
		choose(&rewrite.media[i], &sdp.media[i], i);
	sip_writer_init(&w, out, sizeof(out));
	sdp_put_rewritten(&w, &sdp, &rewrite);
	if (w.is_overflowed || w.len > SDP_TEXT_MAX)
		return;
	CHECK(sdp_parse(sip_writer_text(&w), &again, &fault) == 0);
	CHECK(again.media_count == sdp.media_count);
	CHECK(ip_eq(&again.origin.ip, &rewrite.ip));
	for (uint32_t i = 0; i < again.media_count; i++) {
		const struct sdp_media_rewrite *own = &rewrite.media[i];
		const struct sdp_media *m = &again.media[i];

		if (own->is_passed) {
			CHECK(m->port == sdp.media[i].port);
			CHECK(ip_eq(&m->connection.ip, &sdp.media[i].connection.ip));
			continue;
		}
		CHECK(m->port == own->port);
		CHECK(ip_eq(&m->connection.ip, &rewrite.ip));
		CHECK(m->format_count == (own->format_count ? own->format_count :
							      sdp.media[i].format_count));
		CHECK(span_is_empty(m->mid) || own->is_grouped);
	}
	CHECK(!sdp_find(&again, -1, SDP_ATTR_CANDIDATE));
	check_groups();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sip_writer w;
	struct sdp_fault fault;
	struct span input = span_make((const char *)data, (uint32_t)size);
	if (sdp_parse(input, &sdp, &fault)) {
		CHECK(fault.reason);
		return 0;
	}
	check_codecs();
	check_secure();
	check_rewritten();
	sip_writer_init(&w, out, sizeof(out));
	sdp_put(&w, &sdp);
	if (w.is_overflowed || w.len > SDP_TEXT_MAX)
		return 0;
	CHECK(sdp_parse(sip_writer_text(&w), &again, &fault) == 0);
	check_same();
	return 0;
}
