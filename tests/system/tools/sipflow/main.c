// sipflow - call flows by script over UDP, TCP, TLS, WebSocket and secure WebSocket, on both sides
// of a border.
//
//   sipflow --a END --b END [options] SCRIPT...
//     END                  [NETNS,]KIND,IP,PORT,BORDER-IP,BORDER-PORT
//                          KIND: udp, tcp, tls, ws, wss
//     --ca F --cert F --key F   PEM files, for tls and wss
//     --count N --rate N   of each script so many flows (1), so many new ones in a second (50)
//     --prefix TEXT        before the called user's number (c)
//     --patience MS        for each message that is expected (15000)
//     --trace FILE         every message
//
// All scripts run at the same time (script.h tells how they are written); each flow calls a user
// of its own, by which the other side finds it again. Prints one JSON object. Exit status 0: every
// flow went as its script says and nothing else came; 1 otherwise, with a ladder of the first that
// did not; 2 usage.
#include "flow.h"

#include <getopt.h>
#include <time.h>
#include <unistd.h>

enum { SCRIPTS_MAX = 64, FAILURES_SHOWN = 3 };

struct options {
	struct wire_params wire;
	struct script scripts[SCRIPTS_MAX];
	uint32_t script_count;
	uint32_t count, rate, patience_ms;
	const char *prefix, *trace;
};

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static bool parse_end(struct wire_end *end, char *text)
{
	char *words[6] = { NULL }, **w = words;

	for (int i = 0; i < 6 && text; i++)
		words[i] = strsep(&text, ",");
	if (words[0] && words[0][0] == '/')
		end->netns = *w++;
	if (text || !w[4] || (w == words && words[5]) || !wire_kind_of(w[0], &end->kind))
		return false;
	snprintf(end->ip, sizeof(end->ip), "%s", w[1]);
	snprintf(end->border_ip, sizeof(end->border_ip), "%s", w[3]);
	end->port = (uint16_t)atoi(w[2]);
	end->border_port = (uint16_t)atoi(w[4]);
	return end->port && end->border_port;
}

static const struct option long_options[] = {
	{ "a", required_argument, NULL, 'a' },
	{ "b", required_argument, NULL, 'b' },
	{ "ca", required_argument, NULL, 'c' },
	{ "cert", required_argument, NULL, 'e' },
	{ "key", required_argument, NULL, 'k' },
	{ "count", required_argument, NULL, 'n' },
	{ "rate", required_argument, NULL, 'r' },
	{ "prefix", required_argument, NULL, 'x' },
	{ "patience", required_argument, NULL, 'p' },
	{ "trace", required_argument, NULL, 't' },
	{ 0 },
};

static bool parse_option(struct options *options, int opt, char *value)
{
	switch (opt) {
	case 'a': return parse_end(&options->wire.end[SIDE_A], value);
	case 'b': return parse_end(&options->wire.end[SIDE_B], value);
	case 'c': options->wire.ca = value; return true;
	case 'e': options->wire.cert = value; return true;
	case 'k': options->wire.key = value; return true;
	case 'n': options->count = (uint32_t)atoi(value); return options->count > 0;
	case 'r': options->rate = (uint32_t)atoi(value); return options->rate > 0;
	case 'x': options->prefix = value; return true;
	case 'p': options->patience_ms = (uint32_t)atoi(value); return options->patience_ms > 0;
	case 't': options->trace = value; return true;
	default: return false;
	}
}

static bool parse(struct options *options, int argc, char **argv)
{
	bool is_valid = true;
	int opt;

	while (is_valid && (opt = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		is_valid = parse_option(options, opt, optarg);
	if (!is_valid || !options->wire.end[SIDE_A].port || !options->wire.end[SIDE_B].port ||
		optind == argc || argc - optind > SCRIPTS_MAX) {
		fprintf(stderr, "usage: sipflow --a END --b END [--ca F --cert F --key F] "
			"[--count N] [--rate N] [--prefix TEXT] [--patience MS] [--trace FILE] "
			"SCRIPT...\nEND: [NETNS,]KIND,IP,PORT,BORDER-IP,BORDER-PORT\n");
		return false;
	}
	for (; optind < argc; optind++) {
		if (!script_load(&options->scripts[options->script_count++], argv[optind]))
			return false;
	}
	return true;
}

static bool open_stage(struct stage *stage, const struct options *options)
{
	stage->count = options->count * options->script_count;
	stage->patience_ms = options->patience_ms;
	stage->flows = calloc(stage->count, sizeof(*stage->flows));
	stage->trace = options->trace ? fopen(options->trace, "w") : NULL;
	stage->world = (struct world){ .prefix = options->prefix,
		.wire = { .receive = stage_receive, .context = stage } };
	snprintf(stage->world.run, sizeof(stage->world.run), "r%x",
		(unsigned)(now() >> 10 ^ (uint64_t)getpid() << 16));
	if (!stage->flows || !wire_open(&stage->world.wire, &options->wire))
		return false;
	for (uint32_t i = 0; i < stage->count; i++)
		flow_init(stage, &stage->flows[i], &options->scripts[i % options->script_count], i);
	return true;
}

static void run(struct stage *stage, uint32_t rate)
{
	uint64_t began = now();
	uint32_t started = 0, over;

	do {
		uint64_t now_ns = now();
		while (started < stage->count && now_ns >= began + started * 1000000000ull / rate)
			stage->flows[started++].state = FLOW_RUNNING;
		over = 0;
		for (uint32_t i = 0; i < started; i++) {
			flow_run(stage, &stage->flows[i], now_ns);
			over += stage->flows[i].state >= FLOW_GOOD;
		}
		wire_turn(&stage->world.wire, 5);
	} while (over < stage->count);
}

static bool report(const struct stage *stage)
{
	const struct wire_counts *counts = &stage->world.wire.counts;
	uint32_t good = 0, shown = 0;
	uint64_t repeated = 0;

	for (uint32_t i = 0; i < stage->count; i++) {
		const struct flow *flow = &stage->flows[i];
		good += flow->state == FLOW_GOOD;
		repeated += flow->repeated;
		if (flow->state == FLOW_FAILED && shown++ < FAILURES_SHOWN)
			fprintf(stderr, "sipflow: %s, flow %u: %s\n%s", flow->script->name, i,
				flow->reason, flow->ladder.data ? flow->ladder.data : "");
	}
	printf("{\"flows\": %u, \"good\": %u, \"strays\": %lu, \"repeated\": %lu, ", stage->count,
		good, stage->strays, repeated);
	printf("\"sent\": %lu, \"received\": %lu, \"dialled\": %lu, \"accepted\": %lu, ",
		counts->sent, counts->received, counts->dialled, counts->accepted);
	printf("\"closed\": %lu, \"dial_failed\": %lu}\n", counts->closed, counts->failed);
	return good == stage->count && !stage->strays;
}

int main(int argc, char **argv)
{
	static struct options options = { .count = 1, .rate = 50, .patience_ms = 15000,
		.prefix = "c" };
	static struct stage stage;
	bool is_good;

	if (!parse(&options, argc, argv) || !open_stage(&stage, &options))
		return 2;
	run(&stage, options.rate);
	is_good = report(&stage);
	for (uint32_t i = 0; i < stage.count; i++)
		flow_fini(&stage.flows[i]);
	for (uint32_t i = 0; i < options.script_count; i++)
		script_free(&options.scripts[i]);
	free(stage.flows);
	wire_close(&stage.world.wire);
	if (stage.trace)
		fclose(stage.trace);
	return is_good ? 0 : 1;
}
