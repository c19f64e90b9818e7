// Hold in all its forms, by either leg, in an offer or in the answer to a late one (RFC 3264 8.4,
// RFC 6337 5.3), and the way back.
#include "dialog.h"

static struct dialog d;

#define LINES(ip, c, a)                                                                            \
	"v=0\r\no=- 1 2 IN IP4 " ip "\r\ns=-\r\nc=IN IP4 " c "\r\nt=0 0\r\n"                       \
	"m=audio 4000 RTP/AVP 8\r\n" a
#define BOTH(c, a) { LINES("10.1.1.5", c, a), LINES("10.2.1.1", c, a) }

static const struct form {
	const char *name;
	const char *sdp[2]; // of the phone, of the carrier
	const char *heard;  // direction that the other side is told
	const char *answer; // what it says then
	bool is_deaf;       // nothing may be sent to the holder
	bool is_mute;       // nor to the other one
} forms[] = {
	{ "sendonly", { LINES("10.1.1.5", "10.1.1.5", "a=sendonly\r\n"),
		LINES("10.2.1.1", "10.2.1.1", "a=sendonly\r\n") },
		"a=sendonly", "a=recvonly\r\n", false, false },
	{ "recvonly", { LINES("10.1.1.5", "10.1.1.5", "a=recvonly\r\n"),
		LINES("10.2.1.1", "10.2.1.1", "a=recvonly\r\n") },
		"a=recvonly", "a=sendonly\r\n", false, false },
	{ "inactive", { LINES("10.1.1.5", "10.1.1.5", "a=inactive\r\n"),
		LINES("10.2.1.1", "10.2.1.1", "a=inactive\r\n") },
		"a=inactive", "a=inactive\r\n", true, true },
	{ "c=0.0.0.0", BOTH("0.0.0.0", ""), "a=sendonly", "a=recvonly\r\n", true, false },
	{ "c=0.0.0.0 sendonly", BOTH("0.0.0.0", "a=sendonly\r\n"), "a=sendonly", "a=recvonly\r\n",
		true, false },
	{ "c=0.0.0.0 inactive", BOTH("0.0.0.0", "a=inactive\r\n"), "a=inactive", "a=inactive\r\n",
		true, true },
};

static const char *const ip[] = { "10.1.1.5", "10.2.1.1" };

// Whether what comes in by that realm's RTP port is dropped.
static bool is_dropped(const struct fixture *f, uint32_t realm)
{
	for (uint32_t port = 20000; port < 20256; port += 2) {
		const struct flow_cfg *cfg = flow_lookup(&f->view, realm, (uint16_t)port);

		if (cfg)
			return cfg->flags & FLOW_DROP;
	}
	fail_msg("no flow in realm %u", realm);
	return false;
}

static void request(uint32_t side, const char *method, uint32_t cseq, const char *body)
{
	char line[32];

	snprintf(line, sizeof(line), "%s %u", method, cseq);
	if (side == REALM_ACCESS)
		dialog_phone(&d, method, cseq, "", body);
	else
		dialog_carrier(&d, line, "", body);
}

// The newest message with a description to that side.
static const char *told(const struct fixture *f, uint32_t side, const char *start)
{
	for (uint32_t i = f->sent_count; i > 0; i--)
		if (f->sent[i - 1].realm == side && strstr(f->sent[i - 1].text, "v=0") &&
			strncmp(f->sent[i - 1].text, start, strlen(start)) == 0)
			return f->sent[i - 1].text;
	fail_msg("%s was not sent to realm %u", start, side);
	return "";
}

static void expect(const struct fixture *f, uint32_t holder, const struct form *form,
	const char *text)
{
	const char *body = strstr(text, "v=0");

	if (!strstr(body, form->heard) || strstr(body, "0.0.0.0"))
		fail_msg("%s by %u: the other side hears\n%s", form->name, holder, body);
	// The holder's packets come in by its realm's port, those to it by the other's.
	if (is_dropped(f, !holder) != form->is_deaf || is_dropped(f, holder) != form->is_mute)
		fail_msg("%s by %u: to it %d, from it %d", form->name, holder,
			is_dropped(f, !holder), is_dropped(f, holder));
}

static void resume(struct fixture *f, uint32_t holder, uint32_t cseq)
{
	char sdp[2][256];

	for (uint32_t side = 0; side < 2; side++)
		snprintf(sdp[side], sizeof(sdp[side]), "v=0\r\no=- 1 3 IN IP4 %s\r\ns=-\r\n"
			"c=IN IP4 %s\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n", ip[side], ip[side]);
	request(holder, "INVITE", cseq, sdp[holder]);
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200,
		.body = sdp[!holder] });
	request(holder, "ACK", cseq, "");
	assert_null(strstr(strstr(told(f, !holder, "INVITE"), "v=0"), "only"));
	assert_false(is_dropped(f, 0) || is_dropped(f, 1));
}

// The holder offers to be held, the other side agrees.
static void offered(void **state)
{
	struct fixture *f = *state;
	char answer[512];
	uint32_t cseq = 10;

	dialog_establish(&d, f, "", "");
	for (uint32_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		for (uint32_t holder = 0; holder < 2; holder++) {
			fixture_forget(f);
			request(holder, "INVITE", cseq, forms[i].sdp[holder]);
			snprintf(answer, sizeof(answer), "v=0\r\no=- 1 2 IN IP4 %s\r\ns=-\r\n"
				"c=IN IP4 %s\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n%s", ip[!holder],
				ip[!holder], forms[i].answer);
			dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE",
				.status = 200, .body = answer });
			request(holder, "ACK", cseq, "");
			expect(f, holder, &forms[i], told(f, !holder, "INVITE"));
			fixture_forget(f);
			resume(f, holder, cseq + 1);
			cseq += 2;
		}
	}
}

// A re-INVITE without an offer: who is asked offers as usual, the holder's ACK says hold.
static void answered_late(void **state)
{
	struct fixture *f = *state;
	char offer[512];
	uint32_t cseq = 10;

	dialog_establish(&d, f, "", "");
	for (uint32_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		for (uint32_t holder = 0; holder < 2; holder++) {
			fixture_forget(f);
			request(holder, "INVITE", cseq, "");
			snprintf(offer, sizeof(offer), "v=0\r\no=- 1 2 IN IP4 %s\r\ns=-\r\n"
				"c=IN IP4 %s\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n", ip[!holder],
				ip[!holder]);
			dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE",
				.status = 200, .body = offer });
			request(holder, "ACK", cseq, forms[i].sdp[holder]);
			expect(f, holder, &forms[i], told(f, !holder, "ACK"));
			fixture_forget(f);
			resume(f, holder, cseq + 1);
			cseq += 2;
		}
	}
}

// Who is asked without an offer holds by its own: the asker is told so.
static void offered_late(void **state)
{
	struct fixture *f = *state;
	char answer[512];
	uint32_t cseq = 10;

	dialog_establish(&d, f, "", "");
	for (uint32_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		for (uint32_t holder = 0; holder < 2; holder++) {
			uint32_t asker = !holder;

			fixture_forget(f);
			request(asker, "INVITE", cseq, "");
			dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE",
				.status = 200, .body = forms[i].sdp[holder] });
			snprintf(answer, sizeof(answer), "v=0\r\no=- 1 2 IN IP4 %s\r\ns=-\r\n"
				"c=IN IP4 %s\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n%s", ip[asker],
				ip[asker], forms[i].answer);
			request(asker, "ACK", cseq, answer);
			expect(f, holder, &forms[i], told(f, asker, "SIP/2.0 200"));
			fixture_forget(f);
			resume(f, asker, cseq + 1);
			cseq += 2;
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(offered),
		TEST(answered_late),
		TEST(offered_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
