// client.c - HTTP over the unix socket, by libcurl.
#include "cli.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS   10000L
#define ANSWER_MAX   (64u << 20) // 20,000 calls take about 20 MB
#define URL_MAX      256

struct answer {
	char *bytes;
	size_t len;
	size_t room;
};

static size_t on_data(char *data, size_t size, size_t count, void *context)
{
	struct answer *answer = context;
	size_t len = size * count;
	if (len > ANSWER_MAX - answer->len)
		return 0; // ends the transfer with an error
	if (answer->len + len > answer->room) {
		size_t room = (answer->len + len) * 2;
		char *grown = realloc(answer->bytes, room);
		if (grown == NULL)
			return 0;
		answer->bytes = grown;
		answer->room = room;
	}
	memcpy(answer->bytes + answer->len, data, len);
	answer->len += len;
	return len;
}

static CURLcode transfer(CURL *curl, const struct cli *cli, const struct client_request *request,
	struct answer *answer)
{
	char url[URL_MAX], path[PATH_MAX + 16];
	snprintf(url, sizeof(url), "http://localhost%s", request->path);
	snprintf(path, sizeof(path), "%s/muga.sock", cli->run_dir);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, path);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	if (request->body != NULL)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
	return curl_easy_perform(curl);
}

static int refuse(const struct client_request *request, long status, json_t *value)
{
	const char *error = json_string_value(json_object_get(value, "error"));
	if (!request->is_quiet)
		cli_fail(0, "muga-signaling answered %ld: %s", status, error ? error : "no reason");
	json_decref(value);
	return CLI_UNREACHABLE;
}

static int answer_read(const struct client_request *request, long status,
	const struct answer *answer, json_t **out)
{
	json_t *value = json_loadb(answer->bytes ? answer->bytes : "", answer->len, 0, NULL);
	if (status != 200)
		return refuse(request, status, value);
	if (!json_is_object(value)) {
		json_decref(value);
		if (!request->is_quiet)
			cli_fail(0, "muga-signaling sent something that is not JSON");
		return CLI_UNREACHABLE;
	}
	*out = value;
	return CLI_OK;
}

int client_ask(const struct cli *cli, const struct client_request *request, json_t **out)
{
	struct answer answer = { 0 };
	long status = 0;
	CURL *curl = curl_easy_init();
	if (curl == NULL)
		return cli_fail(CLI_UNREACHABLE, "out of memory");
	CURLcode code = transfer(curl, cli, request, &answer);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	int rc = CLI_UNREACHABLE;
	if (code == CURLE_OK)
		rc = answer_read(request, status, &answer, out);
	else if (!request->is_quiet)
		cli_fail(0, "no answer at %s/muga.sock (%s): does muga-signaling run, and is "
			"this its --run-dir?", cli->run_dir, curl_easy_strerror(code));
	free(answer.bytes);
	return rc;
}
