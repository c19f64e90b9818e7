// sipcall - places calls through a border controller, with media, and accounts for every packet.
//
//   sipcall --from [NETNS,]IP[,PORT] --to [NETNS,]IP[,PORT] --border IP[,PORT] [options]
//     --calls N --rate PER_SECOND --hold MS   (1, 10, 3000)
//     --rtp-ports FROM,TO                     first port of either side (20000,30000)
//     --prefix TEXT     before the called user "c<number>"
//     --no-media        signaling only
//     --srtp SUITE      the caller's side under keys (RFC 4568); needs --no-media
//     --one-way         only the caller sends
//     --flows FILE      write "side ip port border-ip border-port [suite key border-key]"
//                       lines once all calls stand
//     --until-eof       calls stand until standard input ends
//
// Prints one JSON object. Exit status 0: every call answered and ended by 200, no packet lost,
// doubled or foreign; 1 otherwise; 2 usage.
#include "driver.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static char *split(char **text)
{
	return strsep(text, ",");
}

// [NETNS,]IP[,PORT]; a namespace is a path.
static void parse_end(struct driver_params *params, int side, char *text)
{
	char *word = split(&text);

	if (word && word[0] == '/') {
		params->netns[side] = word;
		word = split(&text);
	}
	params->ip[side] = word;
	params->sip_port[side] = text ? (uint16_t)atoi(text) : 5060;
}

static bool parse_border(struct driver_params *params, char *text)
{
	static char host[80];
	char *ip = split(&text);

	sip_text_host(ip, host, sizeof(host));
	params->border_host = host;
	return sip_text_address(ip, text ? (uint16_t)atoi(text) : 5060, &params->border);
}

static const struct option options[] = {
	{ "from", required_argument, NULL, 'f' },
	{ "to", required_argument, NULL, 't' },
	{ "border", required_argument, NULL, 'b' },
	{ "calls", required_argument, NULL, 'n' },
	{ "rate", required_argument, NULL, 'r' },
	{ "hold", required_argument, NULL, 'h' },
	{ "rtp-ports", required_argument, NULL, 'p' },
	{ "prefix", required_argument, NULL, 'x' },
	{ "no-media", no_argument, NULL, 'm' },
	{ "srtp", required_argument, NULL, 's' },
	{ "one-way", no_argument, NULL, 'o' },
	{ "flows", required_argument, NULL, 'w' },
	{ "until-eof", no_argument, NULL, 'e' },
	{ 0 },
};

static bool parse_option(struct driver_params *params, int opt, char *value)
{
	switch (opt) {
	case 'f': parse_end(params, CALLER, value); return params->ip[CALLER];
	case 't': parse_end(params, CALLEE, value); return params->ip[CALLEE];
	case 'b': return parse_border(params, value);
	case 'n': params->calls = (uint32_t)atoi(value); return params->calls > 0;
	case 'r': params->rate_per_s = (uint32_t)atoi(value); return params->rate_per_s > 0;
	case 'h': params->hold_ms = (uint32_t)atoi(value); return true;
	case 'p':
		params->rtp_port[CALLER] = (uint16_t)atoi(split(&value));
		params->rtp_port[CALLEE] = value ? (uint16_t)atoi(value) : 0;
		return value;
	case 'x': params->prefix = value; return true;
	case 'm': params->has_media = false; return true;
	case 's': params->srtp = value; return true;
	case 'o': params->is_callee_silent = true; return true;
	case 'w': params->flows_path = value; return true;
	default: return false;
	}
}

int main(int argc, char **argv)
{
	struct driver_params params = { .calls = 1, .rate_per_s = 10, .hold_ms = 3000, .prefix = "",
		.rtp_port = { 20000, 30000 }, .has_media = true };
	bool until_eof = false, is_valid = true;
	struct driver driver;
	int opt;

	while (is_valid && (opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'e')
			until_eof = true;
		else
			is_valid = parse_option(&params, opt, optarg);
	}
	is_valid = is_valid && !(params.srtp && params.has_media);
	if (!is_valid || !params.ip[CALLER] || !params.ip[CALLEE] || !params.border_host) {
		fprintf(stderr, "usage: sipcall --from [NETNS,]IP[,PORT] --to [NETNS,]IP[,PORT] "
			"--border IP[,PORT] [--calls N] [--rate PER_SECOND] [--hold MS] "
			"[--rtp-ports FROM,TO] [--prefix TEXT] [--no-media] [--srtp SUITE] "
			"[--one-way] [--flows FILE] [--until-eof]\n");
		return 2;
	}
	if (until_eof)
		params.hold_ms = UINT32_MAX;
	if (driver_init(&driver, &params))
		return 2;
	driver_run(&driver, until_eof);
	bool is_good = driver_report(&driver, stdout);
	driver_fini(&driver);
	return is_good ? 0 : 1;
}
