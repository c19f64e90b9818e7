// sip-blast - begins calls at an exact rate, answers them at the other side, and counts what became
// of them. Both sides in one thread; what lies between (Muga, a proxy) is what is measured.
//
//   sip-blast --caller NETNS,IP,PORT --callee NETNS,IP,PORT --border IP,PORT --rate CPS --seconds S
//             [--users PREFIX] [--hold MS] [--timeout MS] [--calls-max N] [--emergency-every N]
//             [--settle S] [--no-streams] [--no-repeat] [--cpu N]
//
// Prints one JSON object. "goodput" are the calls that were completed each second while calls were
// begun, less the first S seconds. "is_generator_limited" means that calls began late or were held
// back by the generator itself, so that the run says nothing about what lies between.
#include "callee.h"
#include "caller.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LATE_NS 20000000u // a call that begins later than that was not begun on time

struct options {
	const char *caller, *callee;
	struct caller_options calls;
	double rate, seconds, settle;
	bool has_streams;
	int cpu;
};

struct blast {
	struct blast_port caller_port, callee_port;
	struct caller caller;
	struct callee callee;
	uint64_t began_late;
	double counted_s;    // how long completed calls were counted
	char offer[512], answer[512];
};

static uint64_t now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void receive(struct blast *blast, uint64_t now_ns)
{
	struct blast_datagram datagrams[BLAST_BATCH];
	uint32_t count = blast_port_receive(&blast->callee_port, datagrams);

	for (uint32_t i = 0; i < count; i++)
		callee_receive(&blast->callee, &datagrams[i], now_ns);
	count = blast_port_receive(&blast->caller_port, datagrams);
	for (uint32_t i = 0; i < count; i++)
		caller_receive(&blast->caller, &datagrams[i], now_ns);
}

static void turn(struct blast *blast, uint64_t now_ns)
{
	receive(blast, now_ns);
	caller_run(&blast->caller, now_ns);
	callee_run(&blast->callee, now_ns);
	blast_port_flush(&blast->caller_port);
	blast_port_flush(&blast->callee_port);
}

static void run(struct blast *blast, const struct options *o)
{
	uint64_t begin_ns = now(), now_ns = begin_ns, total = (uint64_t)(o->rate * o->seconds);
	uint64_t drain_ns = (o->calls.hold_ms + o->calls.timeout_ms * 2ull) * 1000000ull;

	for (uint64_t done = 0; done < total;) {
		blast->caller.is_counting =
			(double)(now_ns - begin_ns) * 1e-9 >= o->settle;
		double due = (double)(now_ns - begin_ns) * 1e-9 * o->rate;
		// A bounded handful between two looks at the sockets.
		for (uint32_t i = 0; i < 16 && done < total && (double)done <= due; i++) {
			double behind_s = (due - (double)done) / o->rate;
			blast->began_late += behind_s * 1e9 > LATE_NS;
			caller_begin(&blast->caller, now_ns);
			done++;
		}
		turn(blast, now_ns);
		now_ns = now();
	}
	blast->caller.is_counting = false;
	blast->counted_s = (double)(now_ns - begin_ns) * 1e-9 - o->settle;
	uint64_t end_ns = now_ns + drain_ns;
	while (caller_alive(&blast->caller) && now_ns < end_ns) {
		turn(blast, now_ns);
		now_ns = now();
	}
}

static void print_kind(const char *name, const struct caller_kind *kind)
{
	printf("\"%s\": {\"begun\": %lu, \"answered\": %lu, \"completed\": %lu, "
		"\"timed_out\": %lu, \"refused\": %lu, \"refused_badly\": %lu}, ", name,
		kind->begun, kind->answered,
		kind->completed, kind->timed_out, kind->refused, kind->refused_badly);
}

static void report(struct blast *blast, const struct options *o)
{
	const struct caller *caller = &blast->caller;
	uint64_t total = caller->kinds[0].begun + caller->kinds[1].begun + caller->late;
	const char *comma = "";

	printf("{\"rate\": %.1f, \"seconds\": %.1f, \"goodput\": %.1f, ", o->rate, o->seconds,
		(double)(caller->kinds[0].counted + caller->kinds[1].counted) /
			blast->counted_s);
	print_kind("calls", &caller->kinds[0]);
	print_kind("emergency", &caller->kinds[1]);
	printf("\"setup_ms\": {\"p50\": %.1f, \"p99\": %.1f}, \"statuses\": {",
		caller_setup_ms(caller, 0.5), caller_setup_ms(caller, 0.99));
	for (uint32_t i = 0; i < CALLER_STATUS_MAX; i++) {
		if (!caller->statuses[i])
			continue;
		printf("%s\"%u\": %lu", comma, i, caller->statuses[i]);
		comma = ", ";
	}
	printf("}, \"repeated\": %lu, \"callee\": {\"invites\": %lu, \"byes\": %lu, "
		"\"repeated\": %lu, \"unacknowledged\": %lu}, ", caller->repeated,
		blast->callee.invites, blast->callee.byes, blast->callee.repeated,
		blast->callee.unacknowledged);
	printf("\"datagrams\": {\"sent\": %lu, \"received\": %lu, \"refused\": %lu}, "
		"\"alive\": %u, \"late\": %lu, \"is_generator_limited\": %s}\n",
		blast->caller_port.sent + blast->callee_port.sent,
		blast->caller_port.received + blast->callee_port.received,
		blast->caller_port.refused + blast->callee_port.refused, caller_alive(caller),
		caller->late + blast->began_late,
		caller->late + blast->began_late > total / 100 || blast->callee.full ? "true" :
										"false");
}

// An audio stream; or a session of messages, whose media a border may let pass by.
static void write_body(char body[512], const char *ip, bool has_streams)
{
	int len = snprintf(body, 512,
		"v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n", ip, ip);

	if (has_streams)
		snprintf(body + len, 512 - (size_t)len,
			"m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\n"
			"a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
			"a=fmtp:101 0-15\r\na=sendrecv\r\n");
	else
		snprintf(body + len, 512 - (size_t)len,
			"m=message 40000 TCP/MSRP *\r\na=accept-types:text/plain\r\n"
			"a=path:msrp://%s:40000/blast;tcp\r\n", ip);
}

static bool read_border(const char *text, struct sockaddr_in *out)
{
	char ip[INET_ADDRSTRLEN];
	unsigned short port;

	out->sin_family = AF_INET;
	if (sscanf(text, "%15[^,],%hu", ip, &port) != 2 ||
		inet_pton(AF_INET, ip, &out->sin_addr) != 1) {
		fprintf(stderr, "sip-blast: expected IP,PORT, found \"%s\"\n", text);
		return false;
	}
	out->sin_port = htons(port);
	return true;
}

static bool read_options(int argc, char **argv, struct options *o)
{
	static const struct option names[] = {
		{ "caller", required_argument, NULL, 'a' },
		{ "callee", required_argument, NULL, 'b' },
		{ "border", required_argument, NULL, 'm' },
		{ "rate", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 's' },
		{ "users", required_argument, NULL, 'u' },
		{ "hold", required_argument, NULL, 'h' },
		{ "timeout", required_argument, NULL, 't' },
		{ "calls-max", required_argument, NULL, 'n' },
		{ "cpu", required_argument, NULL, 'c' },
		{ "settle", required_argument, NULL, 'S' },
		{ "emergency-every", required_argument, NULL, 'e' },
		{ "no-streams", no_argument, NULL, 'B' }, { "no-repeat", no_argument, NULL, 'R' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (option) {
		case 'a': o->caller = optarg; break;
		case 'b': o->callee = optarg; break;
		case 'm':
			if (!read_border(optarg, &o->calls.border))
				return false;
			break;
		case 'r': o->rate = atof(optarg); break;
		case 's': o->seconds = atof(optarg); break;
		case 'S': o->settle = atof(optarg); break;
		case 'u': o->calls.users = optarg; break;
		case 'h': o->calls.hold_ms = (uint32_t)atoi(optarg); break;
		case 't': o->calls.timeout_ms = (uint32_t)atoi(optarg); break;
		case 'n': o->calls.calls_max = (uint32_t)atoi(optarg); break;
		case 'e': o->calls.emergency_every = (uint32_t)atoi(optarg); break;
		case 'c': o->cpu = atoi(optarg); break;
		case 'B': o->has_streams = false; break;
		case 'R': o->calls.is_repeating = false; break;
		default: return false;
		}
	}
	return optind == argc && o->caller && o->callee && o->calls.border.sin_port &&
		o->rate > 0 && o->seconds > o->settle && o->settle >= 0 && o->calls.calls_max > 0;
}

static void pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		fprintf(stderr, "sip-blast: not pinned to CPU %d\n", cpu);
}

int main(int argc, char **argv)
{
	static struct blast blast;
	struct options o = { .cpu = -1, .has_streams = true,
		.calls = { .users = "c", .calls_max = 100000, .timeout_ms = 8000,
			.is_repeating = true, .body = blast.offer } };

	if (!read_options(argc, argv, &o)) {
		fprintf(stderr, "usage: sip-blast --caller NETNS,IP,PORT --callee NETNS,IP,PORT "
			"--border IP,PORT --rate CPS --seconds S [--users PREFIX] [--hold MS] "
			"[--timeout MS] [--calls-max N] [--emergency-every N] [--settle S] "
			"[--no-streams] [--no-repeat] [--cpu N]\n");
		return 2;
	}
	pin(o.cpu);
	if (!blast_port_open(&blast.caller_port, o.caller) ||
		!blast_port_open(&blast.callee_port, o.callee))
		return 1;
	write_body(blast.offer, blast.caller_port.ip, o.has_streams);
	write_body(blast.answer, blast.callee_port.ip, o.has_streams);
	if (!caller_init(&blast.caller, &blast.caller_port, &o.calls) ||
		!callee_init(&blast.callee, &blast.callee_port, blast.answer, o.calls.calls_max))
		return 1;
	blast.caller.session = now();
	run(&blast, &o);
	report(&blast, &o);
	caller_free(&blast.caller);
	callee_free(&blast.callee);
	blast_port_close(&blast.caller_port);
	blast_port_close(&blast.callee_port);
	return 0;
}
