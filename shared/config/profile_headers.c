// profile_headers.c - keys of profiles.NAME.headers.
#include "config/schema.h"

const struct config_item config_profile_headers_items[] = {
	{ .key = NULL },
};
