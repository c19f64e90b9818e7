// party.c - what a party sends. party_receive.c is the other half.
#include "party.h"

#include "digest.h"

#include <stdio.h>
#include <strings.h>

static const char allow[] = "Allow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE, OPTIONS, INFO, REFER, "
	"NOTIFY\r\n";

void party_init(struct party *party, const struct world *world, const char *name, uint32_t user)
{
	const struct wire_end *end = &world->wire.params.end[name[0] == 'a' ? SIDE_A : SIDE_B];
	char host[80];

	*party = (struct party){ .name = name, .side = name[0] == 'a' ? SIDE_A : SIDE_B,
		.user = user };
	sip_text_host(end->ip, host, sizeof(host));
	snprintf(party->call_id, sizeof(party->call_id), "%s.%u.%s", world->run, user, name);
	snprintf(party->local_tag, sizeof(party->local_tag), "%s.%u.%s", world->run, user, name);
	snprintf(party->local_uri, sizeof(party->local_uri), "<sip:%s@%s>", name, host);
	sip_text_host(end->border_ip, host, sizeof(host));
	snprintf(party->remote_uri, sizeof(party->remote_uri), "<sip:%s%u@%s>", world->prefix, user,
		host);
}

void party_fini(struct party *party)
{
	for (int i = 0; i < PENDING_MAX; i++)
		free(party->pending[i].text);
	free(party->challenge);
}

// The same INVITE and From tag, nothing of the other answer.
static void begin_twin(struct party *party, struct party *other, uint32_t other_number)
{
	party->twin = 1 + other_number;
	party->remote_tag[0] = party->target[0] = party->routes[0] = '\0';
	party->remote_cseq = party->remote_rseq = 0;
	party->has_twin = false;
	other->has_twin = true;
}

// The INVITE is all that it has got.
static void begin_fork(struct party *party, const char *tag)
{
	const struct pending *invite = party_pending(party, "INVITE");
	char cseq[64] = "";

	if (invite && invite->text)
		sip_text_header(invite->text, "CSeq", cseq, sizeof(cseq));
	party->remote_cseq = (uint32_t)strtoul(cseq, NULL, 10);
	party->rseq = 0;
	strcpy(party->local_tag, tag);
}

void party_fork(struct party *party, struct party *other, uint32_t other_number)
{
	const char *name = party->name;
	char tag[48];

	strcpy(tag, party->local_tag);
	party_fini(party);
	*party = *other;
	party->name = name;
	party->challenge = NULL;
	if (party->side == SIDE_A)
		begin_twin(party, other, other_number);
	else
		begin_fork(party, tag);
	for (int i = 0; i < PENDING_MAX; i++) {
		if (other->pending[i].text)
			party->pending[i].text = strdup(other->pending[i].text);
	}
}

struct sent *party_sent(struct party *party, const char *method)
{
	for (int i = 0; i < SENT_MAX; i++) {
		struct sent *sent = &party->sent[i];
		if (!sent->method[0])
			snprintf(sent->method, sizeof(sent->method), "%s", method);
		if (!strcmp(sent->method, method))
			return sent;
	}
	return NULL;
}

struct pending *party_pending(struct party *party, const char *method)
{
	for (int i = 0; i < PENDING_MAX; i++) {
		struct pending *pending = &party->pending[i];
		if (!pending->method[0])
			snprintf(pending->method, sizeof(pending->method), "%s", method);
		if (!strcmp(pending->method, method))
			return pending;
	}
	return NULL;
}

// Where we are: sent-by for Via, and with `has_transport` what stands in Contact.
static void own_host(const struct party *party, const struct world *world, char *out, size_t size)
{
	const struct wire_end *end = &world->wire.params.end[party->side];
	char host[80];

	sip_text_host(end->ip, host, sizeof(host));
	snprintf(out, size, "%s:%u", host, end->port);
}

static void contact_of(const struct party *party, const struct world *world, char *out, size_t size)
{
	static const char *const transports[] = { "", ";transport=tcp", ";transport=tls",
		";transport=ws", ";transport=ws" };
	char host[96];

	own_host(party, world, host, sizeof(host));
	snprintf(out, size, "<sip:%s.%u@%s%s>", party->name, party->user, host,
		transports[world->wire.params.end[party->side].kind]);
}

static void put_body(struct party *party, const struct world *world, const struct step *step,
	struct bytes *out)
{
	const char *ip = world->wire.params.end[party->side].ip;
	const char *family = strchr(ip, ':') ? "IP6" : "IP4";
	char sdp[600], head[100];
	int len = 0;

	if (step->has_sdp)
		len = snprintf(sdp, sizeof(sdp),
			"v=0\r\no=- %u %u IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n"
			"m=audio %u RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=%s\r\n",
			party->user + 1, ++party->sdp_version, family, ip, family, ip,
			30000 + 2 * (party->user % 10000), step->direction);
	int head_len = snprintf(head, sizeof(head), "%sContent-Length: %d\r\n\r\n",
		len ? "Content-Type: application/sdp\r\n" : "", len);
	bytes_put(out, head, (size_t)head_len);
	bytes_put(out, sdp, (size_t)len);
}

static void put(struct bytes *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void put(struct bytes *out, const char *format, ...)
{
	char text[4096];
	va_list args;

	va_start(args, format);
	int len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	bytes_put(out, text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
}

// The lines of the step, and those that nobody wants to write into each script.
static void put_lines(const struct party *party, const struct world *world,
	const struct party_step *what, struct bytes *out)
{
	char contact[200], own[16];
	const struct step *step = what->step;
	bool is_target = !strcmp(step->method, "INVITE") || !strcmp(step->method, "UPDATE") ||
		!strcmp(step->method, "REGISTER");

	put(out, "%s", what->lines);
	if (!is_target || step->status >= 300)
		return;
	contact_of(party, world, contact, sizeof(contact));
	if (!strcasestr(what->lines, "Contact:"))
		put(out, "Contact: %s\r\n", contact);
	snprintf(own, sizeof(own), "\r\nAllow:");
	if (strncasecmp(what->lines, own + 2, 6) && !strcasestr(what->lines, own))
		put(out, "%s", allow);
}

// A new request: sequence number, branch and Request-URI. ACK and CANCEL repeat some of the
// INVITE's.
static struct sent *number_request(struct party *party, const struct world *world,
	const struct step *step)
{
	struct sent *sent = party_sent(party, step->method), *invite = party_sent(party, "INVITE");
	bool is_ack = !strcmp(step->method, "ACK"), is_cancel = !strcmp(step->method, "CANCEL");
	char host[80], uri[256];

	if (!sent || !invite)
		return NULL;
	if (is_cancel || (is_ack && invite->status >= 300)) {
		uint32_t cseq = invite->cseq;
		snprintf(sent->branch, sizeof(sent->branch), "%s", invite->branch);
		snprintf(sent->uri, sizeof(sent->uri), "%s", invite->uri);
		sent->cseq = cseq;
		return sent;
	}
	sip_text_host(world->wire.params.end[party->side].border_ip, host, sizeof(host));
	sip_text_uri(party->remote_uri, uri, sizeof(uri));
	if (!strcmp(step->method, "REGISTER"))
		snprintf(uri, sizeof(uri), "sip:%s", host);
	snprintf(sent->uri, sizeof(sent->uri), "%s", party->target[0] ? party->target : uri);
	snprintf(sent->branch, sizeof(sent->branch), "z9hG4bK%s.%u.%s.%u", world->run, party->user,
		party->name, ++party->branches);
	sent->cseq = is_ack ? invite->cseq : ++party->cseq;
	sent->status = 0;
	return sent;
}

static const char *put_credentials(const struct party *party, const struct step *step,
	const struct sent *sent, struct bytes *out)
{
	char line[1400];
	struct digest_request request = { .method = step->method, .uri = sent->uri,
		.algorithm = step->algorithms };

	if (!party->challenge || !digest_answer(party->challenge, &request, line, sizeof(line)))
		return "no challenge of that algorithm came";
	put(out, "%s", line);
	return NULL;
}

// What refused the first INVITE made no dialog: the next one begins anew.
static void forget_dialog(struct party *party)
{
	party->remote_tag[0] = party->target[0] = party->routes[0] = '\0';
	party->remote_rseq = 0;
}

static const char *put_request(struct party *party, const struct world *world,
	const struct party_step *what, struct bytes *out)
{
	const struct step *step = what->step;
	const struct sent *sent = number_request(party, world, step);
	bool is_cancel = !strcmp(step->method, "CANCEL");
	const char *mistake = NULL;
	char host[96];

	if (!sent)
		return "the script uses too many methods";
	own_host(party, world, host, sizeof(host));
	put(out, "%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=%s;rport\r\nMax-Forwards: 70\r\n",
		step->method, sent->uri, wire_name(world->wire.params.end[party->side].kind), host,
		sent->branch);
	put(out, "From: %s;tag=%s\r\nTo: %s%s%s\r\nCall-ID: %s\r\nCSeq: %u %s\r\n",
		strcmp(step->method, "REGISTER") ? party->local_uri : party->remote_uri,
		party->local_tag, party->remote_uri,
		party->remote_tag[0] && !is_cancel ? ";tag=" : "",
		is_cancel ? "" : party->remote_tag, party->call_id, sent->cseq, step->method);
	if (!is_cancel)
		put(out, "%s", party->routes);
	if (!strcmp(step->method, "PRACK") && !strcasestr(what->lines, "RAck:"))
		put(out, "RAck: %s\r\n", party->rack);
	if (step->has_auth)
		mistake = put_credentials(party, step, sent, out);
	put_lines(party, world, what, out);
	put_body(party, world, step, out);
	if (!strcmp(step->method, "ACK") && !party->is_confirmed)
		forget_dialog(party);
	return mistake;
}

static const char *put_response(struct party *party, const struct world *world,
	const struct party_step *what, struct bytes *out)
{
	const struct step *step = what->step;
	const struct pending *pending = party_pending(party, step->method);
	char via[2048], from[256] = "", to[256] = "", cseq[64] = "", record[1024], line[1400];

	if (!pending || !pending->text)
		return "nothing came that it could answer";
	sip_text_copy_lines(pending->text, "Via", via, sizeof(via));
	sip_text_copy_lines(pending->text, "Record-Route", record, sizeof(record));
	sip_text_header(pending->text, "From", from, sizeof(from));
	sip_text_header(pending->text, "To", to, sizeof(to));
	sip_text_header(pending->text, "CSeq", cseq, sizeof(cseq));
	party->is_confirmed |= !strcmp(step->method, "INVITE") && step->status / 100 == 2;
	put(out, "SIP/2.0 %u Said by the script\r\n%sFrom: %s\r\nTo: %s%s%s\r\nCall-ID: %s\r\n"
		"CSeq: %s\r\n%s", step->status, via, from, to,
		strstr(to, ";tag=") || step->status == 100 ? "" : ";tag=",
		strstr(to, ";tag=") || step->status == 100 ? "" : party->local_tag, party->call_id,
		cseq, record);
	if (step->is_reliable) {
		party->rseq += party->rseq ? 1 : 1000 + party->user;
		snprintf(party->rack_due, sizeof(party->rack_due), "%u %s", party->rseq, cseq);
		put(out, "Require: 100rel\r\nRSeq: %u\r\n", party->rseq);
	}
	if (step->has_auth) {
		snprintf(party->nonce, sizeof(party->nonce), "%s-%u", party->local_tag,
			++party->branches);
		digest_challenge(step->status == 401 ? "WWW-Authenticate" : "Proxy-Authenticate",
			party->nonce, step->algorithms, line, sizeof(line));
		put(out, "%s", line);
	}
	put_lines(party, world, what, out);
	put_body(party, world, step, out);
	return NULL;
}

const char *party_send(struct party *party, struct world *world, const struct party_step *what,
	char *text)
{
	struct bytes out = { 0 };
	const char *mistake = what->step->status ? put_response(party, world, what, &out) :
		put_request(party, world, what, &out);

	snprintf(text, TEXT_MAX, "%s", out.data ? out.data : "");
	if (!mistake)
		wire_send(&world->wire, party->side, &party->connection, text);
	bytes_free(&out);
	return mistake;
}
