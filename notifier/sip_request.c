/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip_build.h"

#define ALLOW "Allow: OPTIONS, SUBSCRIBE\r\n"
#define ALLOW_EVENTS "Allow-Events: xcap-diff\r\n"
#define ABOUT_US                                                        \
	ALLOW ALLOW_EVENTS "Accept: application/resource-lists+xml\r\n" \
			   "Accept-Encoding: identity\r\nAccept-Language: en\r\nSupported: \r\n"

/* Without a transaction: whoever asks again is answered again, with the same tag (RFC 3261
 * §8.2.7). */
static void reply(struct sip *sip, const struct sip_message *request, const struct sip_flow *from,
	const struct sip_verdict *verdict)
{
	struct hop way_back;
	struct sip_flow flow;
	const char *why = NULL;
	struct buffer headers = { .arena = request->arena };
	struct sip_answer answer = { .status = verdict->status };
	struct sip_key key;
	if (!sip_build_way_back(request, from, &way_back) || !sip_key(sip, request, &key))
		return;
	buffer_append(&headers, verdict->headers);
	if (verdict->why)
		buffer_format(&headers, "Warning: 399 xcapd \"%s\"\r\n", verdict->why);
	answer.headers = buffer_span(&headers);
	answer.to_tag = arena_format(request->arena, "%016llx", (unsigned long long)key.hash);
	struct span none = { NULL, 0 };
	struct span response = sip_build_response(request->arena, request, from, &answer, none);
	if (!response.data)
		return;
	if (transport_send(sip->transport, &way_back, response, &flow, &why) == TRANSPORT_SENT)
		sip->figures.responses_out++;
	log_event(LEVEL_DEBUG, "sip", "%.*s answered %u%s%s", SPAN_ARG(request->method),
		verdict->status, verdict->why ? ": " : "", verdict->why ? verdict->why : "");
}

static void reply_plainly(struct sip *sip, const struct sip_message *request,
	const struct sip_flow *from, unsigned status, struct span headers)
{
	struct sip_verdict verdict = { .status = status, .headers = headers };
	reply(sip, request, from, &verdict);
}

static void take_subscribe(struct sip *sip, const struct sip_message *request,
	const struct sip_flow *from, const struct sip_key *key)
{
	if (!sip->events.request) {
		reply_plainly(sip, request, from, 489, SPAN(ALLOW_EVENTS));
		return;
	}
	if (sip_servers_merged(sip, key)) {
		reply_plainly(sip, request, from, 482, SPAN(""));
		return;
	}
	struct sip_incoming *incoming = sip_servers_take(sip, request, from, key);
	if (incoming)
		sip->events.request(sip->events.context, incoming);
	else
		reply_plainly(sip, request, from, 503, SPAN("Retry-After: 5\r\n"));
}

void sip_request_received(
	struct sip *sip, const struct sip_message *request, const struct sip_flow *from)
{
	struct hop way_back;
	struct sip_key key;
	struct sip_verdict verdict;
	sip->figures.requests_in++;
	sip->figures.malformed += request->fault != 0;
	if (span_equal_text(request->method, "ACK") || !sip_build_way_back(request, from, &way_back)
		|| !sip_key(sip, request, &key) || sip_servers_absorb(sip, &key))
		return;
	sip_request_check(sip, request, &verdict);
	if (verdict.what == SIP_REFUSE)
		reply(sip, request, from, &verdict);
	else if (span_equal_text(request->method, "CANCEL"))
		reply_plainly(
			sip, request, from, sip_servers_know(sip, &key) ? 200 : 481, SPAN(""));
	else if (span_equal_text(request->method, "OPTIONS"))
		reply_plainly(sip, request, from, 200, SPAN(ABOUT_US));
	else
		take_subscribe(sip, request, from, &key);
}
