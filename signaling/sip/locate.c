#include "sip/locate.h"

#include <errno.h>

#define LOOKUPS_MAX 48u // of one run: a zone full of records must not make us ask without end
#define NAPTR_MAX   8u  // records of one order that are followed
#define SET_MAX     64u // records of one set that are looked at

struct run {
	const struct sip_locator *locator;
	struct sip_target *targets;
	uint32_t count;
	uint32_t lookups;
	bool is_waiting;
};

// What each transport is called in DNS, and where its servers listen unless told otherwise.
static const struct carrier {
	struct span naptr; // service, RFC 3263 4.1
	struct span srv;   // in front of the domain
	uint16_t port;
} carriers[SIP_TRANSPORT_COUNT] = {
	[SIP_TRANSPORT_UDP] = { SPAN_LIT("SIP+D2U"), SPAN_LIT("_sip._udp."), 5060 },
	[SIP_TRANSPORT_TCP] = { SPAN_LIT("SIP+D2T"), SPAN_LIT("_sip._tcp."), 5060 },
	[SIP_TRANSPORT_TLS] = { SPAN_LIT("SIPS+D2T"), SPAN_LIT("_sips._tcp."), 5061 },
	// RFC 7118 registers NAPTR services for browsers to find us by; we dial what we are told.
	[SIP_TRANSPORT_WS] = { SPAN_NONE, SPAN_NONE, 80 },
	[SIP_TRANSPORT_WSS] = { SPAN_NONE, SPAN_NONE, 443 },
};

int sip_place_of_uri(const struct sip_uri *uri, struct sip_place *out)
{
	struct sip_place place = { .host = uri->host, .ip = uri->ip, .port = uri->port,
		.is_secure = uri->scheme == SIP_SCHEME_SIPS };
	struct sip_param param;
	struct sip_host host;
	uint32_t pos = 0;

	if (uri->scheme != SIP_SCHEME_SIP && uri->scheme != SIP_SCHEME_SIPS)
		return -EINVAL;
	if (sip_param_find(uri->params, SPAN_LIT("transport"), &param)) {
		place.has_transport = true;
		if (!sip_transport_parse(param.value, &place.transport))
			return -EINVAL;
	}
	if (sip_param_find(uri->params, SPAN_LIT("maddr"), &param)) {
		if (sip_host_parse(param.value, &pos, &host) < 0 || pos != param.value.len)
			return -EINVAL;
		place.host = host.host;
		place.ip = host.ip;
	}
	*out = place;
	return 0;
}

// By any family.
static bool can_dial(const struct sip_ability *ability, enum sip_transport transport)
{
	return (ability->v4 | ability->v6) >> transport & 1;
}

// Records ----------------------------------------------------------------------------------------

// False: nothing can be said yet (or any more).
static bool look(struct run *run, enum sip_record_type type, struct span name,
	struct sip_records *out)
{
	*out = (struct sip_records){ 0 };
	if (name.len == 0 || name.len > SIP_DOMAIN_MAX || run->lookups == LOOKUPS_MAX)
		return true;
	run->lookups++;
	if (!run->locator->lookup(run->locator->context, type, name, out)) {
		run->is_waiting = true;
		return false;
	}
	if (out->count > SET_MAX)
		out->count = SET_MAX;
	return true;
}

// DNS is no reason to send requests to ourselves or to everybody.
static bool is_believable(const struct sip_ability *ability, const struct ip *ip)
{
	return !ip_is_unset(ip) &&
		(!ip_is_special(ip) || (ip_is_loopback(ip) && ability->has_loopback));
}

static void add_target(struct run *run, const struct ip *ip, uint16_t port,
	enum sip_transport transport)
{
	const struct sip_ability *ability = &run->locator->ability;
	struct sip_target target = { .addr = { .ip = *ip, .port = port },
		.transport = transport };
	uint8_t family = ip_is_v4(ip) ? ability->v4 : ability->v6;

	if (run->count == SIP_TARGETS_MAX || port == 0 || !(family >> transport & 1))
		return;
	for (uint32_t i = 0; i < run->count; i++)
		if (run->targets[i].transport == transport &&
			addr_eq(&run->targets[i].addr, &target.addr))
			return;
	run->targets[run->count++] = target;
}

static void add_addresses(struct run *run, const struct sip_records *records, uint16_t port,
	enum sip_transport transport)
{
	uint32_t order[SET_MAX];

	for (uint32_t i = 0; i < records->count; i++) {
		uint32_t at = rng_below(run->locator->rng, i + 1);

		order[i] = order[at];
		order[at] = i;
	}
	for (uint32_t i = 0; i < records->count; i++)
		if (is_believable(&run->locator->ability, &records->list[order[i]].ip))
			add_target(run, &records->list[order[i]].ip, port, transport);
}

// RFC 7984 4: both families are asked for, all addresses of a host stand together.
static void add_host(struct run *run, struct span name, uint16_t port, enum sip_transport transport)
{
	const struct sip_ability *ability = &run->locator->ability;
	bool is_v6 = ability->v6_first >> transport & 1;

	for (uint32_t i = 0; i < 2; i++, is_v6 = !is_v6) {
		struct sip_records records;

		if (((is_v6 ? ability->v6 : ability->v4) >> transport & 1) &&
			look(run, is_v6 ? SIP_RECORD_AAAA : SIP_RECORD_A, name, &records))
			add_addresses(run, &records, port, transport);
	}
}

// SRV (RFC 2782) ---------------------------------------------------------------------------------

// Among the records of the lowest priority left; those of weight 0 come first in the running sum.
static uint32_t draw(const struct sip_records *records, struct rng *rng, uint64_t left)
{
	uint32_t priority = UINT32_MAX, sum = 0, first = 0;

	for (uint32_t i = 0; i < records->count; i++)
		if ((left >> i & 1) && records->list[i].srv.priority < priority)
			priority = records->list[i].srv.priority;
	for (uint32_t i = 0; i < records->count; i++)
		if ((left >> i & 1) && records->list[i].srv.priority == priority)
			sum += records->list[i].srv.weight;
	uint32_t ticket = rng_below(rng, sum + 1), passed = 0;
	for (uint32_t is_weighty = 0; is_weighty < 2; is_weighty++) {
		for (uint32_t i = 0; i < records->count; i++) {
			const struct sip_record *record = &records->list[i];

			if (!(left >> i & 1) || record->srv.priority != priority ||
				(record->srv.weight != 0) != is_weighty)
				continue;
			passed += record->srv.weight;
			if (passed >= ticket)
				return i;
			first = i;
		}
	}
	return first;
}

uint32_t sip_srv_order(const struct sip_records *records, struct rng *rng,
	uint32_t order[SIP_TARGETS_MAX])
{
	struct sip_records set = { records->list,
		records->count < SET_MAX ? records->count : SET_MAX };
	uint64_t left = set.count == 64 ? UINT64_MAX : (1ull << set.count) - 1;
	uint32_t count = 0;

	while (left && count < SIP_TARGETS_MAX) {
		uint32_t i = draw(&set, rng, left);

		left &= ~(1ull << i);
		order[count++] = i;
	}
	return count;
}

// False: there is no such service, or nothing is known yet.
static bool add_service(struct run *run, struct span name, enum sip_transport transport)
{
	uint32_t order[SIP_TARGETS_MAX];
	struct sip_records records;

	if (!look(run, SIP_RECORD_SRV, name, &records))
		return false;
	uint32_t count = sip_srv_order(&records, run->locator->rng, order);
	// A target of "." says that the service is not available here: no other place is asked.
	for (uint32_t i = 0; i < count; i++)
		add_host(run, records.list[order[i]].name, records.list[order[i]].srv.port,
			transport);
	return count > 0;
}

static bool add_service_of(struct run *run, struct span host, enum sip_transport transport)
{
	char name[SIP_DOMAIN_MAX];
	struct span prefix = carriers[transport].srv;

	if (prefix.len == 0 || prefix.len + host.len > sizeof(name))
		return false;
	memcpy(name, prefix.ptr, prefix.len);
	memcpy(name + prefix.len, host.ptr, host.len);
	return add_service(run, span_make(name, prefix.len + host.len), transport);
}

// NAPTR (RFC 3263 4.1) ---------------------------------------------------------------------------

struct choice {
	const struct sip_record *record;
	enum sip_transport transport;
};

// Whether the record names a service that we can use; others are as if they were not there.
static bool choose(const struct sip_ability *ability, const struct sip_record *record,
	bool is_secure, struct choice *out)
{
	if (!span_ieq(record->naptr.flags, SPAN_LIT("s")) || record->naptr.has_regexp ||
		record->name.len == 0)
		return false;
	for (uint32_t i = 0; i < SIP_TRANSPORT_COUNT; i++) {
		enum sip_transport transport = (enum sip_transport)i;

		if (carriers[i].naptr.len == 0 ||
			!span_ieq(record->naptr.service, carriers[i].naptr))
			continue;
		*out = (struct choice){ record, transport };
		return can_dial(ability, transport) &&
			(!is_secure || sip_transport_is_secure(transport));
	}
	return false;
}

static bool is_before(const struct choice *a, const struct choice *b)
{
	return a->record->naptr.preference < b->record->naptr.preference;
}

// The usable records of the lowest order, by preference: a higher order is not looked at (RFC 3403
// 4.1).
static uint32_t choose_all(const struct run *run, const struct sip_records *records,
	bool is_secure, struct choice choices[NAPTR_MAX])
{
	uint32_t count = 0;
	struct choice choice;

	for (uint32_t i = 0; i < records->count; i++) {
		if (!choose(&run->locator->ability, &records->list[i], is_secure, &choice))
			continue;
		uint16_t order = count ? choices[0].record->naptr.order : UINT16_MAX;
		if (choice.record->naptr.order < order)
			count = 0;
		else if (count > 0 && choice.record->naptr.order > order)
			continue;
		if (count == NAPTR_MAX)
			continue;
		uint32_t at = count++;
		for (; at > 0 && is_before(&choice, &choices[at - 1]); at--)
			choices[at] = choices[at - 1];
		choices[at] = choice;
	}
	return count;
}

// The steps ---------------------------------------------------------------------------------------

// Without any hint: as RFC 3261 18 has it, or what the realm speaks at all.
static enum sip_transport usual_transport(uint8_t transports, bool is_secure)
{
	if (!is_secure && (transports >> SIP_TRANSPORT_UDP & 1))
		return SIP_TRANSPORT_UDP;
	if (!is_secure && (transports >> SIP_TRANSPORT_TCP & 1))
		return SIP_TRANSPORT_TCP;
	return SIP_TRANSPORT_TLS;
}

static uint8_t transports_of(const struct sip_ability *ability, const struct ip *ip)
{
	if (ip_is_unset(ip))
		return ability->v4 | ability->v6;
	return ip_is_v4(ip) ? ability->v4 : ability->v6;
}

// sips over TCP is TLS (RFC 3261 19.1), over UDP it is nothing.
static bool settle_transport(struct sip_place *place)
{
	if (!place->has_transport || !place->is_secure)
		return true;
	if (place->transport == SIP_TRANSPORT_TCP)
		place->transport = SIP_TRANSPORT_TLS;
	if (place->transport == SIP_TRANSPORT_WS)
		place->transport = SIP_TRANSPORT_WSS;
	return sip_transport_is_secure(place->transport);
}

// 4.1: NAPTR, else SRV of each transport that we speak. False: neither is there.
static bool add_domain(struct run *run, const struct sip_place *place)
{
	static const enum sip_transport plain[] = { SIP_TRANSPORT_UDP, SIP_TRANSPORT_TCP };
	const struct sip_ability *ability = &run->locator->ability;
	bool is_secure = place->is_secure ||
		usual_transport(ability->v4 | ability->v6, false) == SIP_TRANSPORT_TLS;
	struct choice choices[NAPTR_MAX];
	struct sip_records records;
	bool has_any = false;

	if (!look(run, SIP_RECORD_NAPTR, place->host, &records))
		return true;
	uint32_t count = choose_all(run, &records, is_secure, choices);
	for (uint32_t i = 0; i < count; i++)
		has_any |= add_service(run, choices[i].record->name, choices[i].transport);
	if (count > 0)
		return has_any || run->is_waiting;
	if (is_secure)
		return add_service_of(run, place->host, SIP_TRANSPORT_TLS);
	for (uint32_t i = 0; i < 2; i++)
		if (can_dial(ability, plain[i]))
			has_any |= add_service_of(run, place->host, plain[i]);
	return has_any;
}

static void add_name(struct run *run, const struct sip_place *place, enum sip_transport transport)
{
	if (place->port == 0) {
		bool has_service = place->has_transport ?
			add_service_of(run, place->host, transport) :
			add_domain(run, place);

		if (has_service || run->is_waiting)
			return;
	}
	add_host(run, place->host, place->port ? place->port : carriers[transport].port, transport);
}

// Names in DNS are compared without case, and ours are keys of a cache.
static struct span lower(struct span name, char buf[SIP_DOMAIN_MAX])
{
	if (name.len && name.ptr[name.len - 1] == '.')
		name.len--;
	if (name.len > SIP_DOMAIN_MAX)
		return SPAN_NONE;
	for (uint32_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		buf[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
	}
	return span_make(buf, name.len);
}

int sip_locate(const struct sip_locator *locator, const struct sip_place *place,
	struct sip_target targets[SIP_TARGETS_MAX])
{
	struct run run = { .locator = locator, .targets = targets };
	struct sip_place settled = *place;
	char name[SIP_DOMAIN_MAX];

	if (!settle_transport(&settled))
		return 0;
	enum sip_transport transport = settled.has_transport ?
		settled.transport :
		usual_transport(transports_of(&locator->ability, &settled.ip), settled.is_secure);
	if (!ip_is_unset(&settled.ip)) {
		add_target(&run, &settled.ip,
			settled.port ? settled.port : carriers[transport].port, transport);
		return (int)run.count;
	}
	settled.host = lower(settled.host, name);
	add_name(&run, &settled, transport);
	return run.is_waiting ? -EAGAIN : (int)run.count;
}
