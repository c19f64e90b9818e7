// stream_refuse.c - the answer to a message whose end cannot be found (RFC 3261 18.3, 21.4.11).
//
// It never reaches the core: its Call-ID leads to a worker, but there is no message to hand over.
#include "net/stream_private.h"

#include "sip/build.h"
#include "sip/parse.h"

#include <string.h>

#define ANSWER_MAX 4096u

static bool put_answer(struct connection *connection, const struct sip_frame *frame)
{
	struct sip_msg *msg = &connection->streams->msg;
	struct sip_reply reply = { .request = msg, .source = connection->hop.addr,
		.status = frame->status, .reason = span_str(frame->reason) };
	char buf[ANSWER_MAX];
	struct sip_fault fault = { .can_answer = true };
	struct sip_writer w;

	if (sip_parse(frame->data, msg, &fault) < 0 && !fault.can_answer)
		return false;
	if (!msg->is_request || msg->method == SIP_METHOD_ACK)
		return false;
	sip_writer_init(&w, buf, sizeof(buf));
	sip_put_reply(&w, &reply);
	sip_put_body(&w, SPAN_NONE, SPAN_NONE);
	if (w.is_overflowed)
		return false;
	connection_send(connection, &(struct stream_send){ .data = sip_writer_text(&w) });
	return true;
}

void connection_refuse(struct connection *connection, const struct sip_frame *frame)
{
	put_answer(connection, frame);
	// Over WebSocket the next message stands by itself.
	if (connection->ws == NULL && connection->state == CONNECTION_OPEN)
		connection_finish(connection, CLOSE_REFUSED, frame->reason);
}
