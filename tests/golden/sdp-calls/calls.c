// Golden files of offer and answer: NAME.txt is a call between the phone (access) and the carrier
// (core), as sections:
//
//   # why this case exists
//   > offer         said by the phone in its INVITE, in the second offer of a file in a re-INVITE
//   < offer         heard by the carrier, or "refused STATUS" by the phone
//   > answer        said by the carrier in its 200
//   < answer        heard by the phone, or "refused STATUS"
//   = flows         what is published then, one line for each port
//
// Before the first offer, lines "! SIDE KEY VALUE ..." set profiles.NAME.sdp: SIDE is phones,
// carrier or both, KEY allow, deny, prefer (codecs), strip_telephone_event, ptime, streams_max,
// unanchored, unknown, bundle, srtp, ice, setup or feedback.
//
// Ports of ours are written P1, P2, ... in order of appearance, our keys (a=crypto) K1, K2, ...,
// words of ours for ICE and DTLS W1, W2, ..., our session ids SID. A flow names its keys: the first
// characters of theirs, and ours. Both realms have an IPv4 and an IPv6 media address. Only the
// sections with ">" are read; the whole file as it results must equal the file. With
// MUGA_GOLDEN_WRITE set the files are written anew.
#include "base/base64.h"
#include "proto/srtp.h"
#include "unit/signaling/call/fixture.h"

#include <dirent.h>

#define DIRECTORY TESTS_DIR "/golden/sdp-calls/"
#define TEXT_MAX  65536u

#define NAMES_MAX 96u
#define KEY_TEXT  64u // characters of the longest key
#define WORDS_MAX 32u
#define WORD_TEXT 40u // characters of a ufrag, pwd or tls-id of ours

struct text {
	char data[TEXT_MAX];
	size_t len;
};

struct names {
	uint16_t ports[NAMES_MAX];
	uint32_t count;
	char keys[NAMES_MAX][KEY_TEXT + 1];
	uint32_t key_count;
	char words[WORDS_MAX][WORD_TEXT + 1];
	uint32_t word_count;
};

static struct text file, result;

static void put(struct text *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(t->data + t->len, sizeof(t->data) - t->len, format, args);
	va_end(args);
	assert_true(n >= 0 && t->len + (size_t)n < sizeof(t->data));
	t->len += (size_t)n;
}

// P1, P2, ... for a port out of our range, the number itself for any other.
static void put_port(struct text *t, struct names *names, unsigned port)
{
	uint32_t i = 0;

	if (port < 20000 || port > FIXTURE_DUAL_PORT_MAX) {
		put(t, "%u", port);
		return;
	}
	while (i < names->count && names->ports[i] != port)
		i++;
	assert_true(i < NAMES_MAX);
	if (i == names->count)
		names->ports[names->count++] = (uint16_t)port;
	put(t, "P%u", i + 1);
}

// K1, K2, ... for a key of ours in base64.
static void put_key(struct text *t, struct names *names, const char *key)
{
	uint32_t i = 0;

	while (i < names->key_count && strcmp(names->keys[i], key) != 0)
		i++;
	assert_true(i < NAMES_MAX);
	if (i == names->key_count)
		snprintf(names->keys[names->key_count++], KEY_TEXT + 1, "%s", key);
	put(t, "K%u", i + 1);
}

// W1, W2, ... for what ICE and DTLS have drawn.
static void put_word(struct text *t, struct names *names, const char *word)
{
	uint32_t i = 0;

	while (i < names->word_count && strcmp(names->words[i], word) != 0)
		i++;
	assert_true(i < WORDS_MAX);
	if (i == names->word_count)
		snprintf(names->words[names->word_count++], WORD_TEXT + 1, "%s", word);
	put(t, "W%u", i + 1);
}

// False: no such line.
static bool put_ice_line(struct text *t, struct names *names, const char *copy)
{
	char name[20], word[WORD_TEXT + 1], head[64];
	unsigned port;
	int at = 0;

	if (sscanf(copy, "a=%19[a-z-]:%40s", name, word) == 2 &&
		(!strcmp(name, "ice-ufrag") || !strcmp(name, "ice-pwd") ||
			!strcmp(name, "tls-id"))) {
		put(t, "a=%s:", name);
		put_word(t, names, word);
		put(t, "\n");
		return true;
	}
	if (sscanf(copy, "a=candidate:%63[^t] %n", head, &at) != 1 || !strstr(copy, " typ "))
		return false;
	char *last = strrchr(head, ' ');
	*last = 0; // the blank in front of "typ"
	last = strrchr(head, ' ');
	port = (unsigned)strtoul(last + 1, NULL, 10);
	put(t, "a=candidate:%.*s ", (int)(last - head), head);
	put_port(t, names, port);
	put(t, "%s\n", strstr(copy, " typ "));
	return true;
}

// One line of our SDP without what chance decides.
static void put_line(struct text *t, struct names *names, const char *line, size_t len)
{
	unsigned long long id;
	unsigned version, port;
	int at = 0;
	char copy[1024], suite[40], key[KEY_TEXT + 1];

	snprintf(copy, sizeof(copy), "%.*s", (int)len, line);
	if (sscanf(copy, "a=crypto:%u %39s inline:%64[^| ]%n", &version, suite, key, &at) == 3) {
		put(t, "a=crypto:%u %s inline:", version, suite);
		put_key(t, names, key);
		put(t, "%s\n", copy + at);
		return;
	}
	if (put_ice_line(t, names, copy))
		return;
	if (sscanf(copy, "o=- %llu %u %n", &id, &version, &at) == 2) {
		put(t, "o=- SID %u %s\n", version, copy + at);
	} else if (sscanf(copy, "m=%*s %u%n", &port, &at) == 1) {
		const char *space = strchr(copy, ' ');

		put(t, "%.*s ", (int)(space - copy), copy);
		put_port(t, names, port);
		put(t, "%s\n", copy + at);
	} else if (sscanf(copy, "a=rtcp:%u%n", &port, &at) == 1) {
		put(t, "a=rtcp:");
		put_port(t, names, port);
		put(t, "%s\n", copy + at);
	} else {
		put(t, "%s\n", copy);
	}
}

static void put_body(struct text *t, struct names *names, const char *message)
{
	const char *at = strstr(message, "\r\n\r\n");

	assert_non_null(at);
	for (at += 4; *at;) {
		size_t len = strcspn(at, "\r\n");

		put_line(t, names, at, len);
		at += len;
		at += strspn(at, "\r\n");
	}
}

// The key that the flow's far end uses, and ours.
static void put_flow_keys(struct text *t, struct names *names, const struct fixture *f,
	const struct flow_cfg *flow)
{
	const uint32_t keys[] = { flow->key_rx, flow->key_tx };

	for (uint32_t use = 0; use < 2; use++) {
		char key_text[KEY_TEXT + 1] = { 0 };
		uint8_t bytes[46];

		if (keys[use] == 0)
			continue;
		const struct flow_key *key = &f->view.keys[keys[use] - 1];
		const struct srtp_suite_info *info = srtp_suite_info(key->suite);
		memcpy(bytes, key->key, info->key_bytes);
		memcpy(bytes + info->key_bytes, key->salt, info->salt_bytes);
		base64_encode(bytes, (size_t)info->key_bytes + info->salt_bytes, key_text);
		put(t, use ? " tx=" : " rx=");
		if (use)
			put_key(t, names, key_text);
		else
			put(t, "%.4s", key_text);
	}
}

// Lines that share the port: their mids, and the payload types that tell them apart.
static void put_bundle(struct text *t, const struct flow_bundle *bundle)
{
	if (bundle->count == 0)
		return;
	put(t, " bundle=");
	for (uint32_t i = 0; i < bundle->count; i++) {
		const struct flow_member *m = &bundle->members[i];

		put(t, "%s%.*s:", i ? "+" : "", m->mid_bytes, m->mid);
		for (uint32_t n = 0, count = 0; n < 128; n++)
			if (m->payload_types[n / 8] & 1u << n % 8)
				put(t, "%s%u", count++ ? "," : "", n);
		for (uint32_t n = 0; n < FLOW_MEMBER_SSRCS && m->ssrc[n]; n++)
			put(t, "/%u", m->ssrc[n]);
	}
	put(t, " mid-extension=%u", bundle->mid_extension);
}

// What is agreed about ICE and DTLS: their ufrag, our word for ours.
static void put_agreement(struct text *t, struct names *names, const struct fixture *f,
	const struct flow_cfg *flow)
{
	static const char *const ices[] = { "off", "lite", "full" };
	static const char *const roles[] = { "off", "passive", "active" };
	char own[WORD_TEXT + 1];

	if (flow->secure == 0)
		return;
	const struct flow_secure *s = &shm_flow_secure(&f->signaling)[flow->secure - 1];
	assert_true(flow_secure_is_valid(s, flow->incarnation));
	put(t, " dtls=%s ice=%s", roles[s->dtls], ices[s->ice]);
	if (s->own_ufrag_bytes == 0)
		return;
	snprintf(own, sizeof(own), "%.*s", s->own_ufrag_bytes, s->own_ufrag);
	put(t, " own=");
	put_word(t, names, own);
	put(t, " theirs=%.*s candidates=%u%s", s->ufrag_bytes, s->ufrag, s->candidate_count,
		s->is_controlling ? " controlling" : "");
	put_bundle(t, &s->bundle);
}

static void put_flow(struct text *t, struct names *names, const struct fixture *f, uint32_t address,
	const struct flow_cfg *flow)
{
	static const char *const owners[] = { "access", "access6", "core", "core6" };
	static const char *const kinds[] = { "rtp", "rtcp", "opaque" };
	char remote[ADDR_TEXT_MAX] = "unknown";
	struct addr addr = { .ip = flow->remote_ip, .port = flow->remote_port };

	if (flow->remote_port)
		addr_format(&addr, remote);
	put(t, "%s ", owners[address]);
	put_port(t, names, flow->port);
	put(t, " %s far=%s peer=%s ", kinds[flow->kind], remote,
		flow->peer_incarnation ? owners[flow->peer_address] : "none");
	put_port(t, names, flow->peer_incarnation ? flow->peer_port : 0);
	put(t, "%s%s%s", flow->flags & FLOW_RTCP_MUX ? " mux" : "",
		flow->flags & FLOW_RTCP_COMPANION ? " companion" : "",
		flow->flags & FLOW_DROP ? " drop" : "");
	put_flow_keys(t, names, f, flow);
	put_agreement(t, names, f, flow);
	if (flow->bundle_port) {
		put(t, " by=");
		put_port(t, names, flow->bundle_port);
	}
	put(t, "\n");
}

static void put_flows(struct text *t, struct names *names, const struct fixture *f)
{
	put(t, "= flows\n");
	for (uint32_t address = 0; address < 4; address++) {
		for (uint32_t port = 20000; port <= FIXTURE_DUAL_PORT_MAX; port++) {
			const struct flow_cfg *flow =
				flow_lookup(&f->view, address, (uint16_t)port);

			if (flow)
				put_flow(t, names, f, address, flow);
		}
	}
}

// The section that follows `at` and begins with `title`, as CRLF lines. NULL: no more of them.
static const char *section(const char *at, const char *title, struct text *out)
{
	at = strstr(at, title);
	if (!at)
		return NULL;
	at += strlen(title);
	out->len = 0;
	out->data[0] = 0;
	while (*at && *at != '<' && *at != '>' && *at != '=') {
		size_t len = strcspn(at, "\n");

		put(out, "%.*s\r\n", (int)len, at);
		at += len + (at[len] == '\n');
	}
	return at;
}

static void put_said(struct text *t, const char *title, const struct text *said)
{
	put(t, "%s", title);
	for (const char *at = said->data; *at; at++)
		if (*at != '\r')
			put(t, "%c", *at);
}

static void put_heard(struct text *t, struct names *names, const struct fixture *f,
	const char *wanted)
{
	const struct fixture_message *m = fixture_last(f, wanted);
	const struct fixture_message *refusal = NULL;

	for (uint32_t i = 0; i < f->sent_count; i++)
		if (strncmp(f->sent[i].text, "SIP/2.0 ", 8) == 0 && f->sent[i].text[8] >= '4' &&
			f->sent[i].realm == REALM_ACCESS)
			refusal = &f->sent[i];
	if (refusal)
		put(t, "refused %.3s\n", refusal->text + 8);
	else if (m)
		put_body(t, names, m->text);
	else
		fail_msg("neither %s nor a refusal", wanted);
}

static void send_offer(struct fixture *f, uint32_t cseq, const char *body)
{
	char branch[16], tag[64] = "";

	snprintf(branch, sizeof(branch), "offer%u", cseq);
	struct fixture_request invite = { .method = "INVITE", .cseq = cseq, .body = body,
		.branch = branch };
	if (cseq > 1) {
		fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));
		struct fixture_request ack = { .method = "ACK", .cseq = cseq - 1, .to_tag = tag,
			.branch = "ack" };
		invite.to_tag = tag;
		fixture_phone(f, &ack);
	}
	fixture_forget(f);
	fixture_phone(f, &invite);
}

static void set_codecs(struct profile_codec_list *list, struct profile_codec *room,
	const char *words)
{
	struct span rest = span_str(words), word;

	list->codecs = room;
	list->count = 0;
	while (span_cut(&rest, ' ', &word)) {
		bool is_video = span_starts(word, SPAN_LIT("video/"));

		assert_true(list->count < PROFILE_CODECS_MAX);
		room[list->count++] = (struct profile_codec){ .is_video = is_video,
			.name = span_sub(word, is_video ? 6 : 0, word.len) };
	}
}

static void set_key(struct profile_sdp *sdp, uint32_t side, const char *key, const char *value)
{
	static struct profile_codec room[2][3][PROFILE_CODECS_MAX];
	uint32_t number = (uint32_t)strtoul(value, NULL, 10);

	if (strcmp(key, "allow") == 0)
		set_codecs(&sdp->allow, room[side][0], value);
	else if (strcmp(key, "deny") == 0)
		set_codecs(&sdp->deny, room[side][1], value);
	else if (strcmp(key, "prefer") == 0)
		set_codecs(&sdp->prefer, room[side][2], value);
	else if (strcmp(key, "strip_telephone_event") == 0)
		sdp->strip_telephone_event = strcmp(value, "true") == 0;
	else if (strcmp(key, "ptime") == 0)
		sdp->ptime_ms = number;
	else if (strcmp(key, "streams_max") == 0)
		sdp->streams_max = number;
	else if (strcmp(key, "unanchored") == 0)
		sdp->unanchored = strcmp(value, "pass") == 0;
	else if (strcmp(key, "unknown") == 0)
		sdp->unknown = strcmp(value, "pass") == 0;
	else if (strcmp(key, "bundle") == 0)
		sdp->bundle = strcmp(value, "pass") == 0;
	else if (strcmp(key, "srtp") == 0)
		sdp->srtp = strcmp(value, "required") == 0 ? PROFILE_SRTP_REQUIRED :
			strcmp(value, "dtls") == 0	   ? PROFILE_SRTP_DTLS :
							     PROFILE_SRTP_OPTIONAL;
	else if (strcmp(key, "ice") == 0)
		sdp->ice = strcmp(value, "full") == 0 ? PROFILE_ICE_FULL : PROFILE_ICE_LITE;
	else if (strcmp(key, "setup") == 0)
		sdp->setup = strcmp(value, "passive") == 0;
	else if (strcmp(key, "feedback") == 0)
		sdp->feedback = strcmp(value, "keep") == 0 ? PROFILE_FEEDBACK_KEEP :
							     PROFILE_FEEDBACK_STRIP;
	else
		fail_msg("no such key: %s", key);
}

// The codecs' names point into `lines`, which stay until the next file.
static void set_profiles(struct fixture *f)
{
	static char lines[2][16][256];
	uint32_t count = 0;

	for (const char *at = strstr(file.data, "\n! "); at; at = strstr(at + 1, "\n! ")) {
		char side[16], key[32];
		int skip = 0;

		assert_true(count < 16);
		assert_int_equal(sscanf(at, "\n! %15s %31s %n", side, key, &skip), 2);
		for (uint32_t i = 0; i < 2; i++) {
			snprintf(lines[i][count], sizeof(lines[i][count]), "%.*s",
				(int)strcspn(at + skip, "\n"), at + skip);
			if (strcmp(side, "both") == 0 || strcmp(side, f->profiles[i].name) == 0)
				set_key(&f->profiles[i].sdp, i, key, lines[i][count]);
		}
		count++;
	}
}

static void run_call(struct fixture *f)
{
	static struct text said;
	static struct names names;
	const char *at = file.data;
	uint32_t cseq = 0;

	result.len = 0;
	names = (struct names){ .count = 0 };
	put(&result, "%.*s", (int)(strstr(at, "> offer\n") - at), at);
	while ((at = section(at, "> offer\n", &said))) {
		send_offer(f, ++cseq, said.data);
		put_said(&result, "> offer\n", &said);
		put(&result, "< offer\n");
		put_heard(&result, &names, f, "INVITE");
		const char *next = strstr(at, "> offer\n");
		const char *answer = section(at, "> answer\n", &said);
		if (answer && (!next || answer <= next)) {
			fixture_carrier(f, "INVITE", 200, said.data);
			put_said(&result, "> answer\n", &said);
			put(&result, "< answer\n");
			put_heard(&result, &names, f, "SIP/2.0 200");
			at = answer;
		}
		put_flows(&result, &names, f);
	}
}

// The certificate that media shows.
static void set_identity(struct fixture *f)
{
	struct flow_fingerprint own = { .hash = 1 };

	for (uint32_t i = 0; i < 32; i++)
		own.value[i] = (uint8_t)i;
	shm_identity_publish(shm_identity_of(&f->media), &own);
}

static void load(const char *path)
{
	FILE *in = fopen(path, "rb");

	assert_non_null(in);
	file.len = fread(file.data, 1, sizeof(file.data) - 1, in);
	file.data[file.len] = 0;
	fclose(in);
	assert_non_null(strstr(file.data, "> offer\n"));
}

static void save(const char *path)
{
	FILE *out = fopen(path, "wb");

	assert_non_null(out);
	assert_int_equal(fwrite(result.data, 1, result.len, out), result.len);
	fclose(out);
}

static void calls_agree(void **state)
{
	DIR *dir = opendir(DIRECTORY);
	uint32_t count = 0;

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		char path[1024];

		if (!strstr(entry->d_name, ".txt") || !strcmp(entry->d_name, "CMakeLists.txt"))
			continue;
		snprintf(path, sizeof(path), DIRECTORY "%s", entry->d_name);
		load(path);
		assert_int_equal(fixture_open_dual(state), 0);
		set_profiles(*state);
		set_identity(*state);
		run_call(*state);
		fixture_close(state);
		count++;
		if (getenv("MUGA_GOLDEN_WRITE"))
			save(path);
		else if (strcmp(file.data, result.data) != 0)
			fail_msg("%s differs; got:\n%s", entry->d_name, result.data);
	}
	closedir(dir);
	assert_true(count >= 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(calls_agree) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
