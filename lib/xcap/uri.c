/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/uri.h"

#include <string.h>

/* A walk over the raw path segments; `result` is the first thing that went wrong. */
struct walk {
	struct arena *arena;
	struct span default_domain;
	struct span rest; /* data == NULL: nothing left */
	bool plain;       /* nothing in it has to be decoded, all octets are known to be good */
	enum uri_result result;
	const char *why;
};

static bool refuse(struct walk *walk, enum uri_result result, const char *why)
{
	walk->result = result;
	walk->why = why;
	return false;
}

static bool no_memory(struct walk *walk)
{
	return refuse(walk, URI_NO_MEMORY, "out of memory");
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool escapes_valid(struct span raw)
{
	for (size_t i = 0; i < raw.size; i++)
		if (raw.data[i] == '%'
			&& (raw.size - i < 3 || !is_hex(raw.data[i + 1])
				|| !is_hex(raw.data[i + 2])))
			return false;
	return true;
}

/* A control, DEL or an octet below `least`? Eight at a time where none of them can be one: the
 * differences reach an octet's top bit when it is too little, or DEL, or not ASCII. */
static bool has_octet_below(struct span text, unsigned char least)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	for (size_t i = 0; i < text.size; i++) {
		uint64_t eight;
		if (text.size - i >= sizeof(eight)) {
			memcpy(&eight, text.data + i, sizeof(eight));
			if (!(((eight - ones * least) | (eight + ones) | eight) & ones << 7)) {
				i += sizeof(eight) - 1;
				continue;
			}
		}
		if ((unsigned char)text.data[i] < least || text.data[i] == 0x7F)
			return true;
	}
	return false;
}

/* Decodes and checks what holds for any decoded text of a target. */
static bool decode(struct walk *walk, struct span raw, struct span *out)
{
	*out = raw;
	if (span_find(raw, '%', NULL)) {
		if (!escapes_valid(raw))
			return refuse(walk, URI_MALFORMED, "a % without two hex digits after it");
		if (!percent_decode(walk->arena, raw, out))
			return no_memory(walk);
	}
	if (!utf8_valid(*out, NULL))
		return refuse(walk, URI_MALFORMED, "the URI is not UTF-8");
	return true;
}

static bool next_segment(struct walk *walk, struct span *out)
{
	*out = span_cut(&walk->rest, '/');
	if (!walk->plain && !decode(walk, *out, out))
		return false;
	if (!out->size)
		return refuse(walk, URI_MALFORMED, "an empty path segment");
	if (span_equal_text(*out, ".") || span_equal_text(*out, ".."))
		return refuse(walk, URI_MALFORMED, "a dot segment in the path");
	if (!walk->plain && has_octet_below(*out, ' '))
		return refuse(walk, URI_MALFORMED, "a control character in the path");
	return true;
}

static bool next_flat_segment(struct walk *walk, struct span *out)
{
	if (!next_segment(walk, out))
		return false;
	if (span_find(*out, '/', NULL))
		return refuse(walk, URI_MALFORMED, "an encoded slash in a path segment");
	return true;
}

/* --- XUI --- */

enum xui_form { FORM_ADDRESS, FORM_NUMBER, FORM_OPAQUE };

static const struct xui_scheme {
	struct span prefix;
	enum xui_form form;
} xui_schemes[] = {
	{ { "sip:", 4 }, FORM_ADDRESS }, /* the first is that of a bare user name */
	{ { "sips:", 5 }, FORM_ADDRESS },
	{ { "im:", 3 }, FORM_ADDRESS },
	{ { "pres:", 5 }, FORM_ADDRESS },
	{ { "mailto:", 7 }, FORM_ADDRESS },
	{ { "tel:", 4 }, FORM_NUMBER },
	{ { "urn:", 4 }, FORM_OPAQUE },
};

/* A canonical XUI while it is written. */
struct xui_text {
	char octets[URI_XUI_MAX];
	size_t size;
	bool full;
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void put(struct xui_text *to, struct span text, bool lowered)
{
	if (text.size > sizeof(to->octets) - to->size) {
		to->full = true;
		return;
	}
	if (text.size)
		memcpy(to->octets + to->size, text.data, text.size);
	for (size_t i = 0; lowered && i < text.size; i++)
		to->octets[to->size + i] = lower(text.data[i]);
	to->size += text.size;
}

static const struct xui_scheme *cut_scheme(struct span *xui)
{
	for (size_t i = 0; i < sizeof(xui_schemes) / sizeof(xui_schemes[0]); i++) {
		struct span prefix = xui_schemes[i].prefix;
		if (!span_starts_nocase(*xui, prefix))
			continue;
		*xui = span_from(*xui, prefix.size);
		return &xui_schemes[i];
	}
	return &xui_schemes[0];
}

static bool put_address(struct xui_text *to, struct span address, struct span default_domain)
{
	struct span host = default_domain, user = address;
	size_t at;
	if (span_find(address, '@', &at)) {
		user = span_first(address, at);
		host = span_from(address, at + 1);
	}
	put(to, user, false);
	put(to, SPAN("@"), false);
	put(to, host, true);
	return user.size && host.size && !span_find(host, '@', NULL);
}

/* Visual separators (RFC 3966 §5.1.1) go; parameters stay. */
static bool put_number(struct xui_text *to, struct span number)
{
	struct span parameters = number, digits = span_cut(&parameters, ';');
	size_t before = to->size;
	for (size_t i = 0; i < digits.size; i++) {
		char c = digits.data[i];
		if (c != '-' && c != '.' && c != '(' && c != ')')
			put(to, (struct span){ &c, 1 }, true);
		if (!is_hex(c) && !strchr("-.()*#", c) && !(c == '+' && i == 0))
			return false;
	}
	bool some = to->size > before + (digits.size && digits.data[0] == '+');
	if (parameters.data) {
		put(to, SPAN(";"), false);
		put(to, parameters, true);
	}
	return some || to->full;
}

static bool read_xui(struct walk *walk, struct span xui, struct span *out)
{
	struct xui_text text = { .size = 0 };
	if (has_octet_below(xui, ' ' + 1) || !utf8_valid(xui, NULL))
		return refuse(
			walk, URI_MALFORMED, "a space or control character in the user identifier");
	const struct xui_scheme *scheme = cut_scheme(&xui);
	put(&text, scheme->prefix, false);
	bool sound = xui.size > 0;
	if (scheme->form == FORM_ADDRESS)
		sound = put_address(&text, xui, walk->default_domain);
	else if (scheme->form == FORM_NUMBER)
		sound = put_number(&text, xui);
	else
		put(&text, xui, false);
	if (!sound)
		return refuse(walk, URI_MALFORMED, "not a user identifier");
	if (text.full)
		return refuse(walk, URI_TOO_LONG, "the user identifier is too long");
	*out = arena_copy(walk->arena, (struct span){ text.octets, text.size });
	return out->data || no_memory(walk);
}

bool xui_canonical(
	struct arena *arena, struct span xui, struct span default_domain, struct span *out)
{
	struct walk walk = { .arena = arena, .default_domain = default_domain };
	*out = (struct span){ NULL, 0 };
	return read_xui(&walk, xui, out);
}

struct span xui_domain(struct span xui)
{
	size_t at, size = 0;
	bool bracketed = false;
	if (cut_scheme(&xui)->form != FORM_ADDRESS || !span_find(xui, '@', &at))
		return (struct span){ NULL, 0 };
	struct span host = span_from(xui, at + 1);
	for (; size < host.size; size++) { /* no port, no parameters, no headers */
		char c = host.data[size];
		bracketed = c == '[' || (bracketed && c != ']');
		if (!bracketed && (c == ':' || c == ';' || c == '?'))
			break;
	}
	return span_first(host, size);
}

/* --- document selector --- */

static bool read_path(struct walk *walk, struct span *out)
{
	char *path = arena_alloc(walk->arena, walk->rest.size + 1);
	size_t size = 0;
	if (!path)
		return no_memory(walk);
	while (walk->rest.data && (walk->rest.size || !size)) {
		struct span segment;
		if (!next_flat_segment(walk, &segment))
			return false;
		if (size)
			path[size++] = '/';
		memcpy(path + size, segment.data, segment.size);
		size += segment.size;
	}
	if (size > URI_PATH_MAX)
		return refuse(walk, URI_TOO_LONG, "the document's path is too long");
	path[size] = '\0';
	*out = (struct span){ path, size };
	return true;
}

static bool read_tree(struct walk *walk, struct doc_id *id)
{
	struct span tree, xui;
	if (!next_flat_segment(walk, &tree))
		return false;
	if (span_equal_text(tree, "global")) {
		id->tree = TREE_GLOBAL;
		id->xui = SPAN("");
		return true;
	}
	if (!span_equal_text(tree, "users"))
		return refuse(walk, URI_OUTSIDE, "neither users nor global");
	id->tree = TREE_USERS;
	return !walk->rest.data || (next_segment(walk, &xui) && read_xui(walk, xui, &id->xui));
}

static bool read_document(struct walk *walk, struct doc_id *id)
{
	if (!walk->rest.size)
		return true;
	if (!next_flat_segment(walk, &id->auid))
		return false;
	if (id->auid.size > URI_AUID_MAX)
		return refuse(walk, URI_TOO_LONG, "the application usage's name is too long");
	if (walk->rest.data && !read_tree(walk, id))
		return false;
	return !walk->rest.data || read_path(walk, &id->path);
}

/* --- query --- */

static bool is_name_octet(char c, bool first)
{
	char l = lower(c);
	return (l >= 'a' && l <= 'z') || c == '_' || (c & 0x80)
	       || (!first && ((c >= '0' && c <= '9') || c == '-' || c == '.'));
}

static bool is_ncname(struct span text)
{
	for (size_t i = 0; i < text.size; i++)
		if (!is_name_octet(text.data[i], i == 0))
			return false;
	return text.size > 0;
}

static bool is_scheme_name(struct span text)
{
	struct span local = text, prefix = span_cut(&local, ':');
	return is_ncname(prefix) && (!local.data || is_ncname(local));
}

/* Cuts NAME(DATA) off *rest. Parentheses in DATA balance or are escaped with ^; the escapes are
 * undone in place. */
static bool cut_pointer_part(struct span *rest, struct span *name, struct span *data)
{
	size_t open, from, size = 0, depth = 1;
	if (!span_find(*rest, '(', &open) || !is_scheme_name(span_first(*rest, open)))
		return false;
	*name = span_first(*rest, open);
	char *to = (char *)rest->data + open + 1; /* a copy of ours: see read_bindings */
	for (from = open + 1; from < rest->size; from++) {
		char c = rest->data[from];
		if (c == '^') {
			if (++from == rest->size || !rest->data[from]
				|| !strchr("()^", rest->data[from]))
				return false;
			c = rest->data[from];
		} else if (c == '(') {
			depth++;
		} else if (c == ')' && --depth == 0) {
			*data = (struct span){ to, size };
			*rest = span_from(*rest, from + 1);
			return true;
		}
		to[size++] = c;
	}
	return false;
}

static struct span without_quotes(struct span text)
{
	bool quoted = text.size >= 2 && (text.data[0] == '"' || text.data[0] == '\'')
		      && text.data[text.size - 1] == text.data[0];
	return quoted ? span_first(span_from(text, 1), text.size - 2) : text;
}

/* The last binding of a prefix counts; `xml` and `xmlns` cannot be bound. */
static bool add_binding(struct binding *items, size_t *count, struct span data)
{
	struct span uri = data, prefix = span_trim(span_cut(&uri, '='));
	uri = without_quotes(span_trim(uri));
	if (!is_ncname(prefix) || !uri.size)
		return false;
	if (span_equal_text(prefix, "xml") || span_equal_text(prefix, "xmlns"))
		return true;
	size_t i = 0;
	while (i < *count && !span_equal(items[i].prefix, prefix))
		i++;
	items[i] = (struct binding){ prefix, uri };
	if (i == *count)
		++*count;
	return true;
}

static bool read_bindings(struct walk *walk, struct span raw, struct bindings *out)
{
	struct span decoded, name, data;
	size_t most = 0, count = 0;
	if (!decode(walk, raw, &decoded))
		return false;
	for (size_t i = 0; i < decoded.size; i++)
		most += decoded.data[i] == '(';
	if (most > URI_BINDINGS_MAX)
		return refuse(walk, URI_MALFORMED, "too many expressions in the query");
	struct binding *items = arena_alloc(walk->arena, most * sizeof(*items));
	struct span rest = arena_copy(walk->arena, decoded);
	if (!items || !rest.data)
		return no_memory(walk);
	if (has_octet_below(rest, '\t'))
		return refuse(walk, URI_MALFORMED, "a control character in the query");
	for (rest = span_trim(rest); rest.size; rest = span_trim(rest)) {
		if (!cut_pointer_part(&rest, &name, &data))
			return refuse(walk, URI_MALFORMED, "the query is not a list of xmlns()");
		if (span_equal_text(name, "xmlns") && !add_binding(items, &count, data))
			return refuse(walk, URI_MALFORMED, "an xmlns() that binds nothing");
	}
	*out = (struct bindings){ items, count };
	return true;
}

bool uri_bindings(struct arena *arena, struct span raw_query, struct bindings *out)
{
	struct walk walk = { .arena = arena };
	*out = (struct bindings){ NULL, 0 };
	return read_bindings(&walk, raw_query, out);
}

/* --- the whole target --- */

/* How many raw octets at the text's start stand for `wanted`, encoded or not; 0: none. */
static size_t stands_for(struct span text, char wanted, struct span encoded)
{
	if (text.size && text.data[0] != '%')
		return text.data[0] == wanted;
	return span_starts_nocase(text, encoded) ? encoded.size : 0;
}

static bool is_separator(struct span segment)
{
	size_t first = stands_for(segment, '~', SPAN("%7E"));
	size_t second = first ? stands_for(span_from(segment, first), '~', SPAN("%7E")) : 0;
	return second && first + second == segment.size;
}

/* Cuts at the first ~~ segment. False when there is none. */
static bool cut_node(struct span *path, struct span *node)
{
	struct span rest = *path;
	while (rest.data) {
		struct span segment = span_cut(&rest, '/');
		if (!is_separator(segment))
			continue;
		size_t before = (size_t)(segment.data - path->data);
		*path = span_first(*path, before ? before - 1 : 0);
		*node = rest.data ? rest : span_from(segment, segment.size);
		return true;
	}
	return false;
}

/* Is that an encoded question mark and the start of xmlns(..)? */
static bool starts_query(struct span text)
{
	static const struct span start = { "xmlns", 5 };
	struct span after = span_from(text, 3);
	return span_starts_nocase(text, SPAN("%3F")) && span_starts(after, start)
	       && stands_for(span_from(after, start.size), '(', SPAN("%28"));
}

/* Some clients encode the query's question mark: %3Fxmlns(..) outside quotes is the query. */
static void cut_encoded_query(struct span *text, struct span *query)
{
	char quote = 0;
	if (!span_search(*text, SPAN("xmlns"), NULL))
		return;
	for (size_t i = 0; i < text->size; i++) {
		char c = text->data[i];
		if (c != '%' && c != '\'' && c != '"')
			continue;
		struct span here = span_from(*text, i);
		bool single = stands_for(here, '\'', SPAN("%27"));
		if (single || stands_for(here, '"', SPAN("%22"))) {
			char found = single ? '\'' : '"';
			quote = !quote ? found : quote == found ? 0 : quote;
		} else if (!quote && starts_query(here)) {
			*query = span_from(here, 3);
			*text = span_first(*text, i);
			return;
		}
	}
}

/* The path of an origin-form or absolute-form target (RFC 9112 §3.2). */
static bool cut_authority(struct walk *walk, struct span *target)
{
	static const struct span schemes[] = { { "http://", 7 }, { "https://", 8 } };
	for (size_t i = 0; i < 2; i++) {
		if (!span_starts_nocase(*target, schemes[i]))
			continue;
		size_t size = schemes[i].size;
		while (size < target->size && target->data[size] != '/'
			&& target->data[size] != '?')
			size++;
		*target = span_from(*target, size);
		return true;
	}
	if (span_equal_text(*target, "*"))
		return refuse(walk, URI_OUTSIDE, "not below the XCAP root");
	if (!target->size || target->data[0] != '/')
		return refuse(walk, URI_MALFORMED, "not a path");
	return true;
}

/* Leaves what follows the root and its slash; root_path is "/" or has no slash at its end. */
static bool cut_root(struct walk *walk, struct span root_path, struct span *path)
{
	struct span root = span_equal_text(root_path, "/") ? SPAN("") : root_path;
	struct span rest = span_from(*path, root.size);
	if (!span_starts(*path, root) || (rest.size && rest.data[0] != '/'))
		return refuse(walk, URI_OUTSIDE, "not below the XCAP root");
	*path = span_from(rest, 1);
	return true;
}

static bool read_target(struct walk *walk, const struct uri_context *context, struct span target,
	struct target *out)
{
	struct span query;
	if (has_octet_below(target, ' ') || span_find(target, '#', NULL))
		return refuse(walk, URI_MALFORMED,
			"a control character or fragment in the request target");
	if (!cut_authority(walk, &target))
		return false;
	query = target;
	struct span path = span_cut(&query, '?');
	if (!cut_root(walk, context->root_path, &path))
		return false;
	out->has_node = cut_node(&path, &out->node);
	if (out->has_node && !query.data)
		cut_encoded_query(&out->node, &query);
	walk->rest = path;
	walk->plain = !span_find(path, '%', NULL) && utf8_valid(path, NULL);
	if (!read_document(walk, &out->id))
		return false;
	out->whole = out->id.path.size > 0;
	if (!out->has_node)
		return true;
	if (!out->whole)
		return refuse(walk, URI_MALFORMED, "a node selector without a document");
	return !query.size || read_bindings(walk, query, &out->bindings);
}

enum uri_result uri_parse(struct arena *arena, const struct uri_context *context,
	struct span target, struct target *out, const char **why_out)
{
	struct walk walk = { .arena = arena, .default_domain = context->default_domain };
	*out = (struct target){ .whole = false };
	struct span copy = arena_copy(arena, target);
	if (copy.data)
		read_target(&walk, context, copy, out);
	else
		no_memory(&walk);
	*why_out = walk.why;
	return walk.result;
}

/* --- documents by name --- */

/* What a path segment may hold unescaped (RFC 3986 §3.3). */
#define SEGMENT_KEEPS "!$&'()*+,;=:@"

struct span doc_id_text(struct arena *arena, const struct doc_id *id)
{
	struct span auid = percent_encode(arena, id->auid, SEGMENT_KEEPS);
	struct span xui = percent_encode(arena, id->xui, SEGMENT_KEEPS);
	struct span path = percent_encode(arena, id->path, SEGMENT_KEEPS "/");
	if (!auid.data || !xui.data || !path.data)
		return (struct span){ NULL, 0 };
	struct buffer text = { .arena = arena };
	buffer_reserve(&text, auid.size + xui.size + path.size + sizeof("/global//"));
	buffer_append(&text, auid);
	buffer_text(&text, id->tree == TREE_GLOBAL ? "/global/" : "/users/");
	buffer_append(&text, xui);
	if (id->tree == TREE_USERS)
		buffer_octet(&text, '/');
	buffer_append(&text, path);
	return buffer_span(&text);
}

bool doc_id_parse(
	struct arena *arena, struct span text, struct span default_domain, struct doc_id *out)
{
	struct span node, path = arena_copy(arena, text);
	struct walk walk = { .arena = arena, .default_domain = default_domain, .rest = path };
	*out = (struct doc_id){ .tree = TREE_USERS };
	return path.data && !cut_node(&path, &node) && read_document(&walk, out) && out->path.size;
}

bool doc_id_equal(const struct doc_id *a, const struct doc_id *b)
{
	return a->tree == b->tree && span_equal(a->auid, b->auid) && span_equal(a->xui, b->xui)
	       && span_equal(a->path, b->path);
}
