// onward.h - a third peer beside the carrier, in its realm and of its profile, to which the carrier
// may redirect a call.
#pragma once

#include "dialog.h"

struct onward {
	struct config_trunk trunks[3];
	struct config_route routes[3];
};

// Numbers from 7 on lead there. `o` must outlive the calls.
static inline void onward_open(struct onward *o, struct fixture *f)
{
	memcpy(o->trunks, f->trunks, sizeof(f->trunks));
	o->trunks[2] = (struct config_trunk){ .name = "onward", .realm = REALM_CORE,
		.profile = 1, .host_count = 1 };
	o->trunks[2].hosts[0].addr = fixture_addr("10.2.1.77");
	memcpy(o->routes, f->routes, sizeof(f->routes));
	o->routes[2] = (struct config_route){ .from_realm = REALM_ACCESS, .from_trunk = -1,
		.to = SPAN_LIT("7*"), .trunk = 2, .line = 9 };
	f->config.trunks = o->trunks;
	f->config.trunk_count = 3;
	f->config.routes = o->routes;
	f->config.route_count = 3;
	f->profiles[1].flow.redirect = PROFILE_REDIRECT_FOLLOW;
}

// The carrier sends the call to `user`; the INVITE that follows.
static inline const struct fixture_message *onward_send(struct dialog *d, const char *user)
{
	char contact[64], start[64];

	snprintf(contact, sizeof(contact), "Contact: <sip:%s@x>\r\n", user);
	dialog_answer(d, &(struct dialog_answer){
		.start = "INVITE", .status = 302, .extra = contact });
	snprintf(start, sizeof(start), "INVITE sip:%s%s@", user[0] == '1' ? "+49" : "", user);
	const struct fixture_message *m = fixture_last(d->f, start);
	assert_non_null(m);
	return m;
}
