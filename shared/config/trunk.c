// trunk.c - sections trunks and routes: peers and where calls go.
#include "config/schema.h"

#include "config/value.h"

void *config_begin_trunk(struct config_loader *loader, const struct node *node, uint32_t siblings)
{
	struct config *config = loader->config;
	if (!config->trunks)
		config->trunks = arena_zalloc(loader->arena, siblings * sizeof *config->trunks);
	if (!config->trunks) {
		config_fail(loader, node, "the configuration is too large");
		return NULL;
	}
	const char *name = config_copy(loader, node, node->key->text);
	if (!name)
		return NULL;
	struct config_trunk *trunk = &config->trunks[config->trunk_count++];
	trunk->name = name;
	return trunk;
}

static int find_realm(struct config_loader *loader, const struct node *node)
{
	const struct config *config = loader->config;
	struct span text;
	struct suggest suggest;
	if (!config_scalar(loader, node, &text))
		return -1;
	int index = config_find_realm(config, text);
	if (index >= 0)
		return index;
	suggest_init(&suggest, text);
	for (uint32_t i = 0; i < config->realm_count; i++)
		suggest_offer(&suggest, span_str(config->realms[i].name));
	config_fail_unknown(loader, node, "realm", &suggest);
	return -1;
}

static int find_trunk(struct config_loader *loader, const struct node *node)
{
	const struct config *config = loader->config;
	struct span text;
	struct suggest suggest;
	if (!config_scalar(loader, node, &text))
		return -1;
	int index = config_find_trunk(config, text);
	if (index >= 0)
		return index;
	suggest_init(&suggest, text);
	for (uint32_t i = 0; i < config->trunk_count; i++)
		suggest_offer(&suggest, span_str(config->trunks[i].name));
	config_fail_unknown(loader, node, "trunk", &suggest);
	return -1;
}

void config_take_trunk_realm(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config_trunk *trunk = target;
	(void)item;
	int realm = find_realm(loader, node);
	if (realm < 0)
		return;
	trunk->realm = (uint32_t)realm;
	trunk->profile = loader->config->realms[realm].profile;
}

// Two trunks with one prefix in a realm: nobody could say whose a call is.
static const struct config_trunk *match_owner(const struct config *config,
	const struct config_trunk *asking, const struct ip_prefix *prefix)
{
	for (uint32_t t = 0; t < config->trunk_count; t++) {
		const struct config_trunk *trunk = &config->trunks[t];
		if (trunk->realm != asking->realm)
			continue;
		for (uint32_t i = 0; i < trunk->match_count; i++) {
			const struct ip_prefix *other = &trunk->match[i];
			if (other->bits == prefix->bits && ip_eq(&other->ip, &prefix->ip))
				return trunk;
		}
	}
	return NULL;
}

void config_take_match_ip(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config_trunk *trunk = target;
	struct span text;
	struct ip_prefix prefix;
	if (!config_scalar(loader, node, &text))
		return;
	if (ip_prefix_parse(text, &prefix) != 0) {
		config_fail_expected(loader, node, item->expected);
		return;
	}
	const struct config_trunk *owner = match_owner(loader->config, trunk, &prefix);
	if (owner) {
		config_fail(loader, node,
			"the prefix already belongs to the trunk '%s' of this realm", owner->name);
		return;
	}
	trunk->match[trunk->match_count++] = prefix;
}

static const struct config_trunk *name_owner(const struct config *config,
	const struct config_trunk *asking, struct span name)
{
	for (uint32_t t = 0; t < config->trunk_count; t++) {
		const struct config_trunk *trunk = &config->trunks[t];
		for (uint32_t i = 0; trunk->realm == asking->realm && i < trunk->tls_san_count; i++)
			if (span_ieq(span_str(trunk->tls_san[i]), name))
				return trunk;
	}
	return NULL;
}

void config_take_tls_san(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config_trunk *trunk = target;
	struct span text;

	if (!config_scalar(loader, node, &text))
		return;
	if (!config_is_name(text)) {
		config_fail_expected(loader, node, item->expected);
		return;
	}
	const struct config_trunk *owner = name_owner(loader->config, trunk, text);
	if (owner) {
		config_fail(loader, node,
			"the name already belongs to the trunk '%s' of this realm", owner->name);
		return;
	}
	trunk->tls_san[trunk->tls_san_count] = config_copy(loader, node, text);
	trunk->tls_san_count += trunk->tls_san[trunk->tls_san_count] != NULL;
}

// Nobody shows a certificate unasked.
static void check_tls_san(struct config_loader *loader, const struct node *node,
	const struct config_trunk *trunk)
{
	const struct config_realm *realm = &loader->config->realms[trunk->realm];

	for (uint32_t i = 0; i < realm->listener_count; i++)
		if (realm->listeners[i].tls.verify != CONFIG_CLIENT_NONE)
			return;
	if (trunk->tls_san_count && realm->listener_count)
		config_fail(loader, node, "'tls_san' needs a tls or wss listener of the realm '%s' "
			"with 'verify: require' or 'request'", realm->name);
}

static void check_callers(struct config_loader *loader, const struct node *node,
	const struct config_trunk *trunk)
{
	if (trunk->callers == CONFIG_CALLERS_ANY)
		return;
	loader->config->has_checked_callers = true;
	if (trunk->number_count == 0)
		config_fail(loader, node, "'callers' needs 'numbers': whose they are");
	if (trunk->callers == CONFIG_CALLERS_REPLACE && trunk->main_number.len == 0)
		config_fail(loader, node, "'callers: replace' needs 'main': by what");
	if (span_find(trunk->main_number, '*', 0) >= 0)
		config_fail(loader, node, "'main' is one number, not a beginning");
}

void config_finish_trunk(struct config_loader *loader, const struct node *node, void *target)
{
	struct config_trunk *trunk = target;

	config_check_trunk_tls(loader, node, trunk);
	check_tls_san(loader, node, trunk);
	config_check_trunk_connection(loader, node, trunk);
	check_callers(loader, node, trunk);
	config_check_hosts(loader, node, trunk);
}

void *config_begin_route(struct config_loader *loader, const struct node *node, uint32_t siblings)
{
	struct config *config = loader->config;
	if (!config->routes)
		config->routes = arena_zalloc(loader->arena, siblings * sizeof *config->routes);
	if (!config->routes) {
		config_fail(loader, node, "the configuration is too large");
		return NULL;
	}
	struct config_route *route = &config->routes[config->route_count++];
	*route = (struct config_route){ .from_realm = -1, .from_trunk = -1, .line = node->line };
	return route;
}

// Keeps the text beyond the nodes' life.
static void keep_user(struct config_loader *loader, const struct node *node, struct span text,
	struct span *field)
{
	const char *copy = config_copy(loader, node, text);
	if (copy)
		*field = span_make(copy, text.len);
}

void config_take_pattern(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct span *field = (void *)((uint8_t *)target + item->offset);
	struct span text;
	if (!config_scalar(loader, node, &text))
		return;
	int32_t star = span_find(text, '*', 0);
	bool is_inner = star >= 0 && (uint32_t)star + 1 < text.len;
	if (!value_is_user(text) || is_inner)
		config_fail_expected(loader, node, item->expected);
	else
		keep_user(loader, node, text, field);
}

void config_take_number(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config_trunk *trunk = target;
	struct config_item one = *item;

	one.offset = (uint32_t)((uint8_t *)&trunk->numbers[trunk->number_count] -
		(uint8_t *)target);
	config_take_pattern(loader, node, &one, target);
	trunk->number_count += trunk->numbers[trunk->number_count].len > 0;
}

// RFC 6140 5.2: no user, and the parameter without a value. What else stands there is the core's.
static bool is_bulk_contact(struct span text)
{
	struct span rest = text, word;
	bool has_bnc = false;

	if ((!span_istarts(text, SPAN_LIT("sip:")) && !span_istarts(text, SPAN_LIT("sips:"))) ||
		span_find(text, '@', 0) >= 0 || span_find(text, '?', 0) >= 0)
		return false;
	for (uint32_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f || text.ptr[i] == '>')
			return false;
	span_cut(&rest, ';', &word);
	bool has_host = word.len > 5;
	while (span_cut(&rest, ';', &word))
		has_bnc |= span_ieq(word, SPAN_LIT("bnc"));
	return has_host && has_bnc;
}

void config_take_bulk_contact(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config_trunk *trunk = target;
	struct span text;

	if (!config_scalar(loader, node, &text))
		return;
	if (is_bulk_contact(text))
		keep_user(loader, node, text, &trunk->bulk_contact);
	else
		config_fail_expected(loader, node, item->expected);
}

void config_take_user(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct span *field = (void *)((uint8_t *)target + item->offset);
	struct span text;
	if (!config_scalar(loader, node, &text))
		return;
	if (text.len > 0 && !value_is_user(text))
		config_fail_expected(loader, node, item->expected);
	else
		keep_user(loader, node, text, field);
}

void config_take_route_realm(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config_route *route = target;
	(void)item;
	route->from_realm = find_realm(loader, node);
}

void config_take_route_from(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config_route *route = target;
	(void)item;
	route->from_trunk = find_trunk(loader, node);
}

void config_take_route_to(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config_route *route = target;
	(void)item;
	int trunk = find_trunk(loader, node);
	if (trunk >= 0)
		route->trunk = (uint32_t)trunk;
}
