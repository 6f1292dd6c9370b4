/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip_message.h"

#include "base/owner.h"

#include <arpa/inet.h>
#include <osipparser2/osip_parser.h>
#include <osipparser2/osip_port.h>
#include <string.h>

/* What libosip2 allocates lies in the arena of the message it reads: nothing of it is freed singly.
 */
static _Thread_local struct arena *memory;

struct piece {
	_Alignas(16) size_t size;
	char octets[];
};

static void *piece_new(size_t size)
{
	if (!memory || size > SIZE_MAX / 4)
		return NULL;
	struct piece *piece = arena_alloc(memory, sizeof(*piece) + size);
	if (!piece)
		return NULL;
	piece->size = size;
	return piece->octets;
}

static void *piece_resize(void *former, size_t size)
{
	char *octets = piece_new(size);
	if (!octets || !former)
		return octets;
	const struct piece *old = OWNER_OF(const struct piece, octets, former);
	memcpy(octets, former, old->size < size ? old->size : size);
	return octets;
}

static void piece_free(void *former)
{
	(void)former;
}

/* libosip2 reads from now on, into this arena. */
static void begin(struct arena *arena)
{
	static bool ready;
	if (!ready) {
		parser_init();
		osip_set_allocators(piece_new, piece_resize, piece_free);
		ready = true;
	}
	memory = arena;
}

/* libosip2 walks its lists from the start for each thing it adds. */
static bool is_bounded(struct span text)
{
	enum { PARTS_MOST = 64 };
	size_t parts = 0;
	for (size_t i = 0; i < text.size; i++)
		parts += text.data[i] == ';' || text.data[i] == '&' || text.data[i] == '?';
	return parts <= PARTS_MOST;
}

static bool read_port(const char *text, unsigned *out)
{
	uint64_t port;
	*out = 0;
	if (!text)
		return true;
	if (!parse_u64(span_of(text), &port) || !port || port > 65535)
		return false;
	*out = (unsigned)port;
	return true;
}

/* A name or an IPv4 address; in brackets, which libosip2 takes off, an IPv6 one. */
static bool host_valid(struct span host, bool bracketed)
{
	struct in6_addr six;
	if (bracketed)
		return host.size && inet_pton(AF_INET6, host.data, &six) == 1;
	for (size_t i = 0; i < host.size; i++) {
		char c = host.data[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
			    || c == '-' || c == '_' || c == '.'))
			return false;
	}
	return host.size > 0 && host.size <= 255;
}

static bool scheme_valid(struct span scheme)
{
	for (size_t i = 0; i < scheme.size; i++) {
		char c = scheme.data[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!letter
			&& (i == 0
				|| !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')))
			return false;
	}
	return scheme.size > 0;
}

static struct span uri_parameter(osip_uri_t *uri, const char *name, bool *found_out)
{
	osip_uri_param_t *found = NULL;
	osip_uri_param_get_byname(&uri->url_params, (char *)name, &found);
	*found_out = found != NULL;
	return span_of(found ? found->gvalue : NULL);
}

static bool take_uri(osip_uri_t *uri, bool bracketed, struct sip_uri *out)
{
	bool found;
	out->host = span_of(uri->host);
	if (!host_valid(out->host, bracketed) || !read_port(uri->port, &out->port))
		return false;
	out->transport = uri_parameter(uri, "transport", &found);
	out->maddr = uri_parameter(uri, "maddr", &found);
	uri_parameter(uri, "lr", &out->loose);
	out->headers = osip_list_size(&uri->url_headers) > 0;
	return true;
}

static bool is_uri_octet(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '@')
		return true;
	return (unsigned char)c > 0x20 && !strchr("<>\"`{}|\\^\x7f", c);
}

/* The host is not empty, its brackets close, nothing stands where no URI has anything. */
static bool shape_valid(struct span rest, bool *bracketed_out)
{
	size_t at;
	for (size_t i = 0; i < rest.size; i++)
		if (!is_uri_octet(rest.data[i]))
			return false;
	if (span_find(rest, '@', &at))
		rest = span_from(rest, at + 1);
	*bracketed_out = rest.size && rest.data[0] == '[';
	return *bracketed_out ? span_find(rest, ']', NULL) : rest.size > 0;
}

enum sip_uri_result sip_uri_read(struct arena *arena, struct span text, struct sip_uri *out)
{
	size_t colon;
	bool bracketed;
	osip_uri_t *uri;
	*out = (struct sip_uri){ 0 };
	if (!span_find(text, ':', &colon) || !scheme_valid(span_first(text, colon))
		|| colon + 1 == text.size)
		return SIP_URI_BAD;
	struct span scheme = span_first(text, colon);
	out->secure = span_equal_nocase(scheme, SPAN("sips"));
	if (!out->secure && !span_equal_nocase(scheme, SPAN("sip")))
		return SIP_URI_FOREIGN;
	if (!shape_valid(span_from(text, colon + 1), &bracketed) || !is_bounded(text))
		return SIP_URI_BAD;
	begin(arena);
	char *copy = arena_text(arena, text);
	if (!copy || osip_uri_init(&uri) || osip_uri_parse(uri, copy)
		|| !take_uri(uri, bracketed, out))
		return SIP_URI_BAD;
	return SIP_URI_GOOD;
}

static struct span via_parameter(osip_via_t *via, const char *name, bool *found_out)
{
	osip_generic_param_t *found = NULL;
	osip_generic_param_get_byname(&via->via_params, (char *)name, &found);
	*found_out = found != NULL;
	return span_of(found ? found->gvalue : NULL);
}

/* "SIP/2.0/UDP" has to stand before the parameters. */
static bool is_sip_via(struct span value)
{
	size_t semicolon = value.size;
	span_find(value, ';', &semicolon);
	struct span rest = span_first(value, semicolon);
	struct span name = span_trim(span_cut(&rest, '/'));
	if (!rest.data || !span_equal_nocase(name, SPAN("SIP")))
		return false;
	span_cut(&rest, '/');
	return rest.data;
}

static bool take_via(struct arena *arena, struct span value, struct sip_via *out)
{
	bool found;
	osip_via_t *via;
	char *copy = arena_text(arena, value);
	*out = (struct sip_via){ 0 };
	if (!copy || !is_bounded(value) || !is_sip_via(value) || osip_via_init(&via)
		|| osip_via_parse(via, copy))
		return false;
	struct span host = span_of(via->host);
	if (!host_valid(host, span_find(sip_value(value), '[', NULL))
		|| !read_port(via->port, &out->port) || !via->version)
		return false;
	out->host = host;
	out->transport = span_of(via->protocol);
	out->branch = via_parameter(via, "branch", &found);
	out->maddr = via_parameter(via, "maddr", &found);
	via_parameter(via, "rport", &out->rport);
	return true;
}

bool sip_via_read(struct arena *arena, struct span value, struct sip_via *out)
{
	size_t semicolon = value.size;
	span_find(value, ';', &semicolon);
	begin(arena);
	if (take_via(arena, value, out))
		return sip_token_valid(out->transport)
		       && sip_parameters_valid(span_from(value, semicolon));
	take_via(arena, span_first(value, semicolon), out);
	return false;
}

struct span sip_media_type(struct arena *arena, struct span value)
{
	osip_content_type_t *type;
	struct span none = { NULL, 0 };
	begin(arena);
	char *copy = arena_text(arena, value);
	if (!copy || !is_bounded(value) || osip_content_type_init(&type)
		|| osip_content_type_parse(type, copy) || !sip_token_valid(span_of(type->type))
		|| !sip_token_valid(span_of(type->subtype)))
		return none;
	struct span text = arena_format(arena, "%s/%s", type->type, type->subtype);
	for (char *c = (char *)text.data; c && *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return text;
}
