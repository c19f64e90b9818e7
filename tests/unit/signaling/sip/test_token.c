// Tokens: round trip, forgery, key generations, shards.
#include "sip/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

static const struct hash_key cluster = { { 0x1122334455667788, 0x99aabbccddeeff00 } };

static void round_trip(void **state)
{
	static const struct sip_token tokens[] = { { 0, 0, 0 }, { 1023, 0, SIP_TOKEN_VALUE_MAX },
		{ 512, 0, 0x123456789abc }, { 1, 0, 1 } };
	struct sip_keys keys;
	(void)state;
	sip_keys_init(&keys, &cluster, 63);
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		for (unsigned kind = SIP_TOKEN_CALL_ID; kind <= SIP_TOKEN_STATELESS; kind++) {
			char text[SIP_TOKEN_LEN];
			struct sip_token out;
			sip_token_make(&keys, kind, &tokens[i], text);
			assert_true(
				sip_token_verify(&keys, kind, span_make(text, sizeof(text)), &out));
			assert_int_equal(out.shard, tokens[i].shard);
			assert_int_equal(out.generation, 63);
			assert_true(out.value == tokens[i].value);
			// A token of one kind is none of another.
			assert_false(sip_token_verify(&keys, kind % SIP_TOKEN_STATELESS + 1,
				span_make(text, sizeof(text)), &out));
		}
	}
}

static void every_changed_character_is_noticed(void **state)
{
	struct sip_keys keys;
	struct sip_token out, token = { 77, 0, 4711 };
	char text[SIP_TOKEN_LEN];
	(void)state;
	sip_keys_init(&keys, &cluster, 0);
	sip_token_make(&keys, SIP_TOKEN_TAG, &token, text);
	for (uint32_t i = 0; i < SIP_TOKEN_LEN; i++) {
		char old = text[i];
		static const char others[] = "az27A-18\0 ";
		for (size_t k = 0; k < sizeof(others) - 1; k++) {
			text[i] = others[k];
			if (others[k] != old)
				assert_false(sip_token_verify(&keys, SIP_TOKEN_TAG,
					span_make(text, SIP_TOKEN_LEN), &out));
		}
		text[i] = old;
	}
	assert_false(
		sip_token_verify(&keys, SIP_TOKEN_TAG, span_make(text, SIP_TOKEN_LEN - 1), &out));
	assert_false(sip_token_verify(&keys, SIP_TOKEN_TAG, SPAN_NONE, &out));
}

static void two_generations_are_valid(void **state)
{
	struct sip_keys keys[3], other;
	struct hash_key foreign = { { 1, 1 } };
	struct sip_token out, token = { 5, 0, 6 };
	char text[SIP_TOKEN_LEN];
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		sip_keys_init(&keys[i], &cluster, (uint8_t)((63 + i) & 63));
	sip_keys_init(&other, &foreign, 63);
	sip_token_make(&keys[0], SIP_TOKEN_TAG, &token, text);
	struct span s = span_make(text, sizeof(text));
	assert_true(sip_token_verify(&keys[0], SIP_TOKEN_TAG, s, &out));
	assert_true(sip_token_verify(&keys[1], SIP_TOKEN_TAG, s, &out));
	assert_false(sip_token_verify(&keys[2], SIP_TOKEN_TAG, s, &out));
	assert_false(sip_token_verify(&other, SIP_TOKEN_TAG, s, &out));
}

static void branches(void **state)
{
	struct sip_keys keys;
	struct sip_token out, token = { 9, 0, 8 };
	char branch[SIP_BRANCH_LEN];
	(void)state;
	sip_keys_init(&keys, &cluster, 1);
	sip_branch_make(&keys, &token, branch);
	assert_memory_equal(branch, "z9hG4bK", 7);
	assert_true(sip_branch_verify(&keys, span_make(branch, sizeof(branch)), &out));
	assert_int_equal(out.shard, 9);
	branch[0] = 'x';
	assert_false(sip_branch_verify(&keys, span_make(branch, sizeof(branch)), &out));
}

static void shard_is_found_in_raw_messages(void **state)
{
	struct sip_keys keys;
	struct sip_token token = { 321, 0, 8 };
	char text[SIP_TOKEN_LEN], message[512];
	struct span call_id;
	(void)state;
	sip_keys_init(&keys, &cluster, 1);
	sip_token_make(&keys, SIP_TOKEN_CALL_ID, &token, text);
	static const char *const with[] = { "A\r\nCall-ID: %.*s\r\n\r\n", "A\r\ni:%.*s\r\n\r\n",
		"\r\nA\r\nVia: x\r\ncALL-id \t: \r\n %.*s\r\nFrom: y\r\n\r\n", "A\r\nI : %.*s", };
	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++) {
		snprintf(message, sizeof(message), with[i], (int)sizeof(text), text);
		assert_true(sip_scan_callid(span_str(message), &call_id));
		assert_int_equal(sip_callid_shard(&keys, call_id), 321);
	}
	static const char *const without[] = { "", "A", "A\r\n\r\nCall-ID: x\r\n",
		"A\r\nCall-IDs: x\r\n\r\n", "A\r\nVia: Call-ID: x\r\n\r\n", "Call-ID: x\r\n\r\n",
		"A\r\nCall-ID:", "A\r\nix: y\r\n\r\n" };
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++) {
		if (sip_scan_callid(span_str(without[i]), &call_id))
			fail_msg("case %zu", i);
	}
}

static void foreign_calls_spread_and_stay(void **state)
{
	struct sip_keys keys, later;
	static unsigned hits[SIP_SHARDS];
	(void)state;
	sip_keys_init(&keys, &cluster, 1);
	sip_keys_init(&later, &cluster, 2);
	for (unsigned i = 0; i < 64 * SIP_SHARDS; i++) {
		char id[32];
		int len = snprintf(id, sizeof(id), "%u@host", i);
		uint32_t shard = sip_callid_shard(&keys, span_make(id, (uint32_t)len));
		assert_int_equal(shard, sip_callid_shard(&later, span_make(id, (uint32_t)len)));
		hits[shard]++;
	}
	for (unsigned i = 0; i < SIP_SHARDS; i++)
		assert_in_range(hits[i], 20, 130);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(every_changed_character_is_noticed),
		cmocka_unit_test(two_generations_are_valid),
		cmocka_unit_test(branches),
		cmocka_unit_test(shard_is_found_in_raw_messages),
		cmocka_unit_test(foreign_calls_spread_and_stay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
