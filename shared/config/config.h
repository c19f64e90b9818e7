// config.h - the configuration as both daemons and the CLI see it: one YAML file, checked as a
// whole.
//
// A struct config is immutable after config_load(); a changed file is taken at the next start.
// Strings are owned by the config's arena. Names are resolved to indexes here, once. What a correct
// file promises: every media address (device, VLAN, IP) and every SIP address has one owner, no SIP
// address lies in the media ports of its own address, a realm has a media address for each family
// of its listeners, a trunk's hosts are of a family and transport that its realm speaks, and a
// trunk with a name among them says by `match` who it is.
#pragma once

#include "base/addr.h"
#include "base/span.h"
#include "config/profile.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CONFIG_NAME_MAX      31 // realm, trunk and device names: letters, digits, - and _
#define CONFIG_REALMS_MAX    64
#define CONFIG_TRUNKS_MAX    4096
#define CONFIG_ROUTES_MAX    4096
#define CONFIG_LISTENERS_MAX 16 // per realm
#define CONFIG_MEDIA_MAX     16 // media addresses per realm
#define CONFIG_DEVICES_MAX   16
#define CONFIG_ORIGINS_MAX 16   // browsers' origins per listener
#define CONFIG_EMERGENCY_MAX 32 // emergency numbers per realm
#define CONFIG_HOSTS_MAX     8  // per trunk
#define CONFIG_MATCH_MAX     16 // address prefixes per trunk, and names in certificates
#define CONFIG_NUMBERS_MAX   16 // patterns of numbers per trunk
#define CONFIG_DNS_MAX       4  // name servers
#define CONFIG_PATH_MAX      200 // characters of a WebSocket path

// In the order of enum sip_transport (signaling/sip/transport.h).
enum config_transport { CONFIG_UDP, CONFIG_TCP, CONFIG_TLS, CONFIG_WS, CONFIG_WSS };
enum config_latching { CONFIG_LATCH_STRICT, CONFIG_LATCH_ONCE, CONFIG_LATCH_PROOF };
enum config_port_kind { CONFIG_PORT_XDP, CONFIG_PORT_PACKET, CONFIG_PORT_MEMIF, CONFIG_PORT_RING,
	CONFIG_PORT_NULL };
enum config_checksum { CONFIG_CHECKSUM_TRUSTED, CONFIG_CHECKSUM_RECOMPUTE };

// What a TLS client must show of itself: nothing, a good certificate if it has one, one in any case
// (mutual TLS).
enum config_client_verify { CONFIG_CLIENT_NONE, CONFIG_CLIENT_REQUEST, CONFIG_CLIENT_REQUIRE };
// What a TLS server that we call must show: nothing, a certificate of a CA that we trust, one that
// also names whom we called (RFC 5922).
enum config_server_verify { CONFIG_SERVER_NONE, CONFIG_SERVER_CHAIN, CONFIG_SERVER_NAME };

// Files are PEM and read by muga-signaling when it starts.
struct config_tls {
	const char *cert; // chain, our own certificate first; NULL = none (only as a client)
	const char *key;  // of `cert`
	const char *ca;   // certificates that we trust; NULL = the system's (only as a client)
	const char *name; // of a trunk: what its certificate must show; NULL = what we called
	uint32_t verify;  // enum config_client_verify of a listener, config_server_verify else
};

struct config_listener {
	enum config_transport transport;
	struct addr addr; // bound address; what Via and Contact show
	uint8_t dscp;     // of what we send by it, 0..63
	struct config_tls tls; // of TLS and WSS
	// Of WS and WSS: browsers' origins that may connect, none given = any.
	const char *origins[CONFIG_ORIGINS_MAX];
	uint32_t origin_count;
};

struct config_realm {
	const char *name;
	struct config_listener listeners[CONFIG_LISTENERS_MAX];
	uint32_t listener_count;
	struct ip media[CONFIG_MEDIA_MAX];  // owned by this realm alone
	uint32_t media_count;
	uint16_t port_min, port_max;        // media ports, inclusive; port_min even
	// shown in SDP instead of media addresses of its family; unset = they are shown themselves
	struct ip advertise;
	int device;                         // index into devices, -1 only without dataplane
	uint16_t vlan;                      // 0 = untagged
	uint8_t dscp;                       // of media sent into the realm, 0..63
	enum config_latching latching;
	bool is_trusted;                    // identity headers believed (RFC 3325)
	uint32_t duration_max_ms;           // of an answered call with a leg there, 0 = no limit
	uint32_t profile;                   // index, 0 = default
	const char *emergency[CONFIG_EMERGENCY_MAX]; // numbers that are emergency calls there
	uint32_t emergency_count;
};

struct config_device {
	const char *name;
	enum config_port_kind kind;
	const char *interface;              // Linux interface (xdp, packet); socket path (memif)
	enum config_checksum checksum;
};

// Where a trunk is: an address, or a name for RFC 3263.
struct config_host {
	const char *name;                   // without the last dot; NULL = an address
	struct addr addr;                   // of a name: the port alone, 0 = SRV decides
	enum config_transport transport;    // if has_transport
	bool has_transport;                 // the file names it: no NAPTR
	bool is_secure;                     // sips:
};

// Connections to a peer.
struct config_trunk_connection {
	const char *path;                   // of the WebSocket's request, begins with '/'
	uint32_t keepalive_ms;              // between our pings, 0 = none (RFC 5626)
	bool has_stun;                      // hosts reached by UDP are asked by STUN
	bool is_kept;                       // opened at start, and again when they break
};

struct config_trunk {
	const char *name;
	uint32_t realm;                     // index
	uint32_t profile;                   // index; the realm's where the file names none
	struct config_host hosts[CONFIG_HOSTS_MAX]; // tried in this order
	uint32_t host_count;
	// sources that are this trunk; without these and tls_san its hosts, addresses then
	struct ip_prefix match[CONFIG_MATCH_MAX];
	uint32_t match_count;
	// names in certificates that are this trunk (RFC 5922), compared without case
	const char *tls_san[CONFIG_MATCH_MAX];
	uint32_t tls_san_count;
	uint32_t calls_max;                 // concurrent calls, 0 = no limit
	uint32_t duration_max_ms;           // of an answered call, 0 = no limit
	// A PBX with a range of numbers (RFC 6140): "sip:HOST;bnc", of which the contact of each
	// number is made; empty = its hosts stand in Request-URIs
	struct span bulk_contact;
	// called users that the trunk has, as routes have rewritten them, patterns like those of
	// routes; none = any
	struct span numbers[CONFIG_NUMBERS_MAX];
	uint32_t number_count;
	uint32_t callers;                   // enum config_callers
	struct span main_number;            // empty = none
	bool has_tls;                       // tls is given; else connections follow the listener's
	struct config_tls tls;              // of connections that we open to the peer
	struct config_trunk_connection connection;
};

// Who calls by a trunk with numbers: From, P-Asserted-Identity and P-Preferred-Identity.
enum config_callers {
	CONFIG_CALLERS_ANY,
	CONFIG_CALLERS_REFUSE,  // 403 unless it is one of the numbers
	CONFIG_CALLERS_REPLACE, // the main number in place of any other
};

struct config_route {
	int from_realm;                     // index, -1 = any
	int from_trunk;                     // index, -1 = any
	// user part pattern: literal, or with a trailing *; empty = any
	struct span to;
	struct span from;                   // same for the caller
	uint32_t trunk;                     // destination, index
	// rewrite of the called user: remove strip, then add prefix
	struct span strip, prefix;
	uint32_t line;                      // in the file
};

// DPDK's driver for SRTP.
enum config_crypto {
	CONFIG_CRYPTO_AUTO,     // aesni_mb, else openssl
	CONFIG_CRYPTO_AESNI_MB, // Intel's multi-buffer library, for any CPU with AES instructions
	CONFIG_CRYPTO_OPENSSL,  // any CPU; a session costs 50 us there, and memory at run time
};

struct config_dataplane {
	uint32_t cores[16];                 // CPU of each lane
	uint32_t lanes;                     // >= 1
	bool is_hugepages;                  // false = --no-huge
	uint32_t memory_mb;                 // EAL memory
	enum config_crypto crypto;
};

struct config_limits {
	uint32_t calls_max;                 // over all workers
	uint32_t transactions_max;
	uint32_t srtp_legs_max;             // media streams of legs with SRTP at once, 0 = none
	uint32_t quarantine_ms;
	uint32_t orphan_timeout_ms;
	uint32_t ring_timeout_ms;           // longest time an INVITE may go unanswered
	uint32_t media_timeout_ms;          // silence of both sides that ends a call, 0 = never
};

// Connections of the reliable transports (TCP, TLS, WS, WSS), over all workers.
struct config_connections {
	uint32_t count_max;
	uint32_t per_source_max;            // accepted from one IPv4 address or IPv6 /64
	uint32_t buffer_max;                // bytes that wait in all connections
	uint32_t buffer_per_source_max;     // likewise, those of one source
	uint32_t connect_ms;                // until a connection that we open stands, TLS included
	uint32_t handshake_ms;              // until an accepted one has spoken TLS and WebSocket
	uint32_t message_ms;                // for a message begun; also for the first one
	uint32_t idle_ms;                   // without a message or keep-alive, 0 = for ever
};

struct config_dns {
	struct addr servers[CONFIG_DNS_MAX]; // asked in this order
	uint32_t server_count;              // 0 = those of /etc/resolv.conf
	uint32_t timeout_ms;                // of one question to one server, then the next one
	uint32_t tries;                     // rounds over the servers
	uint32_t deadline_ms;               // of a whole place, from NAPTR to addresses
	uint32_t cache_max;                 // record sets kept, by each worker
	uint32_t ttl_min_ms, ttl_max_ms;    // of record sets, whatever their zone says
};

// Recordings of calls, written by muga-media.
struct config_recording {
	const char *folder;
	uint32_t mode;                      // of the files, octal as chmod(2) has it
	uint64_t file_max;                  // bytes of one file
	uint64_t free_min;                  // bytes that are left on the disk
};

struct config_sources;

struct config {
	const char *node_id;
	uint32_t workers;
	const char *run_dir;                // pid files, admin socket; default /run/muga
	const char *shm_dir;                // segment files; default: run_dir/shm
	struct span secret;                 // cluster key material; empty = random per start
	bool is_log_json;
	uint32_t log_level;                 // enum log_level
	struct config_realm realms[CONFIG_REALMS_MAX];
	uint32_t realm_count;
	struct config_profile *profiles;    // [profile_count], [0] is `default`
	uint32_t profile_count;
	struct config_device devices[CONFIG_DEVICES_MAX];
	uint32_t device_count;
	struct config_trunk *trunks;        // [trunk_count]
	uint32_t trunk_count;
	struct config_route *routes;        // [route_count], first match wins
	uint32_t route_count;
	struct config_dataplane dataplane;
	struct config_limits limits;
	struct config_connections connections;
	struct config_dns dns;
	bool has_checked_callers;           // of any trunk
	struct config_recording recording;
	const struct config_sources *sources; // index of trunks by source; source.c only
	void *owner;                        // arena and file name; config.c only
};

// One mistake: what, where, and what was expected.
struct config_error {
	char file[128];
	uint32_t line, column;   // 1-based, of the offending key or value
	char key[64];            // dotted path: "realms.public.media.ports"
	char message[256];       // "expected a port range like 20000-60000, found \"abc\""
};

// Loads, checks everything, fills *out. On errors returns -EINVAL with up to `errors_max` mistakes
// in errors[] and their number in *error_count, and changes nothing else. -ENOENT etc. for the
// file.
int config_load(const char *path, struct config **out, struct config_error *errors,
	uint32_t errors_max, uint32_t *error_count);
void config_free(struct config *config);
// Every key with type, range, default, live or restart, and help, from the schema table.
void config_print_schema(FILE *out);

int config_find_realm(const struct config *config, struct span name); // index or -1
int config_find_trunk(const struct config *config, struct span name);
// The trunk of `realm` whose match prefixes (or, without any, whose hosts) cover `source`; the
// longest prefix wins, then the first in the file. Index, or -1. Only after config_load().
int config_find_source(const struct config *config, uint32_t realm, const struct ip *source);
// The trunk of `realm` whose match.tls_san has that name, in any case. Index, or -1. Likewise.
int config_find_tls_name(const struct config *config, uint32_t realm, struct span name);
// Whether nothing but its hosts' addresses tells the trunk's messages.
static inline bool config_is_by_hosts(const struct config_trunk *trunk)
{
	return trunk->match_count == 0 && trunk->tls_san_count == 0;
}
// The media address ids of the shared segment follow the configuration: realm by realm, in order.
uint32_t config_media_address_count(const struct config *config);
