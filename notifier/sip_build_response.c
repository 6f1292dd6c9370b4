/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip_build.h"

#include <arpa/inet.h>
#include <osipparser2/osip_parser.h>
#include <string.h>

static unsigned port_of(const struct sip_flow *flow)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)&flow->address;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&flow->address;
	return ntohs(flow->address.ss_family == AF_INET6 ? six->sin6_port : four->sin_port);
}

static void set_port(struct sip_flow *flow, unsigned port)
{
	struct sockaddr_in *four = (struct sockaddr_in *)&flow->address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&flow->address;
	in_port_t value = htons((uint16_t)port);
	if (flow->address.ss_family == AF_INET6)
		six->sin6_port = value;
	else
		four->sin_port = value;
}

/* The source address as text; an IPv4 one that is mapped into IPv6 is IPv4. */
static void host_of(const struct sip_flow *flow, char out[INET6_ADDRSTRLEN])
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)&flow->address;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&flow->address;
	out[0] = '\0';
	if (flow->address.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		inet_ntop(AF_INET, &six->sin6_addr.s6_addr[12], out, INET6_ADDRSTRLEN);
	else if (flow->address.ss_family == AF_INET6)
		inet_ntop(AF_INET6, &six->sin6_addr, out, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET, &four->sin_addr, out, INET6_ADDRSTRLEN);
}

/* Does the text name an address that is not one host's: multicast, broadcast, any? */
static bool is_crowd(struct span host)
{
	char text[INET6_ADDRSTRLEN];
	struct in_addr four;
	struct in6_addr six;
	if (!host.size || host.size >= sizeof(text))
		return false;
	memcpy(text, host.data, host.size);
	text[host.size] = '\0';
	if (inet_pton(AF_INET, text, &four) == 1) {
		uint32_t address = ntohl(four.s_addr);
		return IN_MULTICAST(address) || IN_BADCLASS(address) || address >> 24 == 0;
	}
	return inet_pton(AF_INET6, text, &six) == 1
	       && (IN6_IS_ADDR_MULTICAST(&six) || IN6_IS_ADDR_UNSPECIFIED(&six));
}

bool sip_build_way_back(
	const struct sip_message *request, const struct sip_flow *from, struct hop *out)
{
	const struct sip_via *via = &request->via;
	*out = (struct hop){ .flow = *from };
	if (!via->host.data || is_crowd(via->host) || is_crowd(via->maddr))
		return false;
	if (from->transport == SIP_UDP && via->rport)
		return port_of(from) != 0;
	set_port(&out->flow, via->port ? via->port : from->transport == SIP_TLS ? 5061 : 5060);
	return true;
}

static bool is_rport(struct span name)
{
	return span_equal_nocase(name, SPAN("rport")) || span_equal_nocase(name, SPAN("received"));
}

/* The topmost Via with `received` and `rport` filled in (RFC 3261 §18.2.1, RFC 3581 §4); what the
 * client said of them itself is left out. */
static void append_top_via(struct buffer *to, const struct sip_message *request,
	const struct sip_flow *from, struct span value)
{
	char host[INET6_ADDRSTRLEN];
	struct span rest = value;
	host_of(from, host);
	buffer_append(to, SPAN("Via: "));
	buffer_append(to, span_cut(&rest, ';'));
	while (rest.data) {
		struct span parameter = span_cut(&rest, ';'), left = parameter;
		if (is_rport(span_trim(span_cut(&left, '='))))
			continue;
		buffer_octet(to, ';');
		buffer_append(to, parameter);
	}
	bool same = span_equal_nocase(request->via.host, span_of(host));
	if (request->via.rport)
		buffer_format(to, ";rport=%u", port_of(from));
	if (request->via.rport || !same)
		buffer_format(to, ";received=%s", host);
	buffer_append(to, SPAN("\r\n"));
}

static bool is_field(const struct sip_line *line, const char *field)
{
	return line->field >= 0 && !strcmp(sip_field_name(line->field), field);
}

static void append_line(struct buffer *to, const char *name, struct span value)
{
	buffer_text(to, name);
	buffer_append(to, value);
	buffer_append(to, SPAN("\r\n"));
}

/* Every line of a field as it came. */
static void append_copies(
	struct buffer *to, const struct sip_message *request, const char *field, const char *name)
{
	for (size_t i = 0; i < request->line_count; i++)
		if (is_field(&request->lines[i], field))
			append_line(to, name, request->lines[i].value);
}

static void append_vias(
	struct buffer *to, const struct sip_message *request, const struct sip_flow *from)
{
	bool topmost = true;
	for (size_t i = 0; i < request->line_count; i++) {
		struct span rest = request->lines[i].value;
		if (!is_field(&request->lines[i], "via"))
			continue;
		if (topmost)
			append_top_via(to, request, from, sip_list_cut(&rest));
		if (rest.data)
			append_line(to, "Via: ", span_trim(rest));
		topmost = false;
	}
}

static void append_to(
	struct buffer *to, const struct sip_message *request, const struct sip_answer *answer)
{
	const struct sip_line *line = sip_message_line(request, "to");
	char fresh[SIP_TOKEN + 1];
	struct span tag = answer->to_tag;
	if (!line)
		return;
	buffer_append(to, SPAN("To: "));
	buffer_append(to, line->value);
	if (!request->to_tag.size && answer->status > 100) {
		if (!tag.data) {
			sip_token(fresh);
			tag = (struct span){ fresh, SIP_TOKEN };
		}
		buffer_append(to, SPAN(";tag="));
		buffer_append(to, tag);
	}
	buffer_append(to, SPAN("\r\n"));
}

struct span sip_build_response(struct arena *arena, const struct sip_message *request,
	const struct sip_flow *from, const struct sip_answer *answer, struct span contact)
{
	struct buffer text = { .arena = arena };
	const char *reason = answer->reason;
	if (!reason)
		reason = osip_message_get_reason((int)answer->status);
	buffer_reserve(&text, 1024 + answer->headers.size + answer->body.size);
	buffer_format(&text, "SIP/2.0 %u %s\r\n", answer->status, reason ? reason : "Unknown");
	append_vias(&text, request, from);
	append_copies(&text, request, "from", "From: ");
	append_to(&text, request, answer);
	append_copies(&text, request, "call-id", "Call-ID: ");
	append_copies(&text, request, "cseq", "CSeq: ");
	if (contact.data) {
		append_copies(&text, request, "record-route", "Record-Route: ");
		buffer_format(&text, "Contact: <%.*s>\r\n", SPAN_ARG(contact));
	}
	append_line(&text, "Server: ", SPAN("xcapd/" XCAPD_VERSION));
	buffer_append(&text, answer->headers);
	if (answer->content_type.data)
		append_line(&text, "Content-Type: ", answer->content_type);
	buffer_format(&text, "Content-Length: %zu\r\n\r\n",
		answer->content_type.data ? answer->body.size : 0);
	if (answer->content_type.data)
		buffer_append(&text, answer->body);
	return buffer_span(&text);
}
