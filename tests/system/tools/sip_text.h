// sip_text.h - the little SIP that sipcall and sipflow speak: header look-up and message text.
//
// Deliberately shares nothing with signaling/sip: an independent reading of RFC 3261 is the better
// test.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define SIP_TEXT_MAX 4096

// Copies the value of the first header `name` (no compact forms) without leading blanks; false:
// absent.
bool sip_text_header(const char *msg, const char *name, char *out, size_t size);
// Every "Name: value\r\n" line of `name`, in order; the empty string if there is none.
void sip_text_copy_lines(const char *msg, const char *name, char *out, size_t size);
// Status code of a response, 0 for a request.
int sip_text_status(const char *msg);
// The address of the first c= line and the port of the first m= line; false: not both there.
bool sip_text_media(const char *msg, struct sockaddr_storage *out);
// The URI between < and >, or the value up to a parameter.
void sip_text_uri(const char *header, char *out, size_t size);

// A minimal G.711 session description. With `crypto`, the value of an a=crypto (RFC 4568), it is
// one of SRTP; NULL: plain RTP.
void sip_text_sdp(
	const char *ip, uint16_t port, const char *crypto, char *out, size_t size);
// Key and salt of the suite (RFC 4568 6.2, RFC 7714 12), random, in base64.
void sip_text_make_key(const char *suite, char out[96]);
// Suite and key of the first a=crypto, without lifetime and MKI; false: there is none.
bool sip_text_crypto(const char *msg, char suite[32], char key[96]);
// "1.2.3.4" stays, "::1" becomes "[::1]".
void sip_text_host(const char *ip, char *out, size_t size);
// Numeric address and port into a socket address; false: not an address.
bool sip_text_address(const char *ip, uint16_t port, struct sockaddr_storage *out);
socklen_t sip_text_address_len(const struct sockaddr_storage *addr);
bool sip_text_address_equal(const struct sockaddr_storage *a, const struct sockaddr_storage *b);
