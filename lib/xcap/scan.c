/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/scan.h"

#include <string.h>

enum { SPACE = 1, NAME_STOP = 2, TAG_STOP = 4 };

static const unsigned char kinds[256] = {
	['\t'] = SPACE | NAME_STOP,
	['\n'] = SPACE | NAME_STOP,
	['\r'] = SPACE | NAME_STOP,
	[' '] = SPACE | NAME_STOP,
	['/'] = NAME_STOP,
	['='] = NAME_STOP,
	['<'] = NAME_STOP | TAG_STOP,
	['>'] = NAME_STOP | TAG_STOP,
	['"'] = NAME_STOP | TAG_STOP,
	['\''] = NAME_STOP | TAG_STOP,
};

static bool is_kind(char c, int kind)
{
	return kinds[(unsigned char)c] & kind;
}

static const char *past_space(const char *p, const char *end)
{
	while (p < end && is_kind(*p, SPACE))
		p++;
	return p;
}

static const char *past_name(const char *p, const char *end)
{
	while (p < end && !is_kind(*p, NAME_STOP))
		p++;
	return p;
}

/* Reads `name = "value"` at p; NULL when it is not there. */
static const char *read_attribute(
	const char *p, const char *end, struct span *name_out, struct span *value_out)
{
	const char *name = p;
	p = past_name(p, end);
	*name_out = (struct span){ name, (size_t)(p - name) };
	p = past_space(p, end);
	if (p == end || *p != '=' || !name_out->size)
		return NULL;
	p = past_space(p + 1, end);
	if (p == end || (*p != '"' && *p != '\''))
		return NULL;
	const char *value = p + 1, *close = memchr(value, *p, (size_t)(end - value));
	if (!close)
		return NULL;
	*value_out = (struct span){ value, (size_t)(close - value) };
	return close + 1;
}

static bool starts_xmlns(struct span name)
{
	return name.size >= 5 && name.data[0] == 'x' && !memcmp(name.data, "xmlns", 5)
	       && (name.size == 5 || name.data[5] == ':');
}

/* The tag's name was read: to past '>', NULL when that is not how a tag goes on. */
static const char *read_attributes(const struct scan *scan, struct tag *tag)
{
	const char *data = scan->document.data, *end = data + scan->document.size;
	const char *p = tag->name.data + tag->name.size;
	for (;;) {
		struct span name, value, prefix;
		p = past_space(p, end);
		if (p < end && *p == '>')
			return p + 1;
		if (end - p >= 2 && p[0] == '/' && p[1] == '>') {
			tag->empty = true;
			return p + 2;
		}
		p = read_attribute(p, end, &name, &value);
		if (!p)
			return NULL;
		tag->declares |= starts_xmlns(name);
		if (scan->watch.size && !tag->watched.end && qname_ends(name, scan->watch, &prefix))
			tag->watched = (struct attribute){ (size_t)(name.data - data),
				(size_t)(p - data), name, value };
	}
}

static void begin_tag(const struct scan *scan, const char *name, struct tag *tag)
{
	const char *end = scan->document.data + scan->document.size;
	tag->start = scan->at;
	tag->name = (struct span){ name, (size_t)(past_name(name, end) - name) };
	tag->empty = tag->declares = false;
	tag->watched = (struct attribute){ 0 };
}

static enum scan_event read_open(struct scan *scan, struct tag *tag)
{
	const char *data = scan->document.data;
	begin_tag(scan, data + scan->at + 1, tag);
	const char *p = read_attributes(scan, tag);
	if (!p || !tag->name.size)
		return SCAN_BROKEN;
	tag->end = scan->at = (size_t)(p - data);
	return SCAN_OPEN;
}

static enum scan_event read_close(struct scan *scan, struct tag *tag)
{
	const char *data = scan->document.data, *end = data + scan->document.size;
	begin_tag(scan, data + scan->at + 2, tag);
	const char *p = past_space(tag->name.data + tag->name.size, end);
	if (!tag->name.size || p == end || *p != '>')
		return SCAN_BROKEN;
	tag->end = scan->at = (size_t)(p + 1 - data);
	return SCAN_CLOSE;
}

/* To past the next `closing`, which is looked for `opening` octets on. */
static bool skip_past(struct scan *scan, size_t opening, struct span closing)
{
	size_t found, from = scan->at + opening;
	if (!span_search(span_from(scan->document, from), closing, &found))
		return false;
	scan->at = from + found + closing.size;
	return true;
}

/* At "<!" or "<?". */
static bool skip_other(struct scan *scan)
{
	struct span here = span_from(scan->document, scan->at);
	if (span_starts(here, SPAN("<!--")))
		return skip_past(scan, 4, SPAN("-->"));
	if (span_starts(here, SPAN("<![CDATA[")))
		return skip_past(scan, 9, SPAN("]]>"));
	return span_starts(here, SPAN("<?")) && skip_past(scan, 2, SPAN("?>"));
}

/* Moves to the next '<' and says what follows it; 0: there is none. */
static char next_markup(struct scan *scan)
{
	size_t size = scan->document.size;
	const char *data = scan->document.data;
	const char *open = scan->at < size ? memchr(data + scan->at, '<', size - scan->at) : NULL;
	scan->at = open ? (size_t)(open - data) : size;
	return size - scan->at >= 2 ? open[1] : 0;
}

enum scan_event scan_next(struct scan *scan, struct tag *tag_out)
{
	for (;;) {
		char next = next_markup(scan);
		if (next == '/')
			return read_close(scan, tag_out);
		if (!next)
			return scan->at == scan->document.size ? SCAN_END : SCAN_BROKEN;
		if (next != '!' && next != '?')
			return read_open(scan, tag_out);
		if (!skip_other(scan))
			return SCAN_BROKEN;
	}
}

/* To the next TAG_STOP. Eight octets at a time: or'ed with 2 only '<' and '>' are '>', with 5 the
 * two quotes are '\'' (and '#' and '&', which are no stops). */
static const char *past_plain(const char *p, const char *end)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	for (; end - p >= 8; p += 8) {
		uint64_t eight;
		memcpy(&eight, p, 8);
		uint64_t found =
			octets_are(eight | ones * 2, '>') | octets_are(eight | ones * 5, '\'');
		if (found) {
			p += octets_before(found);
			break;
		}
	}
	while (p < end && !is_kind(*p, TAG_STOP))
		p++;
	return p;
}

/* At a start tag: past it, looking at nothing but its quotes. */
static bool skip_open(struct scan *scan, bool *empty_out)
{
	const char *data = scan->document.data, *end = data + scan->document.size;
	const char *p = data + scan->at + 1;
	for (;; p++) {
		p = past_plain(p, end);
		if (p == end || *p == '<')
			return false;
		if (*p == '>')
			break;
		p = memchr(p + 1, *p, (size_t)(end - p - 1));
		if (!p)
			return false;
	}
	*empty_out = p[-1] == '/';
	scan->at = (size_t)(p + 1 - data);
	return true;
}

/* At "</": past it. */
static bool skip_close(struct scan *scan)
{
	const char *data = scan->document.data;
	const char *p = memchr(data + scan->at, '>', scan->document.size - scan->at);
	scan->at = p ? (size_t)(p + 1 - data) : scan->at;
	return p;
}

/* Past whatever it is that begins at scan->at with '<' and `next`, other than an end tag. */
static bool skip_piece(struct scan *scan, char next, bool *empty_out)
{
	*empty_out = true;
	if (next == '!' || next == '?')
		return skip_other(scan);
	return next && skip_open(scan, empty_out);
}

/* Past "</" of an end tag: no '<' can be in the rest of it, so the next one is what follows. */
static void pass_close(struct scan *scan)
{
	scan->at += 2;
}

bool scan_skip(struct scan *scan, size_t *close_out)
{
	for (size_t depth = 1;;) {
		bool empty;
		char next = next_markup(scan);
		if (next == '/') {
			if (!--depth)
				break;
			pass_close(scan);
		} else {
			if (!skip_piece(scan, next, &empty))
				return false;
			depth += !empty;
		}
	}
	if (close_out)
		*close_out = scan->at;
	return skip_close(scan);
}

bool scan_pass(struct scan *scan, size_t until)
{
	for (size_t depth = 1;;) {
		bool empty;
		char next = next_markup(scan);
		size_t start = scan->at;
		if (next == '/') {
			if (!--depth)
				return true;
			pass_close(scan);
			continue;
		}
		if (!skip_piece(scan, next, &empty))
			return false;
		if (depth == 1 && scan->at > until) {
			scan->at = start;
			return true;
		}
		depth += !empty;
	}
}

bool scan_element_end(struct span document, const struct tag *tag, size_t *end_out)
{
	struct scan scan = { .document = document, .at = tag->end };
	bool whole = tag->empty || scan_skip(&scan, NULL);
	*end_out = scan.at;
	return whole;
}

bool scan_attribute(
	struct span document, const struct tag *tag, size_t *at, struct attribute *attribute_out)
{
	const char *data = document.data, *end = data + tag->end;
	const char *p = data + (*at ? *at : tag->start + 1 + tag->name.size);
	p = past_space(p, end);
	const char *past = read_attribute(p, end, &attribute_out->name, &attribute_out->value);
	if (!past)
		return false;
	attribute_out->start = (size_t)(p - data);
	attribute_out->end = *at = (size_t)(past - data);
	return true;
}

bool attribute_declares(const struct attribute *attribute, struct span *prefix_out)
{
	if (!starts_xmlns(attribute->name))
		return false;
	*prefix_out = span_from(attribute->name, attribute->name.size == 5 ? 5 : 6);
	return true;
}

bool tag_declares(
	struct span document, const struct tag *tag, struct span prefix, struct span *stored_out)
{
	struct attribute attribute;
	struct span declared;
	for (size_t at = 0; scan_attribute(document, tag, &at, &attribute);) {
		if (attribute_declares(&attribute, &declared) && span_equal(declared, prefix)) {
			*stored_out = attribute.value;
			return true;
		}
	}
	return false;
}

bool scope_find(struct span document, const struct tag *tags, size_t depth, struct span prefix,
	struct span *stored_out)
{
	if (span_equal(prefix, SPAN("xml"))) {
		*stored_out = SPAN(XML_NAMESPACE);
		return true;
	}
	while (depth--)
		if (tags[depth].declares
			&& tag_declares(document, &tags[depth], prefix, stored_out))
			return true;
	*stored_out = SPAN("");
	return !prefix.size;
}
