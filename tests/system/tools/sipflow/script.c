#include "script.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 200 };

static char *word(char **text)
{
	char *found = *text + strspn(*text, " \t\n");

	if (!*found)
		return NULL;
	*text = found + strcspn(found, " \t\n");
	if (**text)
		*(*text)++ = '\0';
	return found;
}

static bool party_of(struct script *script, const char *name, uint32_t *out)
{
	if (!name || (name[0] != 'a' && name[0] != 'b') ||
		strlen(name) >= sizeof(script->parties[0]))
		return false;
	for (*out = 0; *out < script->party_count; (*out)++) {
		if (!strcmp(script->parties[*out], name))
			return true;
	}
	if (script->party_count == PARTIES_MAX)
		return false;
	strcpy(script->parties[script->party_count++], name);
	return true;
}

static bool parse_attribute(struct step *step, char *text)
{
	char *value = strchr(text, '=');

	if (value)
		*value++ = '\0';
	if (!strcmp(text, "sdp")) {
		step->has_sdp = true;
		snprintf(step->direction, sizeof(step->direction), "%s",
			value ? value : "sendrecv");
	} else if (!strcmp(text, "rel")) {
		step->is_reliable = true;
	} else if (!strcmp(text, "auth") || !strcmp(text, "challenge")) {
		step->has_auth = true;
		snprintf(step->algorithms, sizeof(step->algorithms), "%s", value ? value : "");
	} else {
		return false;
	}
	return true;
}

// "INVITE sdp", "183 sdp rel", "200 UPDATE".
static bool parse_message(struct step *step, char *text)
{
	char *what = word(&text), *next;

	if (!what)
		return false;
	strcpy(step->method, "INVITE");
	const char *or = strchr(what, '|');
	if (isdigit((unsigned char)what[0])) {
		step->status = (uint16_t)atoi(what);
		step->status_else = or ? (uint16_t)atoi(or + 1) : 0;
	} else {
		snprintf(step->method, sizeof(step->method), "%s", what);
	}
	while ((next = word(&text))) {
		if (isupper((unsigned char)next[0]) && step->status)
			snprintf(step->method, sizeof(step->method), "%s", next);
		else if (!parse_attribute(step, next))
			return false;
	}
	return true;
}

static bool parse_step(struct script *script, struct step *step, char *text)
{
	char *who = word(&text), *verb = word(&text);

	if (!strcmp(who, "sleep")) {
		step->op = STEP_SLEEP;
		step->ms = verb ? (uint32_t)atoi(verb) : 0;
		return step->ms > 0;
	}
	if (!verb || !party_of(script, who, &step->party))
		return false;
	if (!strcmp(verb, ">") || !strcmp(verb, "<")) {
		step->op = *verb == '>' ? STEP_SEND : STEP_EXPECT;
		return parse_message(step, text);
	}
	if (!strcmp(verb, "forks")) {
		step->op = STEP_FORK;
		return party_of(script, word(&text), &step->other);
	}
	if (!strcmp(verb, "answers")) {
		step->op = STEP_ANSWERS;
		return parse_message(step, text) && !step->status;
	}
	step->op = STEP_HANG_UP;
	step->is_abrupt = !strcmp(verb, "breaks");
	return step->is_abrupt || !strcmp(verb, "reconnects");
}

static bool parse_header(struct step *step, char *text)
{
	struct step_header *header = &step->headers[step->header_count];

	text += strspn(text, " \t");
	text[strcspn(text, "\r\n")] = '\0';
	if (step->header_count == HEADERS_MAX)
		return false;
	header->is_absent = *text == '!';
	text += header->is_absent;
	char *value = strchr(text, ':');
	if (!value != header->is_absent)
		return false;
	if (value) {
		*value++ = '\0';
		snprintf(header->value, sizeof(header->value), "%s", value + strspn(value, " "));
	}
	snprintf(header->name, sizeof(header->name), "%s", text);
	step->header_count++;
	return true;
}

static bool parse_line(struct script *script, char *text, uint32_t line)
{
	if (!text[strspn(text, " \t\r\n")] || text[0] == '#')
		return true;
	if (isspace((unsigned char)text[0]))
		return script->count && parse_header(&script->steps[script->count - 1], text);
	if (script->count == STEPS_MAX)
		return false;
	struct step *step = &script->steps[script->count++];
	step->line = line;
	return parse_step(script, step, text);
}

bool script_load(struct script *script, const char *path)
{
	FILE *file = fopen(path, "r");
	const char *name = strrchr(path, '/');
	char text[600];
	bool is_good = file;

	*script = (struct script){ .name = name ? name + 1 : path,
		.steps = calloc(STEPS_MAX, sizeof(struct step)) };
	if (!file || !script->steps)
		fprintf(stderr, "sipflow: cannot read %s\n", path);
	for (uint32_t line = 1; is_good && fgets(text, sizeof(text), file); line++) {
		is_good = parse_line(script, text, line);
		if (!is_good)
			fprintf(stderr, "sipflow: %s:%u: no step of a flow\n", path, line);
	}
	if (file)
		fclose(file);
	return is_good && script->count;
}

void script_free(struct script *script)
{
	free(script->steps);
}
