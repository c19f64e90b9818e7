// profile_flow.c - keys of profiles.NAME.flow.
#include "config/schema.h"

const struct config_item config_profile_flow_items[] = {
	{ .key = NULL },
};
