// schema.c - every key of the configuration file.
//
// Sections stand in the order in which they are loaded: what names something comes after it.
#include "config/schema.h"

#define AT(type, field) .offset = (uint32_t)offsetof(struct type, field)
#define SECOND_MS       1000ull
#define HOUR_MS         (3600 * SECOND_MS)

static const char *const log_levels[] = { "error", "warn", "info", "debug", NULL };
static const char *const device_kinds[] = { "xdp", "packet", "memif", "ring", "null", NULL };
static const char *const checksums[] = { "trusted", "recompute", NULL };
static const char *const latchings[] = { "strict", "once", "proof", NULL };

// A choice is stored as an unsigned integer, the enumerations of config.h are of that size.
_Static_assert(sizeof(enum config_latching) == sizeof(uint32_t), "choices are 32 bits");

static const struct config_item log_items[] = {
	{ .key = "level", .type = CONFIG_TYPE_CHOICE, .is_live = true, AT(config, log_level),
	  .choices = log_levels, .fallback = "info", .help = "least severe line that is written" },
	{ .key = "format", .type = CONFIG_TYPE_VALUE, .value = config_take_log_format,
	  .fallback = "text", .expected = "text or json", .help = "form of a line" },
	{ .key = NULL },
};

static const struct config_item node_items[] = {
	{ .key = "id", .type = CONFIG_TYPE_TEXT, AT(config, node_id), .min = 1, .max = 31,
	  .fallback = "muga", .help = "name of this node in logs and metrics" },
	{ .key = "workers", .type = CONFIG_TYPE_VALUE, AT(config, workers),
	  .value = config_take_workers, .fallback = "auto",
	  .expected = "auto or a number 1..64",
	  .help = "signaling threads; auto: online CPUs less those of the lanes, at most 8" },
	{ .key = "run_dir", .type = CONFIG_TYPE_TEXT, AT(config, run_dir), .min = 1, .max = 80,
	  .fallback = "/run/muga", .help = "pid files and admin socket" },
	{ .key = "shm_dir", .type = CONFIG_TYPE_TEXT, AT(config, shm_dir), .min = 1, .max = 200,
	  .help = "shared segment files; default: run_dir/shm" },
	{ .key = "secret", .type = CONFIG_TYPE_SECRET, AT(config, secret), .min = 16, .max = 256,
	  .help = "key material for tags and tokens, or file:PATH; default: random at each start" },
	{ .key = "log", .type = CONFIG_TYPE_MAP, .items = log_items, .help = "log lines" },
	{ .key = "dns", .type = CONFIG_TYPE_MAP, .items = config_dns_items,
	  .finish = config_finish_dns, .help = "how names of trunks and peers are looked up" },
	{ .key = "site", .type = CONFIG_TYPE_LATER },
	{ .key = "cluster", .type = CONFIG_TYPE_LATER },
	{ .key = NULL },
};

static const char *const crypto_drivers[] = {
	[CONFIG_CRYPTO_AUTO] = "auto",
	[CONFIG_CRYPTO_AESNI_MB] = "aesni_mb",
	[CONFIG_CRYPTO_OPENSSL] = "openssl",
	NULL,
};

static const struct config_item device_items[] = {
	{ .key = "kind", .type = CONFIG_TYPE_CHOICE, .is_required = true, AT(config_device, kind),
	  .choices = device_kinds, .help = "how packets reach the forwarder" },
	{ .key = "interface", .type = CONFIG_TYPE_TEXT, AT(config_device, interface), .min = 1,
	  .max = 100, .help = "Linux interface (xdp, packet) or absolute socket path (memif)" },
	{ .key = "checksum", .type = CONFIG_TYPE_CHOICE, AT(config_device, checksum),
	  .choices = checksums, .fallback = "recompute",
	  .help = "whether checksums of received packets are whole; veth hands over partial ones" },
	{ .key = NULL },
};

static const struct config_item dataplane_items[] = {
	{ .key = "cores", .type = CONFIG_TYPE_LIST, .min = 1, .max = 16,
	  .value = config_take_cores, .fallback = "auto",
	  .expected = "auto, or CPU numbers like 1, 2-3 or [1, 4-5]",
	  .help = "CPUs of the lanes, one each; auto: the last online CPU" },
	{ .key = "hugepages", .type = CONFIG_TYPE_VALUE,
	  .value = config_take_hugepages, .fallback = "true",
	  .expected = "true, false or a memory size like 1GiB",
	  .help = "whether packet memory lies in huge pages; a size says how much" },
	{ .key = "memory", .type = CONFIG_TYPE_VALUE,
	  .value = config_take_memory, .fallback = "512MiB",
	  .expected = "a memory size 64MiB..1024GiB",
	  .help = "memory for packets" },
	{ .key = "crypto", .type = CONFIG_TYPE_CHOICE, AT(config, dataplane.crypto),
	  .choices = crypto_drivers, .fallback = "auto",
	  .help = "DPDK driver for SRTP; auto: aesni_mb, or openssl where the CPU lacks AES" },
	{ .key = "devices", .type = CONFIG_TYPE_NAMED, .items = device_items,
	  .max = CONFIG_DEVICES_MAX, .begin = config_begin_device, .finish = config_finish_device,
	  .help = "ports of the forwarder" },
	{ .key = "driver", .type = CONFIG_TYPE_LATER },
	{ .key = NULL },
};

const struct config_item config_profile_items[] = {
	{ .key = "flow", .type = CONFIG_TYPE_MAP, .items = config_profile_flow_items,
	  .help = "timers, reliable answers, transfer, redirection" },
	{ .key = "headers", .type = CONFIG_TYPE_MAP, .items = config_profile_headers_items,
	  .help = "header fields, identity, codes" },
	{ .key = "sdp", .type = CONFIG_TYPE_MAP, .items = config_profile_sdp_items,
	  .help = "session descriptions" },
	{ .key = "media", .type = CONFIG_TYPE_MAP, .items = config_profile_media_items,
	  .help = "packets of media: who may send, how fast, how they leave" },
	{ .key = NULL },
};

static const struct config_item media_items[] = {
	{ .key = "device",
		.type = CONFIG_TYPE_VALUE,
		.value = config_take_realm_device,
		.help = "name in dataplane.devices; may be left out when there is only one" },
	{ .key = "ports",
		.type = CONFIG_TYPE_VALUE,
		.value = config_take_ports,
		.fallback = "20000-59999",
		.expected = "a port range like 20000-60000",
		.help = "local RTP and RTCP ports; the first one even, 1024 or more" },
	{ .key = "addresses",
		.type = CONFIG_TYPE_LIST,
		.is_required = true,
		.min = 1,
		.max = CONFIG_MEDIA_MAX,
		.value = config_take_media_address,
		.expected = "a local IP address",
		.help = "local media addresses, owned by this realm alone" },
	{ .key = "advertise",
		.type = CONFIG_TYPE_VALUE,
		.value = config_take_advertise,
		.expected = "an IP address",
		.help = "shown in SDP instead of the media addresses of the same family (1:1 "
			"NAT)" },
	{ .key = "dscp",
		.type = CONFIG_TYPE_VALUE,
		AT(config_realm, dscp),
		.value = config_take_dscp,
		.fallback = "EF",
		.is_live = true,
		.expected = "a DSCP 0..63 or its name like EF or AF41",
		.help = "mark of media sent into the realm" },
	{ .key = "latching",
		.type = CONFIG_TYPE_CHOICE,
		AT(config_realm, latching),
		.choices = latchings,
		.fallback = "once",
		.is_live = true,
		.help = "strict: packets must come from the address of the SDP; once: the source "
			"may differ (NAT) and is learned once, during probation; proof: learned "
			"anew from who goes on with the stream or holds its SRTP key" },
	{ .key = NULL },
};

static const struct config_item realm_limit_items[] = {
	{ .key = "duration_max", .type = CONFIG_TYPE_DURATION, AT(config_realm, duration_max_ms),
	  .is_live = true, .max = 168 * HOUR_MS, .fallback = "0s",
	  .help = "longest time that an answered call of the realm may last; 0s = no limit" },
	{ .key = NULL },
};

static const struct config_item realm_items[] = {
	{ .key = "vlan", .type = CONFIG_TYPE_VALUE, .value = config_take_vlan, .fallback = "0",
	  .expected = "a VLAN number 1..4094, or 0 for untagged",
	  .help = "tag of the realm's media on its device" },
	{ .key = "trusted", .type = CONFIG_TYPE_BOOL, AT(config_realm, is_trusted), .is_live = true,
	  .fallback = "false", .help = "identity headers of the realm are believed (RFC 3325)" },
	{ .key = "profile", .type = CONFIG_TYPE_VALUE, AT(config_realm, profile), .is_live = true,
	  .value = config_take_profile, .fallback = "default",
	  .help = "profile of the peers in this realm" },
	{ .key = "emergency", .type = CONFIG_TYPE_LIST, .is_live = true,
	  .max = CONFIG_EMERGENCY_MAX, .value = config_take_emergency,
	  .expected = "a number like 112",
	  .help = "numbers of emergency services, as dialled there; such calls are never limited" },
	{ .key = "limits", .type = CONFIG_TYPE_MAP, .items = realm_limit_items,
	  .help = "limits of calls with a side in this realm" },
	{ .key = "media", .type = CONFIG_TYPE_MAP, .is_required = true, .items = media_items,
	  .help = "media side of the realm" },
	{ .key = "sip", .type = CONFIG_TYPE_MAP_LIST, .is_required = true, .min = 1,
	  .max = CONFIG_LISTENERS_MAX, .items = config_listener_items,
	  .begin = config_begin_listener,
	  .finish = config_finish_listener, .help = "SIP listeners" },
	{ .key = NULL },
};

static const struct config_item trunk_match_items[] = {
	{ .key = "ip", .type = CONFIG_TYPE_LIST, .min = 1, .max = CONFIG_MATCH_MAX, .is_live = true,
	  .value = config_take_match_ip,
	  .expected = "an address prefix like 192.0.2.0/24 without host bits",
	  .help = "sources that are this trunk; default: its hosts, where they are addresses" },
	{ .key = "tls_san", .type = CONFIG_TYPE_LIST, .min = 1, .max = CONFIG_MATCH_MAX,
	  .is_live = true, .value = config_take_tls_san, .expected = "a name like sip.example.com",
	  .help = "names in certificates of clients that are this trunk, wherever they come from; "
		"a listener of the realm must verify them" },
	{ .key = NULL },
};

static const struct config_item trunk_limit_items[] = {
	{ .key = "calls", .type = CONFIG_TYPE_UINT, AT(config_trunk, calls_max), .max = 10000000,
	  .is_live = true, .fallback = "0", .help = "concurrent calls, 0 = no limit" },
	{ .key = "duration_max", .type = CONFIG_TYPE_DURATION, AT(config_trunk, duration_max_ms),
	  .is_live = true, .max = 168 * HOUR_MS, .fallback = "0s",
	  .help = "longest time that an answered call may last; 0s = no limit" },
	{ .key = "cps", .type = CONFIG_TYPE_LATER },
	{ .key = "burst", .type = CONFIG_TYPE_LATER },
	{ .key = "bandwidth", .type = CONFIG_TYPE_LATER },
	{ .key = NULL },
};

#define PATTERN_EXPECTED "a user part like 4930123, or a beginning like \"+49*\""

static const char *const callers_names[] = { "any", "refuse", "replace", NULL };

static const struct config_item trunk_bulk_items[] = {
	{ .key = "contact", .type = CONFIG_TYPE_VALUE, .is_live = true,
	  .value = config_take_bulk_contact,
	  .expected = "a URI without a user, like \"sip:192.0.2.7:5070;bnc\"",
	  .help = "what a PBX would register for all of its numbers (RFC 6140): each is called "
		"there" },
	{ .key = "numbers", .type = CONFIG_TYPE_LIST, .min = 1,
	  .max = CONFIG_NUMBERS_MAX, .is_live = true, .value = config_take_number,
	  .expected = PATTERN_EXPECTED,
	  .help = "numbers that it has; routes to it hold for these only" },
	{ .key = "callers", .type = CONFIG_TYPE_CHOICE, .is_live = true,
	  AT(config_trunk, callers), .choices = callers_names, .fallback = "any",
	  .help = "who calls from there: any number, 403 to others than its own, or the main "
		"number in place of others" },
	{ .key = "main", .type = CONFIG_TYPE_VALUE, .is_live = true,
	  AT(config_trunk, main_number), .value = config_take_user,
	  .expected = "a number of the trunk, like \"+49301230\"",
	  .help = "its main number, for callers: replace" },
	{ .key = NULL },
};

static const struct config_item trunk_items[] = {
	{ .key = "realm", .type = CONFIG_TYPE_VALUE, .is_required = true, .is_live = true,
	  .value = config_take_trunk_realm, .help = "realm in which the peer is reached" },
	{ .key = "hosts", .type = CONFIG_TYPE_LIST, .is_required = true, .min = 1,
	  .max = CONFIG_HOSTS_MAX, .is_live = true, .value = config_take_host,
	  .expected = "an address or a name, alone or as in sip:HOST:PORT;transport=tcp",
	  .help = "where the peer is, tried in this order; names by RFC 3263" },
	{ .key = "match", .type = CONFIG_TYPE_MAP, .items = trunk_match_items,
	  .help = "how requests of the peer are recognised" },
	{ .key = "limits", .type = CONFIG_TYPE_MAP, .items = trunk_limit_items,
	  .help = "limits of the trunk" },
	{ .key = "bulk", .type = CONFIG_TYPE_MAP, .items = trunk_bulk_items,
	  .help = "a PBX with a range of numbers" },
	{ .key = "tls", .type = CONFIG_TYPE_MAP, .items = config_trunk_tls_items,
	  .help = "TLS connections that we open to the peer" },
	{ .key = "connection", .type = CONFIG_TYPE_MAP, .items = config_trunk_connection_items,
	  .help = "connections to the peer: WebSocket, keep-alive" },
	{ .key = "register", .type = CONFIG_TYPE_LATER },
	{ .key = "probe", .type = CONFIG_TYPE_LATER },
	{ .key = "profile", .type = CONFIG_TYPE_VALUE, AT(config_trunk, profile), .is_live = true,
	  .value = config_take_profile, .help = "profile of this peer; default: its realm's" },
	{ .key = NULL },
};

#define DIGITS_EXPECTED  "characters of a user part, like 0049"

static const struct config_item route_match_items[] = {
	{ .key = "from_realm", .type = CONFIG_TYPE_VALUE, AT(config_route, from_realm),
	  .is_live = true, .value = config_take_route_realm, .help = "realm of the caller" },
	{ .key = "from_trunk", .type = CONFIG_TYPE_VALUE, AT(config_route, from_trunk),
	  .is_live = true, .value = config_take_route_from, .help = "trunk of the caller" },
	{ .key = "to", .type = CONFIG_TYPE_VALUE, AT(config_route, to), .is_live = true,
	  .value = config_take_pattern, .expected = PATTERN_EXPECTED, .help = "called user" },
	{ .key = "from", .type = CONFIG_TYPE_VALUE, AT(config_route, from), .is_live = true,
	  .value = config_take_pattern, .expected = PATTERN_EXPECTED, .help = "calling user" },
	{ .key = NULL },
};

static const struct config_item rewrite_items[] = {
	{ .key = "strip", .type = CONFIG_TYPE_VALUE, AT(config_route, strip), .is_live = true,
	  .value = config_take_user, .expected = DIGITS_EXPECTED,
	  .help = "removed from the beginning of the called user, where it stands there" },
	{ .key = "prefix", .type = CONFIG_TYPE_VALUE, AT(config_route, prefix), .is_live = true,
	  .value = config_take_user, .expected = DIGITS_EXPECTED,
	  .help = "then put in front of the called user" },
	{ .key = NULL },
};

static const struct config_item route_items[] = {
	{ .key = "match", .type = CONFIG_TYPE_MAP, .items = route_match_items,
	  .help = "all that is given must match; nothing given matches every call" },
	{ .key = "rewrite", .type = CONFIG_TYPE_MAP, .items = rewrite_items,
	  .help = "changes of the called user" },
	{ .key = "to", .type = CONFIG_TYPE_VALUE, .is_required = true, .is_live = true,
	  .value = config_take_route_to, .help = "trunk to which the call goes" },
	{ .key = "table", .type = CONFIG_TYPE_LATER },
	{ .key = "http", .type = CONFIG_TYPE_LATER },
	{ .key = NULL },
};

static const struct config_item limit_items[] = {
	{ .key = "calls", .type = CONFIG_TYPE_UINT, AT(config, limits.calls_max), .min = 1,
	  .max = 10000000, .fallback = "10000", .help = "concurrent calls of the node" },
	{ .key = "transactions", .type = CONFIG_TYPE_UINT, AT(config, limits.transactions_max),
	  .min = 16, .max = 100000000, .fallback = "40000",
	  .help = "concurrent SIP transactions of the node" },
	{ .key = "srtp_legs", .type = CONFIG_TYPE_UINT, AT(config, limits.srtp_legs_max),
	  .max = 1000000, .fallback = "2000",
	  .help = "concurrent media streams of legs with SRTP, about 9 KiB each; 0 = no SRTP" },
	{ .key = "quarantine", .type = CONFIG_TYPE_DURATION, AT(config, limits.quarantine_ms),
	  .max = 300 * SECOND_MS, .fallback = "5s",
	  .help = "rest of a media port before it serves another call" },
	{ .key = "orphan_timeout", .type = CONFIG_TYPE_DURATION,
	  AT(config, limits.orphan_timeout_ms), .min = SECOND_MS, .max = 24 * HOUR_MS,
	  .fallback = "60s", .help = "silence after which a flow without a call is retired" },
	{ .key = "ring_timeout", .type = CONFIG_TYPE_DURATION, AT(config, limits.ring_timeout_ms),
	  .is_live = true, .min = SECOND_MS, .max = HOUR_MS, .fallback = "180s",
	  .help = "longest time for which an INVITE may go unanswered" },
	{ .key = "media_timeout", .type = CONFIG_TYPE_DURATION, AT(config, limits.media_timeout_ms),
	  .is_live = true, .max = 24 * HOUR_MS, .fallback = "5m",
	  .help = "silence of both sides that ends a call, on hold an hour; 0s = never" },
	{ .key = NULL },
};

const struct config_item config_schema[] = {
	{ .key = "version", .type = CONFIG_TYPE_VALUE, .is_required = true,
	  .value = config_take_version, .expected = "1",
	  .help = "of the file's form; this program reads 1" },
	{ .key = "dataplane", .type = CONFIG_TYPE_MAP, .items = dataplane_items,
	  .help = "the forwarder" },
	{ .key = "node", .type = CONFIG_TYPE_MAP, .items = node_items, .help = "this machine" },
	{ .key = "profiles", .type = CONFIG_TYPE_NAMED, .items = config_profile_items,
	  .max = CONFIG_PROFILES_MAX - 1, .begin = config_begin_profile,
	  .help = "how kinds of peers want to be spoken to; realms and trunks name one" },
	{ .key = "realms", .type = CONFIG_TYPE_NAMED, .is_required = true, .items = realm_items,
	  .min = 1,
	  .max = CONFIG_REALMS_MAX, .begin = config_begin_realm, .finish = config_finish_realm,
	  .help = "network sides; each owns its addresses" },
	{ .key = "trunks", .type = CONFIG_TYPE_NAMED, .items = trunk_items,
	  .max = CONFIG_TRUNKS_MAX, .begin = config_begin_trunk, .finish = config_finish_trunk,
	  .help = "peers" },
	{ .key = "routes", .type = CONFIG_TYPE_MAP_LIST, .items = route_items,
	  .max = CONFIG_ROUTES_MAX, .begin = config_begin_route,
	  .help = "where calls go; the first match in written order wins" },
	{ .key = "limits", .type = CONFIG_TYPE_MAP, .items = limit_items,
	  .help = "limits of the node" },
	{ .key = "connections", .type = CONFIG_TYPE_MAP, .items = config_connection_items,
	  .help = "limits of TCP, TLS and WebSocket connections" },
	{ .key = "recording", .type = CONFIG_TYPE_MAP, .items = config_recording_items,
	  .help = "recordings of calls ('muga record')" },
	{ .key = "trunk_groups", .type = CONFIG_TYPE_LATER },
	{ .key = "registrar", .type = CONFIG_TYPE_LATER },
	{ .key = "security", .type = CONFIG_TYPE_LATER },
	{ .key = "overload", .type = CONFIG_TYPE_LATER },
	{ .key = "cluster", .type = CONFIG_TYPE_LATER },
	{ .key = "ng", .type = CONFIG_TYPE_LATER },
	{ .key = "observability", .type = CONFIG_TYPE_LATER },
	{ .key = "admin", .type = CONFIG_TYPE_LATER },
	{ .key = "bench", .type = CONFIG_TYPE_LATER },
	{ .key = NULL },
};
