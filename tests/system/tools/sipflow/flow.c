#include "flow.h"

#include <regex.h>
#include <strings.h>

#define MS_NS      1000000ull
#define SETTLE_MS  150u // at the end: whatever comes then is one message too many

void flow_init(struct stage *stage, struct flow *flow, const struct script *script,
	uint32_t number)
{
	*flow = (struct flow){ .script = script, .number = number };
	for (uint32_t i = 0; i < script->party_count; i++)
		party_init(&flow->parties[i], &stage->world, script->parties[i], number);
}

static struct inbox **unlink_at(struct inbox **at)
{
	struct inbox *gone = *at;

	*at = gone->next;
	free(gone->text);
	free(gone);
	return at;
}

void flow_fini(struct flow *flow)
{
	for (uint32_t i = 0; i < flow->script->party_count; i++)
		party_fini(&flow->parties[i]);
	while (flow->inbox)
		unlink_at(&flow->inbox);
	bytes_free(&flow->ladder);
	free(flow->seen);
}

static void draw(struct flow *flow, const char *who, char direction, const char *text)
{
	char line[300];
	int len = snprintf(line, sizeof(line), "    %-3s %c %.*s\n", who, direction,
		(int)strcspn(text, "\r\n"), text);

	bytes_put(&flow->ladder, line, (size_t)len < sizeof(line) ? (size_t)len : sizeof(line) - 1);
}

static void fail(struct flow *flow, const char *reason, const char *detail)
{
	const struct step *step = flow->step < flow->script->count ?
		&flow->script->steps[flow->step] : NULL;

	snprintf(flow->reason, sizeof(flow->reason), "line %u: %s%s%.*s", step ? step->line : 0,
		reason, detail ? ": " : "", detail ? (int)strcspn(detail, "\r\n") : 0,
		detail ? detail : "");
	flow->state = FLOW_FAILED;
}

static void trace(const struct stage *stage, const char *who, char direction, const char *text)
{
	if (stage->trace)
		fprintf(stage->trace, "---- %s %c\n%s\n", who, direction, text);
}

static const char *field_of(const struct party *party, const char *field, size_t len)
{
	static const struct {
		const char *name;
		size_t at;
	} fields[] = { { "call-id", offsetof(struct party, call_id) },
		{ "local-tag", offsetof(struct party, local_tag) },
		{ "remote-tag", offsetof(struct party, remote_tag) },
		{ "target", offsetof(struct party, target) } };

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (strlen(fields[i].name) == len && !strncmp(field, fields[i].name, len))
			return (const char *)party + fields[i].at;
	}
	return NULL;
}

// "{b.call-id}" is b's; anything else in braces stays.
static void fill_in(const struct flow *flow, const char *value, struct bytes *out)
{
	while (*value) {
		size_t len = *value == '{' ? strcspn(value, "}") : 0;
		const char *dot = len ? memchr(value, '.', len) : NULL, *filled = NULL;
		for (uint32_t i = 0; dot && i < flow->script->party_count; i++) {
			const char *name = flow->script->parties[i];
			if (strlen(name) == (size_t)(dot - value - 1) &&
				!strncmp(name, value + 1, strlen(name)))
				filled = field_of(&flow->parties[i], dot + 1,
					(size_t)(value + len - dot - 1));
		}
		if (filled)
			bytes_put(out, filled, strlen(filled));
		else
			bytes_put(out, value, 1);
		value += filled ? len + 1 : 1;
	}
}

static void send_step(struct stage *stage, struct flow *flow, const struct step *step)
{
	struct party *party = &flow->parties[step->party];
	struct bytes lines = { 0 };
	char text[TEXT_MAX];

	bytes_put(&lines, "", 0);
	for (uint32_t i = 0; i < step->header_count; i++) {
		bytes_put(&lines, step->headers[i].name, strlen(step->headers[i].name));
		bytes_put(&lines, ": ", 2);
		fill_in(flow, step->headers[i].value, &lines);
		bytes_put(&lines, "\r\n", 2);
	}
	const char *mistake = party_send(party, &stage->world,
		&(struct party_step){ .step = step, .lines = lines.data }, text);
	bytes_free(&lines);
	if (mistake) {
		fail(flow, "cannot be sent", mistake);
		return;
	}
	draw(flow, party->name, '>', text);
	trace(stage, party->name, '>', text);
}

// Several early dialogs of one INVITE share branch and From tag: the other tag says whose it is,
// and one that nobody has is that of a dialog without an answer yet.
static bool is_its(const struct flow *flow, const struct inbox *message, uint32_t number)
{
	const struct party *party = &flow->parties[number];
	bool is_by_branch = message->party == (int)number;
	char cseq[64] = "";

	if (message->party < 0)
		return message->side == party->side;
	if (!is_by_branch && message->party + 1 != (int)party->twin)
		return false;
	if ((!party->twin && !party->has_twin) || party_is_dialog(party, message->text))
		return true;
	sip_text_header(message->text, "CSeq", cseq, sizeof(cseq));
	if (sip_text_status(message->text) && !strstr(cseq, " INVITE"))
		return is_by_branch;
	for (uint32_t i = 0; i < flow->script->party_count; i++) {
		if (party_is_dialog(&flow->parties[i], message->text))
			return false;
	}
	return !party->remote_tag[0];
}

static bool is_it(const struct flow *flow, const struct inbox *message, const struct step *step)
{
	char cseq[64] = "";

	if (!is_its(flow, message, step->party))
		return false;
	int status = sip_text_status(message->text);
	if (status != step->status && (!status || status != step->status_else))
		return false;
	sip_text_header(message->text, "CSeq", cseq, sizeof(cseq));
	const char *method = strchr(cseq, ' ');
	size_t len = strlen(step->method);
	return method && !strcmp(method + 1, step->method) &&
		(step->status || (!strncmp(message->text, step->method, len) &&
		message->text[len] == ' '));
}

// Whether a line of that name has such a value.
static bool has_header(const char *text, const char *name, const regex_t *pattern)
{
	char lines[8192], *rest = lines, *line;

	sip_text_copy_lines(text, name, lines, sizeof(lines));
	while ((line = strsep(&rest, "\n"))) {
		char *value = strchr(line, ':');
		line[strcspn(line, "\r")] = '\0';
		if (value && !regexec(pattern, value + 1 + strspn(value + 1, " "), 0, NULL, 0))
			return true;
	}
	return false;
}

static const char *check_headers(const struct flow *flow, const struct step *step,
	const char *text)
{
	static char mistake[200];

	for (uint32_t i = 0; i < step->header_count; i++) {
		const struct step_header *header = &step->headers[i];
		struct bytes value = { 0 };
		regex_t pattern;

		bytes_put(&value, "", 0);
		fill_in(flow, header->is_absent ? "" : header->value, &value);
		if (regcomp(&pattern, value.data, REG_EXTENDED | REG_ICASE | REG_NOSUB))
			return "the pattern of a header line is none";
		bytes_free(&value);
		bool is_there = has_header(text, header->name, &pattern);
		regfree(&pattern);
		snprintf(mistake, sizeof(mistake), "%s is %s", header->name,
			header->is_absent ? "there" : "not as it should be");
		if (is_there == header->is_absent)
			return mistake;
	}
	return NULL;
}

// True: the message was there.
static bool take_expected(struct stage *stage, struct flow *flow, const struct step *step)
{
	struct party *party = &flow->parties[step->party];
	struct inbox **at = &flow->inbox;

	while (*at && !is_it(flow, *at, step))
		at = &(*at)->next;
	if (!*at)
		return false;
	const char *text = (*at)->text;
	const char *other = stage->world.wire.params.end[!party->side].ip;
	if ((*at)->connection)
		party->connection = (*at)->connection;
	const char *mistake = party_receive(party, step, text);
	if (!mistake)
		mistake = check_headers(flow, step, text);
	if (!mistake && strstr(text, other))
		mistake = "it shows the other side's address";
	if (mistake) {
		fail(flow, mistake, text);
		fprintf(stderr, "sipflow: %s: %s\n%s\n", flow->script->name, flow->reason, text);
	}
	unlink_at(at);
	return true;
}

static void settle(struct flow *flow, uint64_t now_ns)
{
	if (flow->inbox) {
		fail(flow, "nobody expected", flow->inbox->text);
	} else if (flow->state == FLOW_RUNNING) {
		flow->state = FLOW_SETTLING;
		flow->until_ns = now_ns + SETTLE_MS * MS_NS;
	} else if (now_ns >= flow->until_ns) {
		flow->state = FLOW_GOOD;
	}
}

// True: the step is done.
static bool do_step(struct stage *stage, struct flow *flow, const struct step *step,
	uint64_t now_ns)
{
	struct party *party = &flow->parties[step->party];

	switch (step->op) {
	case STEP_SEND:
		send_step(stage, flow, step);
		return true;
	case STEP_EXPECT:
		return take_expected(stage, flow, step);
	case STEP_SLEEP:
		return flow->until_ns && now_ns >= flow->until_ns;
	case STEP_FORK:
		party_fork(party, &flow->parties[step->other], step->other);
		return true;
	case STEP_ANSWERS:
		return true; // answer_rest() heeds it from now on
	case STEP_HANG_UP:
		wire_hang_up(&stage->world.wire, party->connection, step->is_abrupt);
		party->connection = 0;
		return true;
	}
	return false;
}

// What parties answer by themselves, since they may get it or not.
static void answer_rest(struct stage *stage, struct flow *flow)
{
	for (uint32_t i = 0; i < flow->step && flow->state != FLOW_FAILED; i++) {
		struct step step = flow->script->steps[i];

		if (step.op != STEP_ANSWERS || !take_expected(stage, flow, &step))
			continue;
		step.status = 200;
		if (flow->state != FLOW_FAILED)
			send_step(stage, flow, &step);
	}
}

void flow_run(struct stage *stage, struct flow *flow, uint64_t now_ns)
{
	if (flow->inbox)
		answer_rest(stage, flow);
	while (flow->state == FLOW_RUNNING && flow->step < flow->script->count) {
		const struct step *step = &flow->script->steps[flow->step];
		if (!do_step(stage, flow, step, now_ns)) {
			if (!flow->until_ns)
				flow->until_ns = now_ns + MS_NS *
					(step->op == STEP_SLEEP ? step->ms : stage->patience_ms);
			else if (now_ns >= flow->until_ns && step->op == STEP_EXPECT)
				fail(flow, "it did not come",
					flow->inbox ? flow->inbox->text : NULL);
			return;
		}
		flow->step += flow->state == FLOW_RUNNING;
		flow->until_ns = 0;
	}
	if (flow->state == FLOW_RUNNING || flow->state == FLOW_SETTLING)
		settle(flow, now_ns);
}

// FNV-1a.
static uint64_t hash_of(const struct wire_message *message)
{
	uint64_t hash = 0xcbf29ce484222325ull ^ (uint64_t)message->side;

	for (const char *at = message->text; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 0x100000001b3ull;
	return hash;
}

static bool is_repeated(struct flow *flow, const struct wire_message *message)
{
	uint64_t hash = hash_of(message);

	for (size_t i = 0; i < flow->seen_count; i++) {
		if (flow->seen[i] == hash) {
			flow->repeated++;
			return true;
		}
	}
	if (flow->seen_count % 16 == 0)
		flow->seen = realloc(flow->seen, (flow->seen_count + 16) * sizeof(*flow->seen));
	if (!flow->seen)
		abort();
	flow->seen[flow->seen_count++] = hash;
	return false;
}

void stage_receive(void *context, const struct wire_message *message)
{
	struct stage *stage = context;
	int party = -1;
	struct flow *flow = find_flow(stage, message, &party);

	if (sip_text_status(message->text) == 100)
		return;
	const char *who = party >= 0 ? flow->parties[party].name : message->side ? "B" : "A";
	trace(stage, who, '<', message->text);
	if (!flow || flow->state == FLOW_WAITING) {
		fprintf(stderr, "sipflow: a message of no flow at side %c: %.*s\n",
			'a' + message->side, (int)strcspn(message->text, "\r\n"), message->text);
		stage->strays++;
		return;
	}
	if (is_repeated(flow, message))
		return;
	draw(flow, who, '<', message->text);
	struct inbox *entry = malloc(sizeof(*entry)), **at = &flow->inbox;
	if (!entry)
		abort();
	*entry = (struct inbox){ .party = party, .side = message->side,
		.connection = message->connection, .text = strdup(message->text) };
	while (*at)
		at = &(*at)->next;
	*at = entry;
}
