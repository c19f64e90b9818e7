#include "party.h"

#include "digest.h"

#include <stdio.h>
#include <strings.h>

bool party_branch(const char *text, char *out, size_t size)
{
	char via[512];
	const char *at;

	if (!sip_text_header(text, "Via", via, sizeof(via)) || !(at = strstr(via, ";branch=")))
		return false;
	snprintf(out, size, "%.*s", (int)strcspn(at + 8, ";, "), at + 8);
	return true;
}

void party_tag(const char *header, char *out, size_t size)
{
	const char *at = strstr(header, ";tag=");

	snprintf(out, size, "%.*s", at ? (int)strcspn(at + 5, ";, ") : 0, at ? at + 5 : "");
}

bool party_has_invite(const struct party *party, const char *branch)
{
	char own[128];

	for (int i = 0; i < PENDING_MAX; i++) {
		const struct pending *pending = &party->pending[i];
		if (!strcmp(pending->method, "INVITE") && pending->text &&
			party_branch(pending->text, own, sizeof(own)))
			return !strcmp(own, branch);
	}
	return false;
}

bool party_is_dialog(const struct party *party, const char *text)
{
	char header[256] = "", tag[128];
	int status = sip_text_status(text);

	if (status >= 300)
		return !party->twin;
	sip_text_header(text, status ? "To" : "From", header, sizeof(header));
	party_tag(header, tag, sizeof(tag));
	return !strcmp(tag, party->remote_tag);
}

static const char *check_body(const struct step *step, const char *text)
{
	const char *body = strstr(text, "\r\n\r\n") + 4;
	struct sockaddr_storage media;
	char wanted[32];

	if (!step->has_sdp)
		return *body ? "it has a body" : NULL;
	if (!sip_text_media(body - 1, &media))
		return "it has no session description";
	snprintf(wanted, sizeof(wanted), "\na=%s\r\n", step->direction);
	bool is_silent = !strstr(body, "\na=sendonly\r\n") && !strstr(body, "\na=recvonly\r\n") &&
		!strstr(body, "\na=inactive\r\n");
	bool is_both = !strcmp(step->direction, "sendrecv");
	return strstr(body, wanted) || (is_both && is_silent) ? NULL :
		"its media have another direction";
}

// Record-Route as Route lines: a caller reads them from the end (RFC 3261 12.1.2).
static void learn_routes(struct party *party, const char *text, bool is_reversed)
{
	char lines[sizeof(party->routes)], *starts[16];
	size_t count = 0, len = 0;

	sip_text_copy_lines(text, "Record-Route", lines, sizeof(lines));
	for (char *at = lines; *at && count < 16; at += strcspn(at, "\n") + 1)
		starts[count++] = at;
	for (size_t i = 0; i < count; i++) {
		// "Record-Route: x" without its first word is "Route: x".
		const char *line = starts[is_reversed ? count - 1 - i : i] + strlen("Record-");
		size_t line_len = strcspn(line, "\n") + 1;
		memcpy(party->routes + len, line, line_len);
		len += line_len;
	}
	party->routes[len] = '\0';
}

static void learn_target(struct party *party, const char *text)
{
	char contact[512];

	if (sip_text_header(text, "Contact", contact, sizeof(contact)))
		sip_text_uri(contact, party->target, sizeof(party->target));
}

static const char *check_rack(const struct party *party, const char *text)
{
	char rack[96] = "";

	sip_text_header(text, "RAck", rack, sizeof(rack));
	return strcmp(rack, party->rack_due) ? "its RAck is not of our last reliable answer" : NULL;
}

static void begin_dialog(struct party *party, const char *text)
{
	char from[256] = "", to[256] = "";

	sip_text_header(text, "From", from, sizeof(from));
	sip_text_header(text, "To", to, sizeof(to));
	sip_text_header(text, "Call-ID", party->call_id, sizeof(party->call_id));
	party_tag(from, party->remote_tag, sizeof(party->remote_tag));
	snprintf(party->remote_uri, sizeof(party->remote_uri), "%.*s", (int)strcspn(from, ";"),
		from);
	snprintf(party->local_uri, sizeof(party->local_uri), "%s", to);
	party->remote_cseq = 0;
	learn_routes(party, text, false);
}

static const char *check_sequence(struct party *party, const struct step *step, const char *text)
{
	char cseq[64] = "";

	sip_text_header(text, "CSeq", cseq, sizeof(cseq));
	uint32_t number = (uint32_t)strtoul(cseq, NULL, 10);
	const char *method = strchr(cseq, ' ');
	if (!method || strcmp(method + 1, step->method))
		return "its CSeq names another method";
	if (!strcmp(step->method, "ACK") || !strcmp(step->method, "CANCEL"))
		return NULL;
	if (number <= party->remote_cseq)
		return "its CSeq does not grow (RFC 3261 12.2.1.1)";
	party->remote_cseq = number;
	return NULL;
}

static const char *receive_request(struct party *party, const struct step *step, const char *text)
{
	struct pending *pending = party_pending(party, step->method);
	char call_id[128] = "", from[256] = "", to[256] = "", tag[128];
	bool is_invite = !strcmp(step->method, "INVITE");
	const char *mistake;

	sip_text_header(text, "From", from, sizeof(from));
	sip_text_header(text, "To", to, sizeof(to));
	party_tag(to, tag, sizeof(tag));
	if (is_invite && !tag[0])
		begin_dialog(party, text);
	sip_text_header(text, "Call-ID", call_id, sizeof(call_id));
	party_tag(from, tag, sizeof(tag));
	if (strcmp(call_id, party->call_id))
		return "it is of another Call-ID";
	if (strcmp(tag, party->remote_tag))
		return "its From tag is not that of the dialog";
	mistake = check_sequence(party, step, text);
	if (!mistake && !strcmp(step->method, "PRACK"))
		mistake = check_rack(party, text);
	if (!mistake && step->has_auth && !digest_verify(text, step->method, party->nonce))
		mistake = "its credentials do not answer our challenge";
	if (is_invite || !strcmp(step->method, "UPDATE"))
		learn_target(party, text);
	if (!pending)
		return "the script uses too many methods";
	free(pending->text);
	pending->text = strdup(text);
	return mistake;
}

static const char *learn_reliable(struct party *party, const struct step *step, const char *text)
{
	char rseq[32] = "", cseq[64] = "", require[128] = "";

	bool is_reliable = sip_text_header(text, "RSeq", rseq, sizeof(rseq));
	if (is_reliable != step->is_reliable)
		return is_reliable ? "it is reliable" : "it is not reliable";
	if (!is_reliable)
		return NULL;
	sip_text_header(text, "Require", require, sizeof(require));
	sip_text_header(text, "CSeq", cseq, sizeof(cseq));
	uint32_t number = (uint32_t)strtoul(rseq, NULL, 10);
	if (!strstr(require, "100rel"))
		return "it has an RSeq and does not require 100rel (RFC 3262 3)";
	if (party->remote_rseq && number != party->remote_rseq + 1)
		return "its RSeq is not the next one (RFC 3262 3)";
	party->remote_rseq = number;
	snprintf(party->rack, sizeof(party->rack), "%u %s", number, cseq);
	return NULL;
}

static const char *receive_response(struct party *party, const struct step *step, const char *text)
{
	struct sent *sent = party_sent(party, step->method);
	char to[256] = "", cseq[64] = "", wanted[64];

	sip_text_header(text, "To", to, sizeof(to));
	sip_text_header(text, "CSeq", cseq, sizeof(cseq));
	snprintf(wanted, sizeof(wanted), "%u %s", sent->cseq, step->method);
	if (strcmp(cseq, wanted))
		return "it answers another request";
	sent->status = step->status;
	if (step->status == 401 || step->status == 407) {
		free(party->challenge);
		party->challenge = strdup(text);
	}
	if (strcmp(step->method, "INVITE"))
		return NULL;
	party_tag(to, party->remote_tag, sizeof(party->remote_tag));
	if (!party->remote_tag[0])
		return "it has no To tag";
	if (step->status >= 300)
		return NULL;
	snprintf(party->remote_uri, sizeof(party->remote_uri), "%.*s", (int)strcspn(to, ";"), to);
	if (!party->is_confirmed)
		learn_routes(party, text, true);
	party->is_confirmed |= step->status >= 200;
	learn_target(party, text);
	if (!party->target[0])
		return "it has no Contact";
	return step->status < 200 ? learn_reliable(party, step, text) : NULL;
}

const char *party_receive(struct party *party, const struct step *step, const char *text)
{
	const char *mistake = step->status ? receive_response(party, step, text) :
		receive_request(party, step, text);

	return mistake ? mistake : check_body(step, text);
}
