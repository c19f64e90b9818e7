// ws.c - a WebSocket connection around wslay's event interface. wslay checks frames (masks,
// reserved bits, order of fragments, UTF-8, close codes) and answers pings; messages are put
// together here, in one buffer with a limit, so that a fragment costs no allocation.
#include "net/ws.h"

#include "base/check.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "net/ws_private.h"

#include <errno.h>
#include <stdlib.h>
#include <wslay/wslay.h>

#define BUFFER_KEPT 4096u // bytes that an idle connection keeps
#define BUFFER_MIN  512u

enum ws_state {
	WS_STATE_HANDSHAKE,
	WS_STATE_OPEN, // also while closing
	WS_STATE_OVER,
};

struct ws {
	struct ws_params params;
	enum ws_state state;
	bool is_client;
	bool is_receiving; // wslay_event_recv() is on the stack: send only when it is done
	bool is_flushing;
	bool is_in_frame;
	bool is_control;        // the frame that is being received
	uint16_t close_code;    // ws_close() was called from inside a handler, 0 = not
	uint32_t fragments;     // frames of the message that is being received
	char key[WS_KEY_BYTES]; // client: what we sent
	const char *why;
	uint64_t pongs;
	wslay_event_context_ptr wslay; // NULL before the handshake is done
	struct span input;             // what wslay has not taken yet of ws_receive()'s data
	char *buf; // the peer's handshake, then the message that is being received
	uint32_t len;
	uint32_t cap;
};

// False: out of memory. The limits are the callers'.
static bool buffer_append(struct ws *ws, const void *data, uint32_t len)
{
	uint32_t cap = ws->cap ? ws->cap : BUFFER_MIN;
	while (cap - ws->len < len)
		cap *= 2;
	if (cap != ws->cap) {
		char *buf = realloc(ws->buf, cap);
		if (!buf)
			return false;
		ws->buf = buf;
		ws->cap = cap;
	}
	if (len)
		memcpy(ws->buf + ws->len, data, len);
	ws->len += len;
	return true;
}

static void buffer_clear(struct ws *ws)
{
	ws->len = 0;
	if (ws->cap <= BUFFER_KEPT)
		return;
	free(ws->buf);
	ws->buf = NULL;
	ws->cap = 0;
}

static enum ws_verdict finish(struct ws *ws, const char *why)
{
	if (ws->state != WS_STATE_OVER && ws->why[0] == '\0')
		ws->why = why;
	ws->state = WS_STATE_OVER;
	return WS_OVER;
}

static void output(struct ws *ws, struct span bytes)
{
	ws->params.handler.on_output(ws->params.handler.user, bytes);
}

// wslay's side
// --------------------------------------------------------------------------------------

// Nothing more is read; the close frame goes out with the next flush.
static void give_up(struct ws *ws, enum ws_code code, const char *why)
{
	if (ws->why[0] == '\0')
		ws->why = why;
	wslay_event_queue_close(ws->wslay, (uint16_t)code, NULL, 0);
	wslay_event_shutdown_read(ws->wslay);
}

// tidy-allow parameters: wslay's callback
static ssize_t on_recv(
	wslay_event_context_ptr wslay, uint8_t *buf, size_t len, int flags, void *user)
{
	struct ws *ws = user;
	struct span part = span_sub(ws->input, 0, len < UINT32_MAX ? (uint32_t)len : UINT32_MAX);
	(void)flags;
	if (part.len == 0) {
		wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	memcpy(buf, part.ptr, part.len);
	ws->input = span_sub(ws->input, part.len, ws->input.len);
	return part.len;
}

// tidy-allow parameters: wslay's callback
static ssize_t on_send(
	wslay_event_context_ptr wslay, const uint8_t *data, size_t len, int flags, void *user)
{
	(void)wslay;
	(void)flags;
	output(user, span_make((const char *)data, (uint32_t)len));
	return (ssize_t)len;
}

static int on_genmask(wslay_event_context_ptr wslay, uint8_t *buf, size_t len, void *user)
{
	(void)wslay;
	(void)user;
	rng_secure(buf, len);
	return 0;
}

static void on_frame_start(wslay_event_context_ptr wslay,
	const struct wslay_event_on_frame_recv_start_arg *frame, void *user)
{
	struct ws *ws = user;
	(void)wslay;
	ws->is_in_frame = true;
	ws->is_control = wslay_is_ctrl_frame(frame->opcode);
	if (ws->is_control)
		return;
	if (++ws->fragments > WS_FRAGMENTS_MAX)
		give_up(ws, WS_CODE_POLICY, "Too Many Fragments");
	else if (frame->payload_length > ws->params.message_max - ws->len)
		give_up(ws, WS_CODE_TOO_LARGE, "Message Too Large");
}

static void on_frame_chunk(wslay_event_context_ptr wslay,
	const struct wslay_event_on_frame_recv_chunk_arg *chunk, void *user)
{
	struct ws *ws = user;
	(void)wslay;
	if (ws->is_control)
		return;
	// One chunk may still come of a frame that was given up.
	if (chunk->data_length > ws->params.message_max - ws->len)
		return;
	if (!buffer_append(ws, chunk->data, (uint32_t)chunk->data_length))
		give_up(ws, WS_CODE_INTERNAL, "Out of Memory");
}

static void on_frame_end(wslay_event_context_ptr wslay, void *user)
{
	struct ws *ws = user;
	(void)wslay;
	ws->is_in_frame = false;
}

static void on_msg(
	wslay_event_context_ptr wslay, const struct wslay_event_on_msg_recv_arg *arg, void *user)
{
	struct ws *ws = user;
	bool is_control = wslay_is_ctrl_frame(arg->opcode);

	ws->pongs += arg->opcode == WSLAY_PONG;
	if (is_control && ws->params.handler.on_control)
		ws->params.handler.on_control(ws->params.handler.user);
	if (is_control || !wslay_event_get_read_enabled(wslay))
		return;
	ws->params.handler.on_message(ws->params.handler.user, span_make(ws->buf, ws->len));
	ws->fragments = 0;
	buffer_clear(ws);
}

static bool wslay_start(struct ws *ws)
{
	static const struct wslay_event_callbacks callbacks = {
		.recv_callback = on_recv,
		.send_callback = on_send,
		.genmask_callback = on_genmask,
		.on_frame_recv_start_callback = on_frame_start,
		.on_frame_recv_chunk_callback = on_frame_chunk,
		.on_frame_recv_end_callback = on_frame_end,
		.on_msg_recv_callback = on_msg,
	};
	int rc = ws->is_client ? wslay_event_context_client_init(&ws->wslay, &callbacks, ws) :
				 wslay_event_context_server_init(&ws->wslay, &callbacks, ws);
	if (rc) {
		ws->wslay = NULL;
		return false;
	}
	wslay_event_config_set_no_buffering(ws->wslay, 1);
	return true;
}

static const char *why_of(uint16_t code)
{
	switch (code) {
	case WS_CODE_PROTOCOL:
		return "WebSocket Protocol Error";
	case WS_CODE_NOT_UTF8:
		return "Text Is Not UTF-8";
	case WS_CODE_TOO_LARGE:
		return "Message Too Large";
	default:
		return "Closed";
	}
}

// Sends what is queued, then looks whether that was all.
static enum ws_verdict flush(struct ws *ws)
{
	if (ws->is_receiving || ws->is_flushing)
		return WS_GOES_ON;
	ws->is_flushing = true;
	int rc = wslay_event_send(ws->wslay);
	if (rc == 0 && ws->close_code) {
		// Not before what was queued: wslay lets control frames pass messages.
		wslay_event_queue_close(ws->wslay, ws->close_code, NULL, 0);
		rc = wslay_event_send(ws->wslay);
	}
	ws->is_flushing = false;
	if (rc)
		return finish(ws, "Out of Memory");
	if (wslay_event_want_read(ws->wslay) || wslay_event_want_write(ws->wslay))
		return WS_GOES_ON;
	if (!wslay_event_get_close_sent(ws->wslay))
		return finish(ws, "WebSocket Protocol Error");
	return finish(ws, why_of(wslay_event_get_status_code_sent(ws->wslay)));
}

static enum ws_verdict frames_receive(struct ws *ws, struct span data)
{
	ws->input = data;
	ws->is_receiving = true;
	int rc = wslay_event_recv(ws->wslay);
	ws->is_receiving = false;
	ws->input = SPAN_NONE;
	if (rc == WSLAY_ERR_NOMEM)
		return finish(ws, "Out of Memory");
	// Of a malformed header of a frame, wslay's close frame has no code.
	if (rc && ws->why[0] == '\0')
		ws->why = why_of(WS_CODE_PROTOCOL);
	return flush(ws);
}

// The handshake ----------------------------------------------------------------------------------

static enum ws_verdict open_up(struct ws *ws)
{
	buffer_clear(ws);
	if (!wslay_start(ws))
		return finish(ws, "Out of Memory");
	ws->state = WS_STATE_OPEN;
	if (ws->params.handler.on_open)
		ws->params.handler.on_open(ws->params.handler.user);
	return WS_GOES_ON;
}

static enum ws_verdict server_answer(struct ws *ws, const struct ws_answer *answer)
{
	char buf[WS_RESPONSE_MAX];
	output(ws, ws_response_format(answer, buf));
	return answer->status == 101 ? open_up(ws) : finish(ws, answer->why);
}

static enum ws_verdict head_judge(struct ws *ws, struct span head)
{
	if (ws->is_client) {
		const char *why = ws_response_judge(head, ws->key);
		return why ? finish(ws, why) : open_up(ws);
	}
	struct ws_answer answer = { 0 };
	ws_request_judge(head, &ws->params, &answer);
	return server_answer(ws, &answer);
}

static enum ws_verdict head_too_large(struct ws *ws)
{
	static const struct ws_answer answer = { .status = 431, .why = "HTTP Headers Too Large" };
	return ws->is_client ? finish(ws, answer.why) : server_answer(ws, &answer);
}

static enum ws_verdict handshake_receive(struct ws *ws, struct span data)
{
	uint32_t before = ws->len, from = before < 3 ? 0 : before - 3;
	struct span part = span_sub(data, 0, WS_HANDSHAKE_MAX - before);
	if (!buffer_append(ws, part.ptr, part.len))
		return finish(ws, "Out of Memory");
	const char *end = memmem(ws->buf + from, ws->len - from, "\r\n\r\n", 4);
	if (!end)
		return ws->len == WS_HANDSHAKE_MAX ? head_too_large(ws) : WS_GOES_ON;
	uint32_t head = (uint32_t)(end - ws->buf) + 4;
	if (head_judge(ws, span_make(ws->buf, head)) == WS_OVER)
		return WS_OVER;
	return frames_receive(ws, span_sub(data, head - before, data.len));
}

// The interface ----------------------------------------------------------------------------------

struct ws *ws_new_server(const struct ws_params *params)
{
	CHECK(params->message_max > 0 && params->origin_count <= WS_ORIGINS_MAX);
	struct ws *ws = calloc(1, sizeof(*ws));
	if (!ws)
		return NULL;
	ws->params = *params;
	ws->why = "";
	return ws;
}

struct ws *ws_new_client(const struct ws_params *params)
{
	char request[WS_HANDSHAKE_MAX];
	char key[WS_KEY_BYTES];
	ws_key_make(key);
	struct span text = ws_request_format(params, key, request);
	struct ws *ws = text.len ? ws_new_server(params) : NULL;
	if (!ws)
		return NULL;
	ws->is_client = true;
	memcpy(ws->key, key, sizeof(key));
	ws->params.host = ws->params.path = ws->params.origin = SPAN_NONE;
	output(ws, text);
	return ws;
}

void ws_free(struct ws *ws)
{
	if (!ws)
		return;
	CHECK(!ws->is_receiving && !ws->is_flushing);
	if (ws->wslay)
		wslay_event_context_free(ws->wslay);
	free(ws->buf);
	free(ws);
}

enum ws_verdict ws_receive(struct ws *ws, struct span data)
{
	CHECK(!ws->is_receiving && !ws->is_flushing);
	switch (ws->state) {
	case WS_STATE_HANDSHAKE:
		return handshake_receive(ws, data);
	case WS_STATE_OPEN:
		return frames_receive(ws, data);
	default:
		return WS_OVER;
	}
}

static int queue(struct ws *ws, uint8_t opcode, struct span data)
{
	struct wslay_event_msg msg = {
		.opcode = opcode, .msg = (const uint8_t *)data.ptr, .msg_length = data.len
	};
	if (!ws_is_open(ws))
		return -ENOTCONN;
	int rc = wslay_event_queue_msg(ws->wslay, &msg);
	if (rc)
		return rc == WSLAY_ERR_NO_MORE_MSG ? -ENOTCONN : -ENOMEM;
	return flush(ws) == WS_OVER ? -ENOTCONN : 0;
}

int ws_send(struct ws *ws, struct span message)
{
	return queue(ws, utf8_is_valid(message) ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME, message);
}

int ws_ping(struct ws *ws)
{
	return queue(ws, WSLAY_PING, SPAN_NONE);
}

uint64_t ws_pongs(const struct ws *ws)
{
	return ws->pongs;
}

enum ws_verdict ws_close(struct ws *ws, enum ws_code code)
{
	if (ws->state != WS_STATE_OPEN)
		return finish(ws, "Closed");
	if (ws->close_code == 0)
		ws->close_code = (uint16_t)code;
	return flush(ws);
}

bool ws_is_open(const struct ws *ws)
{
	return ws->state == WS_STATE_OPEN && ws->close_code == 0 &&
		wslay_event_get_read_enabled(ws->wslay) &&
		wslay_event_get_write_enabled(ws->wslay) &&
		!wslay_event_get_close_received(ws->wslay) &&
		!wslay_event_get_close_sent(ws->wslay);
}

bool ws_is_idle(const struct ws *ws)
{
	return ws->state == WS_STATE_OPEN && !ws->is_in_frame && ws->fragments == 0;
}

const char *ws_why(const struct ws *ws)
{
	return ws->why;
}
