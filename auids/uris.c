/* SPDX-License-Identifier: BSD-2-Clause */
#include "auids/uris.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

const char uri_no_memory[] = "cannot be judged for lack of memory";

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Length of the scheme without its colon, 0 when there is none (RFC 3986 §3.1). */
static size_t scheme_size(struct span uri)
{
	size_t i = 0;
	while (i < uri.size
		&& (is_letter(uri.data[i])
			|| (i && uri.data[i] && strchr("0123456789+-.", uri.data[i]))))
		i++;
	return i < uri.size && uri.data[i] == ':' ? i : 0;
}

static bool is_http(struct span uri)
{
	struct span scheme = span_first(uri, scheme_size(uri));
	struct span rest = span_from(uri, scheme.size);
	return (span_equal_nocase(scheme, SPAN("http")) || span_equal_nocase(scheme, SPAN("https")))
	       && span_starts(rest, SPAN("://")) && rest.size > 3 && !strchr("/?#", rest.data[3]);
}

/* A colon in the first segment makes it no relative path, scheme or not (RFC 3986 §4.2). */
static bool is_relative_path(struct span uri)
{
	for (size_t i = 0; i < uri.size; i++) {
		if (uri.data[i] == ':')
			return false;
		if (strchr("/?#", uri.data[i]))
			return i > 0;
	}
	return uri.size > 0;
}

static const char *octets_fault(struct span value)
{
	uint8_t octet;
	for (size_t i = 0; i < value.size; i++) {
		if ((unsigned char)value.data[i] <= ' ' || value.data[i] == 0x7f)
			return "must be a URI, without white space";
		if (value.data[i] == '%'
			&& !hex_decode(span_first(span_from(value, i + 1), 2), &octet, 1))
			return "must be a URI: a % is not followed by two hex digits";
	}
	return NULL;
}

static const char *form_fault(enum uri_form form, struct span raw, struct span decoded)
{
	switch (form) {
	case FORM_RELATIVE_PATH:
		return is_relative_path(raw) && is_relative_path(decoded)
			       ? NULL
			       : "must be a relative path: no scheme and no slash in front";
	case FORM_ABSOLUTE:
		return scheme_size(decoded) ? NULL : "must be an absolute URI";
	case FORM_OWNER:
	case FORM_OWNER_DOMAIN: /* see name_fault */
	case FORM_ABSOLUTE_HTTP:
		break;
	}
	return is_http(decoded) ? NULL : "must be an absolute http URI";
}

/* Below the authority, up to query or fragment. */
static struct span path_of(struct span uri)
{
	struct span rest = span_from(uri, scheme_size(uri) + 3);
	size_t i = 0;
	while (i < rest.size && !strchr("?#", rest.data[i]))
		i++;
	rest = span_first(rest, i);
	span_cut(&rest, '/');
	return rest;
}

static bool is_dots(struct span segment)
{
	return span_equal_text(segment, ".") || span_equal_text(segment, "..");
}

/* Cuts one segment and decodes it; none after the last one or before the node selector. */
static struct span next_segment(struct arena *arena, struct span *path, const char **fault)
{
	struct span decoded = { NULL, 0 };
	if (!path->data || *fault)
		return decoded;
	struct span raw = span_cut(path, '/');
	*fault = octets_fault(raw);
	if (*fault)
		return decoded;
	if (!percent_decode(arena, raw, &decoded))
		*fault = uri_no_memory;
	else if (is_dots(decoded))
		*fault = "must hold no . or .. segment";
	else if (span_equal_text(decoded, "~~"))
		decoded.data = NULL;
	return decoded;
}

static const char *owner_fault(struct arena *arena, const struct doc_id *id, struct span xui)
{
	struct span canonical;
	if (!xui.size)
		return "must name a user";
	if (!xui_canonical(arena, xui, xui_domain(id->xui), &canonical)
		|| !span_equal(canonical, id->xui))
		return "must lie in the home of the document's owner";
	return NULL;
}

/* The AUID is the first segment that names a usage and has a tree below it: the XCAP root before it
 * may be any. */
static const char *home_fault(struct arena *arena, const struct usage *usage,
	const struct rule *rule, const struct doc_id *id, struct span uri)
{
	const char *fault = NULL;
	struct span path = path_of(uri), auid = { "", 0 };
	for (;;) {
		struct span segment = next_segment(arena, &path, &fault);
		if (fault)
			return fault;
		if (!segment.data)
			return "must name a usage and a user's home in its path";
		bool users = span_equal_text(segment, "users");
		const struct usage *named = users || span_equal_text(segment, "global")
						    ? usages_known(usage->set, auid)
						    : NULL;
		auid = segment;
		if (!named)
			continue;
		if (!span_equal(named->auid, rule->auid))
			return "must name another usage in its path";
		if (!users)
			return "must lie in the users tree";
		struct span xui = next_segment(arena, &path, &fault);
		if (fault || !rule->own_home || id->tree != TREE_USERS)
			return fault;
		return owner_fault(arena, id, xui);
	}
}

/* Is it the owner's name, or of the owner's domain? There is no owner in the global tree, and a
 * telephone number has no domain. */
static const char *name_fault(
	struct arena *arena, enum uri_form form, const struct doc_id *id, struct span decoded)
{
	struct span name, domain = xui_domain(id->xui);
	if (id->tree != TREE_USERS)
		return NULL;
	if (!xui_canonical(arena, decoded, domain, &name))
		return "must be the URI of a user";
	if (form == FORM_OWNER)
		return span_equal(name, id->xui) ? NULL : "must be the document's owner";
	if (!domain.size || !xui_domain(name).size || span_equal(xui_domain(name), domain))
		return NULL;
	return "must be in the domain of the document's owner";
}

const char *uri_fault(struct arena *arena, const struct usage *usage, const struct rule *rule,
	const struct doc_id *id, struct span value)
{
	struct span raw = span_trim(value), decoded;
	const char *fault = raw.size ? octets_fault(raw) : "must not be empty";
	if (fault)
		return fault;
	if (!percent_decode(arena, raw, &decoded))
		return uri_no_memory;
	if (rule->form == FORM_OWNER || rule->form == FORM_OWNER_DOMAIN)
		return name_fault(arena, rule->form, id, decoded);
	fault = form_fault(rule->form, raw, decoded);
	if (fault || !rule->auid.data)
		return fault;
	return home_fault(arena, usage, rule, id, scheme_size(raw) ? raw : decoded);
}

/* --- service URIs --- */

static void lower_span(char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (text[i] >= 'A' && text[i] <= 'Z')
			text[i] = (char)(text[i] - 'A' + 'a');
}

static int by_text(const void *a, const void *b)
{
	return span_compare(*(const struct span *)a, *(const struct span *)b);
}

/* Writes ";a;b;c" in order. */
static void append_parameters(struct buffer *to, struct span parameters)
{
	enum { MOST = 16 };
	struct span items[MOST];
	size_t count = 0;
	while (parameters.data && count < MOST - 1)
		items[count++] = span_cut(&parameters, ';');
	if (parameters.data)
		items[count++] = parameters;
	qsort(items, count, sizeof(items[0]), by_text);
	for (size_t i = 0; i < count; i++) {
		buffer_octet(to, ';');
		buffer_append(to, items[i]);
	}
}

static size_t user_end(struct span uri)
{
	size_t end = uri.size;
	while (end && uri.data[end - 1] != '@')
		end--;
	return end;
}

struct span uri_canonical(struct arena *arena, struct span value)
{
	struct span decoded, raw = span_trim(value);
	if (!percent_decode(arena, raw, &decoded)) {
		decoded = arena_copy(arena, raw); /* a stray %: compared as it stands */
		if (!decoded.data)
			return decoded;
	}
	char *text = (char *)(uintptr_t)decoded.data; /* fresh from the arena */
	size_t user = user_end(decoded);
	lower_span(text, scheme_size(decoded));
	lower_span(text + user, decoded.size - user);
	struct buffer to = { .arena = arena };
	struct span rest = span_from(decoded, user);
	rest = span_cut(&rest, '?');
	buffer_append(&to, span_first(decoded, user));
	buffer_append(&to, span_cut(&rest, ';'));
	if (rest.data)
		append_parameters(&to, rest);
	return buffer_span(&to);
}

struct span uri_alternative(struct arena *arena, struct span value)
{
	uint8_t octets[3];
	char digits[2 * sizeof(octets)];
	struct span raw = span_trim(value), decoded;
	if (!scheme_size(raw) && percent_decode(arena, raw, &decoded) && scheme_size(decoded))
		raw = decoded;
	if (getrandom(octets, sizeof(octets), 0) != (ssize_t)sizeof(octets))
		return (struct span){ NULL, 0 };
	hex_encode(octets, sizeof(octets), digits);
	size_t user = user_end(raw);
	size_t cut = user ? user - 1 : raw.size;
	return arena_format(arena, "%.*s-%.*s%.*s", SPAN_ARG(span_first(raw, cut)),
		(int)sizeof(digits), digits, SPAN_ARG(span_from(raw, cut)));
}
