// Two offers that meet: what of one answers the other.
#include "params.h"

#include "call/mutual.h"

#define HEAD(ip) "v=0\r\no=- 7 8 IN IP4 " ip "\r\ns=-\r\nc=IN IP4 " ip "\r\nt=0 0\r\n"
#define FAR      HEAD("192.0.2.1")
#define OWN      HEAD("192.0.2.9")
#define SUITE    " AES_CM_128_HMAC_SHA1_80 inline:"
#define KEY_OWN  "cJOJ7kxQjhFBp2fP6AYjs3vKw7CeBdWZCj0isbJv"
#define KEY_FAR  "AJOJ7kxQjhFBp2fP6AYjs3vKw7CeBdWZCj0isbJv"
#define KEY_GCM  "AAECAwQFBgcICQoLDA0OD1F1aWQgcHJvIHF1bw=="

static const struct {
	const char *name, *own, *far, *wanted; // wanted: NULL = nothing in common
} cases[] = {
	{ "the same", OWN "m=audio 5000 RTP/AVP 8\r\n", FAR "m=audio 4000 RTP/AVP 8\r\n",
		OWN "m=audio 5000 RTP/AVP 8\r\na=sendrecv\r\n" },
	// Each side's own numbers for what both can.
	{ "numbers", OWN "m=audio 5000 RTP/AVP 8 111 96\r\na=rtpmap:111 opus/48000/2\r\n"
		"a=fmtp:111 useinbandfec=1\r\na=rtpmap:96 AMR/8000\r\n",
		FAR "m=audio 4000 RTP/AVP 96 0\r\na=rtpmap:96 OPUS/48000/2\r\n",
		OWN "m=audio 5000 RTP/AVP 111\r\na=rtpmap:111 opus/48000/2\r\n"
		"a=fmtp:111 useinbandfec=1\r\na=sendrecv\r\n" },
	{ "clock rates", OWN "m=audio 5000 RTP/AVP 96\r\na=rtpmap:96 speex/16000\r\n",
		FAR "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 speex/8000\r\n", NULL },
	{ "events alone", OWN "m=audio 5000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n",
		FAR "m=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 telephone-event/8000\r\n", NULL },
	{ "directions", OWN "m=audio 5000 RTP/AVP 8\r\na=sendonly\r\n",
		FAR "m=audio 4000 RTP/AVP 8\r\n",
		OWN "m=audio 5000 RTP/AVP 8\r\na=sendonly\r\n" },
	{ "held by both", OWN "m=audio 5000 RTP/AVP 8\r\na=sendonly\r\n",
		FAR "m=audio 4000 RTP/AVP 8\r\na=sendonly\r\n",
		OWN "m=audio 5000 RTP/AVP 8\r\na=inactive\r\n" },
	{ "more lines there", OWN "m=audio 5000 RTP/AVP 8\r\n",
		FAR "m=audio 4000 RTP/AVP 8\r\nm=video 4002 RTP/AVP 31 34\r\n",
		OWN "m=audio 5000 RTP/AVP 8\r\na=sendrecv\r\nm=video 0 RTP/AVP 31 34\r\n" },
	{ "more lines here", OWN "m=audio 5000 RTP/AVP 8\r\nm=video 5002 RTP/AVP 31\r\n",
		FAR "m=audio 4000 RTP/AVP 8\r\n",
		OWN "m=audio 5000 RTP/AVP 8\r\na=sendrecv\r\n" },
	{ "other kinds", OWN "m=audio 5000 RTP/AVP 8\r\nm=image 5002 udptl t38\r\n",
		FAR "m=image 4000 udptl t38\r\nm=image 4002 udptl t38\r\n",
		OWN "m=image 0 udptl t38\r\nm=image 5002 udptl t38\r\na=sendrecv\r\n" },
	// A line that cannot be had is told as it was offered.
	{ "events beside", OWN "m=audio 5000 RTP/AVP 8 101\r\n"
		"a=rtpmap:101 telephone-event/8000\r\nm=video 5002 RTP/AVP 31\r\n",
		FAR "m=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 telephone-event/8000\r\n"
		"m=video 4002 RTP/AVP 31\r\n",
		OWN "m=audio 0 RTP/AVP 0 96\r\nm=video 5002 RTP/AVP 31\r\na=sendrecv\r\n" },
	// One key of a suite that both have, under the other's tag.
	{ "keys", OWN "m=audio 5000 RTP/SAVP 8\r\na=crypto:1 AEAD_AES_128_GCM inline:" KEY_GCM
		"\r\na=crypto:2" SUITE KEY_OWN "|2^20|1:4\r\n",
		FAR "m=audio 4000 RTP/SAVP 8\r\na=crypto:7 AES_CM_128_HMAC_SHA1_32 inline:"
		KEY_FAR "\r\na=crypto:9" SUITE KEY_FAR "\r\n",
		OWN "m=audio 5000 RTP/SAVP 8\r\na=crypto:9" SUITE KEY_OWN
		"|2^20|1:4\r\na=sendrecv\r\n" },
	{ "no common suite", OWN "m=audio 5000 RTP/SAVP 8\r\na=crypto:1 AEAD_AES_128_GCM inline:"
		KEY_GCM "\r\n", FAR "m=audio 4000 RTP/SAVP 8\r\na=crypto:1" SUITE KEY_FAR "\r\n",
		NULL },
	{ "keys by one", OWN "m=audio 5000 RTP/AVP 8\r\na=crypto:1" SUITE KEY_OWN "\r\n",
		FAR "m=audio 4000 RTP/AVP 8\r\n",
		OWN "m=audio 5000 RTP/AVP 8\r\na=sendrecv\r\n" },
	{ "mux by one", OWN "m=audio 5000 RTP/AVP 8\r\na=rtcp-mux\r\n",
		FAR "m=audio 4000 RTP/AVP 8\r\n",
		OWN "m=audio 5000 RTP/AVP 8\r\na=sendrecv\r\n" },
	{ "rejected", OWN "m=audio 0 RTP/AVP 8\r\n", FAR "m=audio 4000 RTP/AVP 8\r\n", NULL },
	{ "malformed", "v=1\r\n", FAR "m=audio 4000 RTP/AVP 8\r\n", NULL },
};

static void answers(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[4096];
		struct sip_writer w;

		sip_writer_init(&w, out, sizeof(out));
		bool is_common = mutual_put(f->core, &w, span_str(cases[i].own),
			span_str(cases[i].far));
		if (is_common != (cases[i].wanted != NULL))
			fail_msg("%s", cases[i].name);
		if (is_common)
			params_expect(&w, cases[i].wanted, cases[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers, fixture_open, fixture_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
