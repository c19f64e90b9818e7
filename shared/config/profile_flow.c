// profile_flow.c - keys of profiles.NAME.flow.
#include "config/schema.h"

#define AT(field) .offset = (uint32_t)offsetof(struct config_profile, flow.field)

static const char *const refers[] = { "handle", "pass", "reject", NULL };
static const char *const redirects[] = { "reject", "follow", "pass", NULL };

const struct config_item config_profile_flow_items[] = {
	{ .key = "refer", .type = CONFIG_TYPE_CHOICE, AT(refer), .choices = refers,
	  .fallback = "handle",
	  .help = "REFER from such a peer: carried out here, passed to the other side, refused" },
	{ .key = "redirect", .type = CONFIG_TYPE_CHOICE, AT(redirect), .choices = redirects,
	  .fallback = "reject",
	  .help = "3xx from such a peer: a failure, followed where routes allow, or passed on" },
	{ .key = NULL },
};
