/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip_build.h"

#include <arpa/inet.h>
#include <string.h>

#define AGENT "xcapd/" XCAPD_VERSION

static const char *const transport_names[] = { "UDP", "TCP", "TLS" };
static const char *const transport_parameters[] = { "", ";transport=tcp", ";transport=tls" };

static void line(struct buffer *to, const char *name, struct span value)
{
	buffer_text(to, name);
	buffer_append(to, SPAN(": "));
	buffer_append(to, value);
	buffer_append(to, SPAN("\r\n"));
}

static void number_line(struct buffer *to, const char *name, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);
	do
		digits[--at] = (char)('0' + number % 10);
	while (number /= 10);
	line(to, name, (struct span){ digits + at, sizeof(digits) - at });
}

static void append_body(struct buffer *to, struct span content_type, struct span body)
{
	if (content_type.data)
		line(to, "Content-Type", content_type);
	else
		body.size = 0;
	number_line(to, "Content-Length", body.size);
	buffer_append(to, SPAN("\r\n"));
	buffer_append(to, body);
}

/* --- requests --- */

static struct span without_headers(struct span uri)
{
	const char *at = uri.size ? memrchr(uri.data, '@', uri.size) : NULL;
	size_t host = at ? (size_t)(at - uri.data) : 0, mark;
	return span_find(span_from(uri, host), '?', &mark) ? span_first(uri, host + mark) : uri;
}

static bool is_secure(struct span uri)
{
	return span_equal_nocase(span_first(uri, 5), SPAN("sips:"));
}

static void append_route(struct buffer *to, struct span uri, bool bracketed)
{
	buffer_text(to, bracketed ? "Route: " : "Route: <");
	buffer_append(to, uri);
	buffer_text(to, bracketed ? "\r\n" : ">\r\n");
}

/* Request-URI and Route by RFC 3261 §12.2.1.1. */
static void lay_route(struct arena *arena, const struct sip_request *request,
	struct sip_draft *draft, struct buffer *to)
{
	struct sip_name_addr first;
	struct sip_uri uri = { 0 };
	draft->uri = without_headers(request->uri);
	draft->next_hop = draft->uri;
	draft->secure = is_secure(draft->uri);
	if (!request->route_count)
		return;
	if (!sip_name_addr(request->routes[0], &first)
		|| sip_uri_read(arena, first.uri, &uri) != SIP_URI_GOOD)
		uri.loose = true; /* nobody will be found there */
	draft->next_hop = first.uri.data ? first.uri : SPAN("");
	draft->secure = draft->secure || uri.secure;
	for (size_t i = uri.loose ? 0 : 1; i < request->route_count; i++)
		append_route(to, request->routes[i], true);
	if (!uri.loose) {
		append_route(to, draft->uri, false);
		draft->uri = without_headers(first.uri);
	}
}

static void append_identity(struct buffer *to, const struct sip_request *request)
{
	char token[SIP_TOKEN + 1], cseq[16];
	struct span call_id = request->call_id;
	if (!call_id.data) {
		sip_token(token);
		call_id = (struct span){ token, SIP_TOKEN };
	}
	line(to, "From", request->from);
	line(to, "To", request->to);
	line(to, "Call-ID", call_id);
	int size = snprintf(cseq, sizeof(cseq), "%u ", request->cseq);
	buffer_append(to, SPAN("CSeq: "));
	buffer_append(to, (struct span){ cseq, (size_t)size });
	buffer_append(to, request->method);
	buffer_append(to, SPAN("\r\n"));
}

bool sip_build_draft(struct arena *arena, const struct sip_request *request, struct sip_draft *out)
{
	struct buffer text = { .arena = arena };
	*out = (struct sip_draft){ 0 };
	buffer_reserve(&text, 512 + request->headers.size + request->body.size);
	buffer_append(&text, SPAN("Max-Forwards: 70\r\n"));
	lay_route(arena, request, out, &text);
	append_identity(&text, request);
	line(&text, "User-Agent", SPAN(AGENT));
	buffer_append(&text, request->headers);
	append_body(&text, request->content_type, request->body);
	out->rest = buffer_span(&text);
	return out->rest.data;
}

struct span sip_build_sent_by(struct sip *sip, struct arena *arena, const struct sip_flow *flow)
{
	struct span text = transport_sent_by(sip->transport, arena, flow);
	for (int other = SIP_UDP; !text.data && other <= SIP_TLS; other++) {
		struct sip_flow instead = *flow;
		instead.transport = (enum sip_transport)other;
		instead.connection = 0;
		text = transport_sent_by(sip->transport, arena, &instead);
	}
	return text.data ? text : arena_copy(arena, SPAN("localhost.invalid"));
}

struct span sip_build_contact(
	struct arena *arena, struct span sent_by, enum sip_transport transport, bool secure)
{
	if (!sent_by.data)
		return sent_by;
	return arena_format(arena, "%s:xcapd@%.*s%s", secure ? "sips" : "sip", SPAN_ARG(sent_by),
		secure ? "" : transport_parameters[transport]);
}

struct span sip_build_request(struct arena *arena, struct span method,
	const struct sip_draft *draft, enum sip_transport transport, struct span sent_by,
	struct span branch, struct span contact)
{
	struct buffer text = { .arena = arena };
	buffer_reserve(&text, draft->rest.size + draft->uri.size + contact.size + 256);
	buffer_append(&text, method);
	buffer_octet(&text, ' ');
	buffer_append(&text, draft->uri);
	buffer_append(&text, SPAN(" SIP/2.0\r\nVia: SIP/2.0/"));
	buffer_text(&text, transport_names[transport]);
	buffer_octet(&text, ' ');
	buffer_append(&text, sent_by);
	buffer_append(&text, SPAN(";rport;branch="));
	buffer_append(&text, branch);
	buffer_append(&text, SPAN("\r\n"));
	if (contact.data) {
		buffer_append(&text, SPAN("Contact: <"));
		buffer_append(&text, contact);
		buffer_append(&text, SPAN(">\r\n"));
	}
	buffer_append(&text, draft->rest);
	return buffer_span(&text);
}
