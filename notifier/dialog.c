/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/dialog.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { ROUTES_MAX = 32, CSEQ_MAX = INT32_MAX };

/* --- texts --- */

struct span dialog_part(const struct dialog *dialog, enum dialog_part part)
{
	size_t start = 0;
	for (int i = 0; i < (int)part; i++)
		start += dialog->sizes[i];
	return (struct span){ dialog->text + start, dialog->sizes[part] };
}

static enum dialog_result pack(struct dialog *dialog, const struct span parts[DIALOG_PARTS])
{
	size_t size = 0;
	for (int i = 0; i < DIALOG_PARTS; i++) {
		size += parts[i].size;
		if (parts[i].size > DIALOG_TEXT_MAX || size > DIALOG_TEXT_MAX)
			return DIALOG_MALFORMED;
	}
	char *text = malloc(size ? size : 1);
	if (!text)
		return DIALOG_NO_MEMORY;
	size = 0;
	for (int i = 0; i < DIALOG_PARTS; i++) {
		if (parts[i].size)
			memcpy(text + size, parts[i].data, parts[i].size);
		size += parts[i].size;
		dialog->sizes[i] = (uint16_t)parts[i].size;
	}
	free(dialog->text);
	dialog->text = text;
	return DIALOG_OK;
}

static bool is_sip_uri(struct span uri)
{
	return span_equal_nocase(span_first(uri, 4), SPAN("sip:"))
	       || span_equal_nocase(span_first(uri, 5), SPAN("sips:"));
}

/* --- the way back --- */

static void pack_flow(struct dialog_flow *out, const struct sip_flow *flow)
{
	*out = (struct dialog_flow){
		.connection = flow->connection,
		.listener = (uint16_t)flow->listener,
		.family = (uint8_t)flow->address.ss_family,
		.transport = (uint8_t)flow->transport,
	};
	const struct sockaddr_in *v4 = (const void *)&flow->address;
	const struct sockaddr_in6 *v6 = (const void *)&flow->address;
	if (flow->address.ss_family == AF_INET6) {
		memcpy(out->address, &v6->sin6_addr, 16);
		out->port = ntohs(v6->sin6_port);
		out->scope = v6->sin6_scope_id;
	} else {
		memcpy(out->address, &v4->sin_addr, 4);
		out->port = ntohs(v4->sin_port);
	}
}

static void unpack_flow(const struct dialog_flow *flow, struct sip_flow *out)
{
	*out = (struct sip_flow){
		.transport = (enum sip_transport)flow->transport,
		.connection = flow->connection,
		.listener = flow->listener,
	};
	struct sockaddr_in *v4 = (void *)&out->address;
	struct sockaddr_in6 *v6 = (void *)&out->address;
	if (flow->family == AF_INET6) {
		v6->sin6_family = AF_INET6;
		memcpy(&v6->sin6_addr, flow->address, 16);
		v6->sin6_port = htons(flow->port);
		v6->sin6_scope_id = flow->scope;
		out->length = sizeof(*v6);
	} else {
		v4->sin_family = AF_INET;
		memcpy(&v4->sin_addr, flow->address, 4);
		v4->sin_port = htons(flow->port);
		out->length = sizeof(*v4);
	}
}

/* "host" or "[host]" of a SIP URI, and its port (0: none). */
static struct span host_of(struct span uri, unsigned *port_out)
{
	struct span rest = uri, host;
	uint64_t port = 0;
	size_t end;
	*port_out = 0;
	if (span_find(rest, ':', &end))
		rest = span_from(rest, end + 1);
	for (end = 0; end < rest.size; end++)
		if (rest.data[end] == ';' || rest.data[end] == '?' || rest.data[end] == '>')
			break;
	rest = span_first(rest, end);
	while (span_find(rest, '@', &end))
		rest = span_from(rest, end + 1);
	if (span_starts(rest, SPAN("[")) && span_find(rest, ']', &end)) {
		host = span_from(span_first(rest, end), 1);
		rest = span_from(rest, end + 1);
	} else {
		host = span_cut(&rest, ':');
		rest = rest.data ? (struct span){ rest.data - 1, rest.size + 1 } : SPAN("");
	}
	if (span_starts(rest, SPAN(":")) && parse_u64(span_from(rest, 1), &port) && port < 65536)
		*port_out = (unsigned)port;
	return host;
}

static bool same_host(struct span host, const struct dialog_flow *flow, bool *literal_out)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t address[16];
	*literal_out = false;
	if (host.size >= sizeof(text))
		return false;
	memcpy(text, host.data, host.size);
	text[host.size] = '\0';
	int family = memchr(text, ':', host.size) ? AF_INET6 : AF_INET;
	*literal_out = inet_pton(family, text, address) == 1;
	return *literal_out && family == flow->family
	       && memcmp(address, flow->address, family == AF_INET ? 4 : 16) == 0;
}

/* A connection is always the way back while it lives. By UDP the Contact says where, unless it is
 * an address that the SUBSCRIBE did not come from: then there is a NAT between. */
static bool goes_by_flow(const struct dialog *dialog)
{
	unsigned port;
	bool literal;
	if (dialog->flow.transport != SIP_UDP)
		return dialog->flow.connection != 0;
	if (dialog->sizes[DIALOG_ROUTES])
		return false;
	struct span host = host_of(dialog_part(dialog, DIALOG_TARGET), &port);
	if (same_host(host, &dialog->flow, &literal))
		return (port ? port : 5060) == dialog->flow.port;
	return literal;
}

/* --- life --- */

static struct span collect_routes(const struct sip_message *message, char room[DIALOG_TEXT_MAX])
{
	size_t size = 0;
	for (size_t i = 0; i < ROUTES_MAX; i++) {
		struct span one = sip_header(message, "record-route", i);
		if (!one.data)
			return (struct span){ room, size };
		if (size + one.size + 1 > DIALOG_TEXT_MAX)
			break;
		if (i)
			room[size++] = '\n';
		memcpy(room + size, one.data, one.size);
		size += one.size;
	}
	return (struct span){ NULL, DIALOG_TEXT_MAX + 1 };
}

enum dialog_result dialog_begin(struct dialog *out, const struct sip_message *message,
	const struct sip_flow *flow, struct span local_tag, struct span event_id)
{
	char room[DIALOG_TEXT_MAX];
	struct span parts[DIALOG_PARTS] = {
		[DIALOG_CALL_ID] = sip_call_id(message),
		[DIALOG_LOCAL_TAG] = local_tag,
		[DIALOG_REMOTE_TAG] = sip_from_tag(message),
		[DIALOG_LOCAL_URI] = sip_to_uri(message),
		[DIALOG_REMOTE_URI] = sip_from_uri(message),
		[DIALOG_TARGET] = sip_contact_uri(message),
		[DIALOG_EVENT_ID] = event_id,
		[DIALOG_ROUTES] = collect_routes(message, room),
	};
	*out = (struct dialog){
		.has_event_id = event_id.data,
		.local_cseq = 1,
		.remote_cseq = sip_cseq(message),
	};
	if (!is_sip_uri(parts[DIALOG_TARGET]))
		return DIALOG_MALFORMED;
	pack_flow(&out->flow, flow);
	return pack(out, parts);
}

enum dialog_result dialog_refresh(
	struct dialog *dialog, const struct sip_message *message, const struct sip_flow *flow)
{
	struct span parts[DIALOG_PARTS], target = sip_contact_uri(message);
	for (int i = 0; i < DIALOG_PARTS; i++)
		parts[i] = dialog_part(dialog, (enum dialog_part)i);
	if (target.data && !is_sip_uri(target))
		return DIALOG_MALFORMED;
	if (target.data && !span_equal(target, parts[DIALOG_TARGET])) {
		parts[DIALOG_TARGET] = target;
		enum dialog_result result = pack(dialog, parts);
		if (result != DIALOG_OK)
			return result;
	}
	dialog->remote_cseq = sip_cseq(message);
	pack_flow(&dialog->flow, flow);
	return DIALOG_OK;
}

void dialog_end(struct dialog *dialog)
{
	free(dialog->text);
	*dialog = (struct dialog){ 0 };
}

bool dialog_holds(
	const struct dialog *dialog, const struct sip_message *message, struct span event_id)
{
	return span_equal(dialog_part(dialog, DIALOG_LOCAL_TAG), sip_to_tag(message))
	       && span_equal(dialog_part(dialog, DIALOG_REMOTE_TAG), sip_from_tag(message))
	       && span_equal(dialog_part(dialog, DIALOG_CALL_ID), sip_call_id(message))
	       && dialog->has_event_id == (event_id.data != NULL)
	       && span_equal(dialog_part(dialog, DIALOG_EVENT_ID), event_id);
}

/* --- requests --- */

static bool add_routes(const struct dialog *dialog, struct arena *arena, struct sip_request *out)
{
	struct span rest = dialog_part(dialog, DIALOG_ROUTES);
	struct span *routes = arena_alloc(arena, ROUTES_MAX * sizeof(*routes));
	if (!routes)
		return false;
	out->routes = routes;
	out->route_count = 0;
	while (rest.size && out->route_count < ROUTES_MAX)
		routes[out->route_count++] = span_cut(&rest, '\n');
	return true;
}

bool dialog_address(struct dialog *dialog, struct arena *arena, struct sip_request *out,
	struct sip_flow *flow_room)
{
	struct span local_tag = dialog_part(dialog, DIALOG_LOCAL_TAG);
	struct span remote_tag = dialog_part(dialog, DIALOG_REMOTE_TAG);
	out->uri = dialog_part(dialog, DIALOG_TARGET);
	out->from = arena_format(arena, "<%.*s>;tag=%.*s",
		SPAN_ARG(dialog_part(dialog, DIALOG_LOCAL_URI)), SPAN_ARG(local_tag));
	out->to = arena_format(arena, "<%.*s>%s%.*s",
		SPAN_ARG(dialog_part(dialog, DIALOG_REMOTE_URI)), remote_tag.size ? ";tag=" : "",
		SPAN_ARG(remote_tag));
	out->call_id = dialog_part(dialog, DIALOG_CALL_ID);
	if (!out->from.data || !out->to.data || !add_routes(dialog, arena, out))
		return false;
	if (goes_by_flow(dialog)) {
		unpack_flow(&dialog->flow, flow_room);
		out->flow = flow_room;
	}
	if (dialog->local_cseq < CSEQ_MAX)
		dialog->local_cseq++;
	out->cseq = dialog->local_cseq;
	return true;
}

/* --- rows --- */

void dialog_write(const struct dialog *dialog, struct buffer *to)
{
	for (int i = 0; i < DIALOG_PARTS; i++)
		row_text(to, dialog_part(dialog, (enum dialog_part)i));
	row_number(to, dialog->has_event_id, 1);
	row_number(to, dialog->local_cseq, 4);
	row_number(to, dialog->remote_cseq, 4);
	row_number(to, dialog->flow.transport, 1);
	row_number(to, dialog->flow.family == AF_INET6, 1);
	buffer_append(to, (struct span){ (const char *)dialog->flow.address, 16 });
	row_number(to, dialog->flow.scope, 4);
	row_number(to, dialog->flow.port, 2);
	row_number(to, dialog->flow.listener, 2);
}

bool dialog_read(struct dialog *out, struct row_reader *from)
{
	struct span parts[DIALOG_PARTS];
	*out = (struct dialog){ 0 };
	for (int i = 0; i < DIALOG_PARTS; i++)
		parts[i] = row_take_text(from);
	out->has_event_id = row_take_number(from, 1);
	out->local_cseq = (uint32_t)row_take_number(from, 4);
	out->remote_cseq = (uint32_t)row_take_number(from, 4);
	out->flow.transport = (uint8_t)row_take_number(from, 1);
	out->flow.family = row_take_number(from, 1) ? AF_INET6 : AF_INET;
	struct span address = row_take(from, 16);
	if (address.size == 16)
		memcpy(out->flow.address, address.data, 16);
	out->flow.scope = (uint32_t)row_take_number(from, 4);
	out->flow.port = (uint16_t)row_take_number(from, 2);
	out->flow.listener = (uint16_t)row_take_number(from, 2);
	return !from->failed && pack(out, parts) == DIALOG_OK;
}
