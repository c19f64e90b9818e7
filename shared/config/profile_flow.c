// profile_flow.c - keys of profiles.NAME.flow.
#include "config/schema.h"

#define AT(field) .offset = (uint32_t)offsetof(struct config_profile, flow.field)

static const char *const refers[] = { "handle", "pass", "reject", NULL };
static const char *const redirects[] = { "reject", "follow", "pass", NULL };
static const char *const reliable_names[] = { "auto", "require", "off", NULL };
static const char *const early_media_names[] = { "newest", "first", NULL };

const struct config_item config_profile_flow_items[] = {
	{ .key = "refer", .type = CONFIG_TYPE_CHOICE, AT(refer), .choices = refers,
	  .fallback = "handle",
	  .help = "REFER from such a peer: carried out here, passed to the other side, refused" },
	{ .key = "redirect", .type = CONFIG_TYPE_CHOICE, AT(redirect), .choices = redirects,
	  .fallback = "reject",
	  .help = "3xx from such a peer: a failure, followed where routes allow, or passed on" },
	{ .key = "100rel", .type = CONFIG_TYPE_CHOICE, AT(reliable), .is_live = true,
	  .choices = reliable_names, .fallback = "auto",
	  .help = "provisional answers with PRACK: as the peer can, demanded of it, or never" },
	{ .key = "early_media", .type = CONFIG_TYPE_CHOICE, AT(early_media), .is_live = true,
	  .choices = early_media_names, .fallback = "newest",
	  .help = "which of several early dialogs of a forking peer is heard before the answer" },
	{ .key = NULL },
};
