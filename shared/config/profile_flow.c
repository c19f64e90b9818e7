// profile_flow.c - keys of profiles.NAME.flow.
#include "config/schema.h"

#define SECOND_MS 1000ull
#define HOUR_MS   (3600 * SECOND_MS)
#define AT(field) .offset = (uint32_t)offsetof(struct config_profile, flow.field)

static const char *const refers[] = { "handle", "pass", "reject", NULL };
static const char *const redirects[] = { "reject", "follow", "pass", NULL };
static const char *const reliable_names[] = { "auto", "require", "off", NULL };
static const char *const forks_names[] = { "one", "all", NULL };
static const char *const early_media_names[] = { "newest", "first", NULL };
static const char *const reuses[] = { "off", "certificate", "address", NULL };
static const char *const late_offers[] = { "pass", "convert", NULL };
static const char *const session_modes[] = { "accept", "require", "off", NULL };
static const char *const refreshers[] = { "auto", "uac", "uas", NULL };

static const struct config_item session_timer_items[] = {
	{ .key = "mode", .type = CONFIG_TYPE_CHOICE, AT(session_mode), .is_live = true,
	  .choices = session_modes, .fallback = "accept",
	  .help = "session timers (RFC 4028) if the peer wants them, always, or never" },
	{ .key = "expires", .type = CONFIG_TYPE_DURATION, AT(session_expires_ms), .is_live = true,
	  .min = 90 * SECOND_MS, .max = 24 * HOUR_MS, .fallback = "30m",
	  .help = "interval that we ask for" },
	{ .key = "min_se", .type = CONFIG_TYPE_DURATION, AT(session_min_ms), .is_live = true,
	  .min = 90 * SECOND_MS, .max = 24 * HOUR_MS, .fallback = "90s",
	  .help = "least interval that we accept" },
	{ .key = "refresher", .type = CONFIG_TYPE_CHOICE, AT(session_refresher), .is_live = true,
	  .choices = refreshers, .fallback = "auto",
	  .help = "who refreshes, by the roles in the first INVITE" },
	{ .key = NULL },
};

const struct config_item config_profile_flow_items[] = {
	{ .key = "refer", .type = CONFIG_TYPE_CHOICE, AT(refer), .is_live = true,
	  .choices = refers, .fallback = "handle",
	  .help = "REFER from such a peer: carried out here, passed to the other side, refused" },
	{ .key = "redirect", .type = CONFIG_TYPE_CHOICE, AT(redirect), .is_live = true,
	  .choices = redirects, .fallback = "reject",
	  .help = "3xx from such a peer: a failure, followed where routes allow, or passed on" },
	{ .key = "connection_reuse", .type = CONFIG_TYPE_CHOICE, AT(reuse), .is_live = true,
	  .choices = reuses, .fallback = "certificate",
	  .help = "one connection for requests both ways (alias, RFC 5923): never, where both "
		"sides show certificates, or by TCP from the trunk's address as well" },
	{ .key = "100rel", .type = CONFIG_TYPE_CHOICE, AT(reliable), .is_live = true,
	  .choices = reliable_names, .fallback = "auto",
	  .help = "provisional answers with PRACK: as the peer can, demanded of it, or never" },
	{ .key = "session_timer", .type = CONFIG_TYPE_MAP, .items = session_timer_items,
	  .help = "session timers on the leg of this peer" },
	{ .key = "duration_max", .type = CONFIG_TYPE_DURATION, AT(duration_max_ms),
	  .is_live = true, .max = 168 * HOUR_MS, .fallback = "0s",
	  .help = "longest time that an answered call may last; 0s = no limit" },
	{ .key = "late_offer", .type = CONFIG_TYPE_CHOICE, AT(late_offer), .is_live = true,
	  .choices = late_offers, .fallback = "pass",
	  .help = "a call to the peer without an offer: goes on so, or gets one from us" },
	{ .key = "early_media", .type = CONFIG_TYPE_CHOICE, AT(early_media), .is_live = true,
	  .choices = early_media_names, .fallback = "newest",
	  .help = "which of several early dialogs of a forking peer is heard before the answer" },
	{ .key = "forks", .type = CONFIG_TYPE_CHOICE, AT(forks), .is_live = true,
	  .choices = forks_names, .fallback = "one",
	  .help = "what the peer sees when it calls somebody who forks: one early dialog, or all, "
		"each with a To tag and PRACKs of its own" },
	{ .key = NULL },
};
