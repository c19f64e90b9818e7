// profile_sdp.c - keys of profiles.NAME.sdp.
#include "config/schema.h"

const struct config_item config_profile_sdp_items[] = {
	{ .key = NULL },
};
