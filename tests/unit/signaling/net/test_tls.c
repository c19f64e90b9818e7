// Two sessions that hand each other their ciphertext: who believes whom, and what passes through.
#include "net/tls_private.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "certs.h"

static struct certs certs, strangers; // strangers: another CA of the same name

static int set_up(void **state)
{
	(void)state;
	certs_open(&certs);
	certs_open(&strangers);
	certs_make(&certs, "server", "DNS:sip.example.com,IP:192.0.2.1");
	certs_make(&certs, "client", "DNS:client.example.com");
	certs_make(&strangers, "stranger", "DNS:sip.example.com");
	X509_free(certs_issue(&certs, "expired", "DNS:sip.example.com", -1));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	certs_close(&certs);
	certs_close(&strangers);
	return 0;
}

struct pair {
	struct tls_context *contexts[2];
	struct tls_session *sessions[2]; // client, server
	enum tls_state states[2];
};

// Ciphertext of one becomes input of the other. In pieces, as a network would bring it.
static void carry(struct tls_session *from, struct tls_session *to, uint32_t piece)
{
	struct span out;
	while ((out = tls_session_output(from)).len > 0) {
		uint32_t len = out.len < piece ? out.len : piece;
		assert_true(tls_session_receive(to, span_sub(out, 0, len)));
		tls_session_sent(from, len);
	}
}

static void shake(struct pair *pair)
{
	for (int round = 0; round < 6; round++)
		for (int i = 0; i < 2; i++) {
			if (pair->states[i] == TLS_HANDSHAKE)
				pair->states[i] = tls_session_handshake(pair->sessions[i]);
			carry(pair->sessions[i], pair->sessions[1 - i], 700);
		}
}

static void pair_open(struct pair *pair, const struct tls_settings *client,
	const struct tls_settings *server, const char *name)
{
	char error[TLS_ERROR_MAX];
	struct ip ip = ip_from_v4(0xc0000201);
	*pair = (struct pair){ 0 };
	if (tls_context_new(client, &pair->contexts[0], error) < 0 ||
		tls_context_new(server, &pair->contexts[1], error) < 0)
		fail_msg("%s", error);
	pair->sessions[0] = tls_session_new(pair->contexts[0], span_str(name), &ip);
	pair->sessions[1] = tls_session_new(pair->contexts[1], SPAN_NONE, NULL);
	shake(pair);
}

static void pair_close(struct pair *pair)
{
	for (int i = 0; i < 2; i++) {
		tls_session_free(pair->sessions[i]);
		tls_context_free(pair->contexts[i]);
	}
}

static struct tls_settings settings_of(struct certs *from, bool is_server, const char *name,
	enum tls_verify verify)
{
	static char paths[8][2][160];
	static int next;
	char (*path)[160] = paths[next++ % 8];
	snprintf(path[0], sizeof(path[0]), "%s/%s.pem", from->dir, name != NULL ? name : "");
	snprintf(path[1], sizeof(path[1]), "%s/%s.key", from->dir, name != NULL ? name : "");
	return (struct tls_settings){ .is_server = is_server, .cert = name ? path[0] : NULL,
		.key = name ? path[1] : NULL, .verify = verify };
}

// One side refuses, in TLS 1.3 the server may do so after the client believes to be done.
static void test_who_believes_whom(void **state)
{
	static const struct {
		const char *server;       // certificate
		enum tls_verify of_client;
		const char *client;
		enum tls_verify of_server;
		const char *name;
		int refuses;              // 0 client, 1 server, -1 nobody
		const char *why;
	} cases[] = {
		{ "server", TLS_VERIFY_NONE, NULL, TLS_VERIFY_NAME, "sip.example.com", -1, "" },
		{ "server", TLS_VERIFY_NONE, NULL, TLS_VERIFY_NAME, "", -1, "" }, // its address
		{ "server", TLS_VERIFY_NONE, NULL, TLS_VERIFY_NAME, "example.com", 0,
		  "the certificate shows another name" },
		{ "server", TLS_VERIFY_NONE, NULL, TLS_VERIFY_CHAIN, "example.com", -1, "" },
		{ "stranger", TLS_VERIFY_NONE, NULL, TLS_VERIFY_NAME, "sip.example.com", 0,
		  "certificate signature failure" },
		{ "stranger", TLS_VERIFY_NONE, NULL, TLS_VERIFY_CHAIN, "sip.example.com", 0,
		  "certificate signature failure" },
		{ "stranger", TLS_VERIFY_NONE, NULL, TLS_VERIFY_NONE, "example.com", -1, "" },
		{ "expired", TLS_VERIFY_NONE, NULL, TLS_VERIFY_NAME, "sip.example.com", 0,
		  "certificate has expired" },
		{ "server", TLS_VERIFY_REQUIRE, "client", TLS_VERIFY_NAME, "sip.example.com", -1,
		  "" },
		{ "server", TLS_VERIFY_REQUIRE, NULL, TLS_VERIFY_NAME, "sip.example.com", 1,
		  "peer did not return a certificate" },
		{ "server", TLS_VERIFY_REQUIRE, "stranger", TLS_VERIFY_NAME, "sip.example.com", 1,
		  "certificate signature failure" },
		{ "server", TLS_VERIFY_REQUEST, NULL, TLS_VERIFY_NAME, "sip.example.com", -1, "" },
		{ "server", TLS_VERIFY_REQUEST, "stranger", TLS_VERIFY_NAME, "sip.example.com", 1,
		  "certificate signature failure" },
		{ "server", TLS_VERIFY_NONE, "stranger", TLS_VERIFY_NAME, "sip.example.com", -1,
		  "" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pair pair;
		char ca[160];
		snprintf(ca, sizeof(ca), "%s/ca.pem", certs.dir);
		bool is_strange[2] = { cases[i].client && strcmp(cases[i].client, "stranger") == 0,
			strcmp(cases[i].server, "stranger") == 0 };
		struct tls_settings client = settings_of(is_strange[0] ? &strangers : &certs, false,
			cases[i].client, cases[i].of_server);
		struct tls_settings server = settings_of(is_strange[1] ? &strangers : &certs, true,
			cases[i].server, cases[i].of_client);
		client.ca = ca;
		server.ca = ca;
		pair_open(&pair, &client, &server, cases[i].name);
		int refuses = pair.states[0] == TLS_FAILED && tls_session_why(pair.sessions[0])[0] ?
			0 : pair.states[1] == TLS_FAILED ? 1 : -1;
		if (refuses != cases[i].refuses)
			fail_msg("case %zu: %d refuses, \"%s\" \"%s\"", i, refuses,
				tls_session_why(pair.sessions[0]),
				tls_session_why(pair.sessions[1]));
		if (refuses >= 0)
			assert_string_equal(tls_session_why(pair.sessions[refuses]), cases[i].why);
		else
			assert_true(pair.states[0] == TLS_OPEN && pair.states[1] == TLS_OPEN);
		pair_close(&pair);
	}
}

static void pair_of_friends(struct pair *pair)
{
	struct tls_settings server = settings_of(&certs, true, "server", TLS_VERIFY_NONE);
	struct tls_settings client = settings_of(&certs, false, NULL, TLS_VERIFY_NONE);
	pair_open(pair, &client, &server, "sip.example.com");
	assert_true(pair->states[0] == TLS_OPEN && pair->states[1] == TLS_OPEN);
}

static void test_bytes_pass_both_ways(void **state)
{
	static char sent[40000], got[40000];
	struct pair pair;
	(void)state;
	pair_of_friends(&pair);
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char)(i * 7);
	for (int from = 0; from < 2; from++) {
		uint32_t total = 0, len = 1;
		assert_true(tls_session_write(pair.sessions[from], span_make(sent, sizeof(sent))));
		assert_true(tls_session_output(pair.sessions[from]).len > sizeof(sent));
		carry(pair.sessions[from], pair.sessions[1 - from], 5000);
		while (len > 0) {
			assert_int_equal(tls_session_read(pair.sessions[1 - from], got + total,
				9000, &len), TLS_OPEN);
			total += len;
		}
		assert_int_equal(total, sizeof(sent));
		assert_memory_equal(sent, got, sizeof(sent));
	}
	pair_close(&pair);
}

static void test_goodbye(void **state)
{
	struct pair pair;
	char buf[100];
	uint32_t len;
	(void)state;
	pair_of_friends(&pair);
	tls_session_close(pair.sessions[0]);
	carry(pair.sessions[0], pair.sessions[1], 700);
	assert_int_equal(tls_session_read(pair.sessions[1], buf, sizeof(buf), &len), TLS_CLOSED);
	assert_int_equal(len, 0);
	assert_string_equal(tls_session_why(pair.sessions[1]), "");
	pair_close(&pair);
}

// Not TLS at all, a changed record, an old version: all told apart from silence.
static void test_garbage(void **state)
{
	struct pair pair;
	char buf[100];
	uint32_t len;
	(void)state;
	pair_of_friends(&pair);
	assert_true(tls_session_write(pair.sessions[0], SPAN_LIT("hello")));
	struct span out = tls_session_output(pair.sessions[0]);
	char *record = malloc(out.len);
	memcpy(record, out.ptr, out.len);
	record[out.len - 1] ^= 1;
	assert_true(tls_session_receive(pair.sessions[1], span_make(record, out.len)));
	assert_int_equal(tls_session_read(pair.sessions[1], buf, sizeof(buf), &len), TLS_FAILED);
	assert_string_not_equal(tls_session_why(pair.sessions[1]), "");
	free(record);

	struct tls_session *server = tls_session_new(pair.contexts[1], SPAN_NONE, NULL);
	assert_int_equal(tls_session_handshake(server), TLS_HANDSHAKE);
	assert_true(tls_session_receive(server, SPAN_LIT("INVITE sip:a@b SIP/2.0\r\n")));
	assert_int_equal(tls_session_handshake(server), TLS_FAILED);
	tls_session_free(server);
	pair_close(&pair);
}

static void test_version(void **state)
{
	static const struct {
		int version;
		bool is_good;
	} cases[] = { { TLS1_1_VERSION, false }, { TLS1_2_VERSION, true },
		{ TLS1_3_VERSION, true } };
	struct tls_settings settings = settings_of(&certs, true, "server", TLS_VERIFY_NONE);
	struct tls_context *context;
	char error[TLS_ERROR_MAX], what[80];
	(void)state;
	assert_int_equal(tls_context_new(&settings, &context, error), 0);
	for (size_t i = 0; i < 3; i++) {
		SSL_CTX *other = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_security_level(other, 0);
		SSL_CTX_set_min_proto_version(other, cases[i].version);
		SSL_CTX_set_max_proto_version(other, cases[i].version);
		SSL *ssl = SSL_new(other);
		BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
		SSL_set_bio(ssl, in, out);
		SSL_set_connect_state(ssl);
		struct tls_session *server = tls_session_new(context, SPAN_NONE, NULL);
		enum tls_state result = TLS_HANDSHAKE;
		for (int round = 0; round < 4 && result == TLS_HANDSHAKE; round++) {
			char *data;
			SSL_do_handshake(ssl);
			long len = BIO_get_mem_data(out, &data);
			tls_session_receive(server, span_make(data, (uint32_t)len));
			(void)BIO_reset(out);
			result = tls_session_handshake(server);
			struct span answer = tls_session_output(server);
			BIO_write(in, answer.ptr, (int)answer.len);
			tls_session_sent(server, answer.len);
		}
		assert_int_equal(result, cases[i].is_good ? TLS_OPEN : TLS_FAILED);
		if (cases[i].is_good) {
			tls_session_describe(server, what, sizeof(what));
			assert_non_null(strstr(what, i == 1 ? "TLSv1.2 ECDHE-" : "TLSv1.3 TLS_"));
		}
		tls_session_free(server);
		SSL_free(ssl);
		SSL_CTX_free(other);
	}
	tls_context_free(context);
}

// A client that comes back with its ticket costs no signature, and is who it was.
static void test_resumed(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	(void)state;
	for (int v = 0; v < 2; v++) {
		struct tls_settings client =
			settings_of(&certs, false, "client", TLS_VERIFY_NAME);
		struct tls_settings server =
			settings_of(&certs, true, "server", TLS_VERIFY_REQUIRE);
		struct ip ip = ip_from_v4(0xc0000201);
		struct pair first, again;
		char buf[16];
		uint32_t len;
		client.ca = server.ca = certs_path(&certs, "ca.pem");
		pair_open(&first, &client, &server, "sip.example.com");
		SSL_CTX_set_max_proto_version(first.contexts[0]->ssl, versions[v]);
		for (int round = 0; round < 2; round++) { // the first one for the ticket
			again = (struct pair){ 0 };
			memcpy(again.contexts, first.contexts, sizeof(again.contexts));
			again.sessions[0] = tls_session_new(again.contexts[0],
				SPAN_LIT("sip.example.com"), &ip);
			again.sessions[1] = tls_session_new(again.contexts[1], SPAN_NONE, NULL);
			if (round == 1)
				SSL_set_session(tls_session_ssl(again.sessions[0]),
					SSL_get0_session(tls_session_ssl(first.sessions[0])));
			shake(&again);
			assert_int_equal(again.states[1], TLS_OPEN);
			tls_session_read(again.sessions[0], buf, sizeof(buf), &len); // the ticket
			assert_int_equal(
				SSL_session_reused(tls_session_ssl(again.sessions[1])), round);
			assert_true(tls_session_is_proved(again.sessions[1]));
			assert_true(tls_session_shows(again.sessions[1],
				SPAN_LIT("client.example.com"), &ip));
			tls_session_free(first.sessions[0]);
			tls_session_free(first.sessions[1]);
			first.sessions[0] = again.sessions[0];
			first.sessions[1] = again.sessions[1];
		}
		pair_close(&first);
	}
}

// As a client we take up what the same server gave us, and nobody else.
static void test_taken_up(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	static const struct {
		const char *name;
		int is_resumed;
	} rounds[] = {
		{ "sip.example.com", 0 }, { "sip.example.com", 1 }, { "sip.example.com", 1 },
		{ "", 0 }, { "", 1 }, { "sip.example.com", 1 },
	};
	(void)state;
	for (int v = 0; v < 2; v++) {
		struct tls_settings client =
			settings_of(&certs, false, "client", TLS_VERIFY_NAME);
		struct tls_settings server =
			settings_of(&certs, true, "server", TLS_VERIFY_REQUIRE);
		struct ip ip = ip_from_v4(0xc0000201);
		struct tls_context *contexts[2];
		char error[TLS_ERROR_MAX], buf[16];
		uint32_t len;
		client.ca = server.ca = certs_path(&certs, "ca.pem");
		assert_int_equal(tls_context_new(&client, &contexts[0], error), 0);
		assert_int_equal(tls_context_new(&server, &contexts[1], error), 0);
		SSL_CTX_set_max_proto_version(contexts[0]->ssl, versions[v]);
		for (size_t i = 0; i < sizeof(rounds) / sizeof(rounds[0]); i++) {
			struct pair pair = { 0 };
			struct span name = span_str(rounds[i].name);
			pair.sessions[0] = tls_session_new(contexts[0], name, &ip);
			pair.sessions[1] = tls_session_new(contexts[1], SPAN_NONE, NULL);
			shake(&pair);
			assert_int_equal(pair.states[0], TLS_OPEN);
			assert_int_equal(pair.states[1], TLS_OPEN);
			tls_session_read(pair.sessions[0], buf, sizeof(buf), &len); // tickets
			for (int k = 0; k < 2; k++)
				assert_int_equal(tls_session_is_resumed(pair.sessions[k]),
					rounds[i].is_resumed);
			assert_true(tls_session_shows(pair.sessions[0], name, &ip));
			// Contexts go before their sessions when certificates are renewed.
			if (i + 1 == sizeof(rounds) / sizeof(rounds[0])) {
				tls_context_free(contexts[0]);
				tls_context_free(contexts[1]);
			}
			tls_session_free(pair.sessions[0]);
			tls_session_free(pair.sessions[1]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken_up),
		cmocka_unit_test(test_who_believes_whom),
		cmocka_unit_test(test_resumed),
		cmocka_unit_test(test_bytes_pass_both_ways),
		cmocka_unit_test(test_goodbye),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_version),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
