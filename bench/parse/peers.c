// peers.c - see peers.h.
#include "peers.h"

#include <osipparser2/osip_message.h>
#include <osipparser2/osip_parser.h>
#include <sofia-sip/msg.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_util.h>
#include <sofia-sip/su.h>
#include <stddef.h>

void peers_init(void)
{
	parser_init();
	su_init();
}

bool osip2_parse(struct span message)
{
	osip_message_t *msg;
	bool is_good;

	if (osip_message_init(&msg))
		return false;
	is_good = osip_message_parse(msg, message.ptr, message.len) == 0 &&
		osip_message_get_from(msg) && osip_message_get_to(msg);
	osip_message_free(msg);
	return is_good;
}

bool sofia_parse(struct span message)
{
	msg_t *msg = msg_make(sip_default_mclass(), 0, message.ptr, (ssize_t)message.len);
	sip_t *sip = msg ? sip_object(msg) : NULL;
	bool is_good = sip && !sip->sip_error && sip_sanity_check(sip) == 0;

	if (msg)
		msg_destroy(msg);
	return is_good;
}
