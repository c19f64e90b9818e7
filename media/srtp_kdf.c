#include "srtp_kdf.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#define LABEL_AT      7u // of the 112 bits: label and index DIV rate are its last 56
#define LABELS_OF_ONE 3u // cipher key, authentication key, salt; then the same for RTCP

int srtp_kdf_init(struct srtp_kdf *kdf)
{
	kdf->cipher = EVP_CIPHER_CTX_new();
	return kdf->cipher ? 0 : -ENOMEM;
}

void srtp_kdf_fini(struct srtp_kdf *kdf)
{
	EVP_CIPHER_CTX_free(kdf->cipher);
	kdf->cipher = NULL;
}

// The AES-CM key stream for label XOR salt, under the key that the cipher has.
static int derive_one(EVP_CIPHER_CTX *cipher, const uint8_t salt[SRTP_SALT_MAX], uint8_t label,
	uint8_t *out, int len)
{
	static const uint8_t zeros[SRTP_KEY_MAX];
	uint8_t iv[16] = { 0 };
	int written = 0;

	memcpy(iv, salt, SRTP_SALT_MAX);
	iv[LABEL_AT] ^= label;
	if (EVP_EncryptInit_ex(cipher, NULL, NULL, NULL, iv) != 1 ||
		EVP_EncryptUpdate(cipher, out, &written, zeros, len) != 1 || written != len)
		return -EIO;
	return 0;
}

static int derive_protocol(EVP_CIPHER_CTX *cipher, const struct srtp_suite_info *suite,
	const uint8_t salt[SRTP_SALT_MAX], uint8_t label, struct srtp_session_keys *out)
{
	if (derive_one(cipher, salt, label, out->cipher_key, suite->key_bytes) ||
		derive_one(cipher, salt, label + 1, out->auth_key, suite->auth_key_bytes) ||
		derive_one(cipher, salt, label + 2, out->salt, suite->salt_bytes))
		return -EIO;
	return 0;
}

int srtp_kdf_derive(struct srtp_kdf *kdf, const struct srtp_suite_info *suite,
	const uint8_t *master_key, const uint8_t *master_salt, struct srtp_session_keys out[2])
{
	const EVP_CIPHER *aes = suite->key_bytes == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr();
	uint8_t salt[SRTP_SALT_MAX] = { 0 }; // 96 bits are extended by zeros on the right
	int rc = -EIO;

	memset(out, 0, 2 * sizeof(*out));
	memcpy(salt, master_salt, suite->salt_bytes);
	if (EVP_EncryptInit_ex(kdf->cipher, aes, NULL, master_key, NULL) == 1) {
		rc = derive_protocol(kdf->cipher, suite, salt, 0, &out[0]);
		if (rc == 0)
			rc = derive_protocol(kdf->cipher, suite, salt, LABELS_OF_ONE, &out[1]);
	}
	explicit_bzero(salt, sizeof(salt));
	EVP_CIPHER_CTX_reset(kdf->cipher); // wipes the key schedule
	if (rc)
		explicit_bzero(out, 2 * sizeof(*out));
	return rc;
}
