#include "proto/srtp.h"

#include <string.h>

static const struct srtp_suite_info suites[SRTP_SUITE_COUNT] = {
	[SRTP_AES_CM_128_HMAC_SHA1_80] = { "AES_CM_128_HMAC_SHA1_80", 16, 14, SRTP_AUTH_KEY, 10,
		10, false },
	[SRTP_AES_CM_128_HMAC_SHA1_32] = { "AES_CM_128_HMAC_SHA1_32", 16, 14, SRTP_AUTH_KEY, 4, 10,
		false },
	[SRTP_AES_256_CM_HMAC_SHA1_80] = { "AES_256_CM_HMAC_SHA1_80", 32, 14, SRTP_AUTH_KEY, 10,
		10, false },
	[SRTP_AES_256_CM_HMAC_SHA1_32] = { "AES_256_CM_HMAC_SHA1_32", 32, 14, SRTP_AUTH_KEY, 4, 10,
		false },
	[SRTP_AEAD_AES_128_GCM] = { "AEAD_AES_128_GCM", 16, 12, 0, 16, 16, true },
	[SRTP_AEAD_AES_256_GCM] = { "AEAD_AES_256_GCM", 32, 12, 0, 16, 16, true },
};

const struct srtp_suite_info *srtp_suite_info(uint32_t suite)
{
	return suite != SRTP_NONE && suite < SRTP_SUITE_COUNT ? &suites[suite] : NULL;
}

enum srtp_suite srtp_suite_by_name(const char *name, size_t len)
{
	for (uint32_t suite = SRTP_NONE + 1; suite < SRTP_SUITE_COUNT; suite++)
		if (strlen(suites[suite].name) == len && memcmp(suites[suite].name, name, len) == 0)
			return (enum srtp_suite)suite;
	return SRTP_NONE;
}
