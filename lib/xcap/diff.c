/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/diff.h"

#include "xcap/namespaces.h"

#include <assert.h>
#include <stdio.h>

/* --- tags of the diff namespace --- */

static bool binds(const struct bindings *declared, const char *prefix)
{
	for (size_t i = 0; declared && i < declared->count; i++)
		if (span_equal_text(declared->items[i].prefix, prefix))
			return true;
	return false;
}

/* xml is bound anyway, and no prefix can be taken back. */
static bool can_declare(const struct binding *binding)
{
	return !span_equal(binding->prefix, SPAN("xml"))
	       && (binding->uri.size || !binding->prefix.size);
}

static void declare(struct buffer *to, struct span prefix, struct span uri)
{
	buffer_text(to, prefix.size ? " xmlns:" : " xmlns");
	buffer_append(to, prefix);
	buffer_text(to, "=\"");
	buffer_xml(to, uri);
	buffer_octet(to, '"');
}

void diff_tag_open(struct buffer *to, struct diff_tag *tag, const struct bindings *declared)
{
	snprintf(tag->prefix, sizeof(tag->prefix), "%s", DIFF_PREFIX);
	bool own = binds(declared, tag->prefix);
	for (unsigned i = 0; binds(declared, tag->prefix); i++)
		snprintf(tag->prefix, sizeof(tag->prefix), "%s%u", DIFF_PREFIX, i);
	buffer_format(to, "<%s:%s", tag->prefix, tag->name);
	if (own)
		declare(to, span_of(tag->prefix), SPAN(DIFF_NAMESPACE));
	for (size_t i = 0; declared && i < declared->count; i++)
		if (can_declare(&declared->items[i]))
			declare(to, declared->items[i].prefix, declared->items[i].uri);
}

void diff_tag_close(struct buffer *to, const struct diff_tag *tag)
{
	buffer_format(to, "</%s:%s>", tag->prefix, tag->name);
}

void diff_tag_attribute(struct buffer *to, const char *name, struct span value)
{
	buffer_format(to, " %s=\"", name);
	buffer_xml(to, value);
	buffer_octet(to, '"');
}

/* --- the body --- */

/* "<document", "<d:document" */
static void open_item(struct diff_writer *diff, const char *name)
{
	buffer_format(&diff->body, diff->plain ? "<%s" : "<" DIFF_PREFIX ":%s", name);
}

static void close_item(struct diff_writer *diff, const char *name)
{
	buffer_format(&diff->body, diff->plain ? "</%s>\n" : "</" DIFF_PREFIX ":%s>\n", name);
}

static void write_etag(struct diff_writer *diff, const char *name, struct etag etag)
{
	char text[ETAG_TEXT_MAX];
	if (etag.number)
		diff_tag_attribute(&diff->body, name, (struct span){ text, etag_text(etag, text) });
}

void diff_begin(struct diff_writer *diff, struct arena *arena, struct span xcap_root, bool plain)
{
	*diff = (struct diff_writer){ .body = { .arena = arena }, .plain = plain };
	buffer_text(&diff->body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	open_item(diff, "xcap-diff");
	declare(&diff->body, plain ? SPAN("") : SPAN(DIFF_PREFIX), SPAN(DIFF_NAMESPACE));
	buffer_text(&diff->body, " xcap-root=\"");
	buffer_xml(&diff->body, xcap_root);
	buffer_text(&diff->body, span_ends(xcap_root, SPAN("/")) ? "\">\n" : "/\">\n");
}

void diff_document(struct diff_writer *diff, struct span sel, struct etag previous, struct etag now,
	struct span patch, bool body_not_changed)
{
	struct buffer *to = &diff->body;
	assert(!patch.size || (!diff->plain && !body_not_changed && previous.number && now.number));
	open_item(diff, "document");
	write_etag(diff, "new-etag", now);
	diff_tag_attribute(to, "sel", sel);
	write_etag(diff, "previous-etag", previous);
	if (!patch.size && !body_not_changed) {
		buffer_text(to, "/>\n");
		return;
	}
	buffer_octet(to, '>');
	buffer_append(to, patch);
	if (body_not_changed) {
		open_item(diff, "body-not-changed");
		buffer_text(to, "/>");
	}
	close_item(diff, "document");
}

/* <element sel=".."/> is there but too large, exists="false" is not there. */
static void write_childless(
	struct diff_writer *diff, const char *name, struct span sel, bool exists)
{
	open_item(diff, name);
	diff_tag_attribute(&diff->body, "sel", sel);
	buffer_text(&diff->body, exists ? "/>\n" : " exists=\"false\"/>\n");
}

void diff_element(struct diff_writer *diff, struct span sel, bool exists, struct span octets,
	const struct bindings *in_scope)
{
	struct diff_tag tag = { .name = "element" };
	if (!exists || !octets.size) {
		write_childless(diff, tag.name, sel, exists);
		return;
	}
	assert(!diff->plain);
	diff_tag_open(&diff->body, &tag, in_scope);
	diff_tag_attribute(&diff->body, "sel", sel);
	buffer_octet(&diff->body, '>');
	buffer_append(&diff->body, octets);
	diff_tag_close(&diff->body, &tag);
	buffer_octet(&diff->body, '\n');
}

void diff_attribute(struct diff_writer *diff, struct span sel, bool exists, struct span value,
	const struct bindings *sel_bindings)
{
	struct diff_tag tag = { .name = "attribute" };
	if (!exists) {
		write_childless(diff, tag.name, sel, exists);
		return;
	}
	if (diff->plain)
		open_item(diff, tag.name);
	else
		diff_tag_open(&diff->body, &tag, sel_bindings);
	diff_tag_attribute(&diff->body, "sel", sel);
	buffer_octet(&diff->body, '>');
	buffer_xml(&diff->body, value);
	if (diff->plain)
		buffer_format(&diff->body, "</%s>", tag.name);
	else
		diff_tag_close(&diff->body, &tag);
	buffer_octet(&diff->body, '\n');
}

struct span diff_end(struct diff_writer *diff)
{
	close_item(diff, "xcap-diff");
	return buffer_span(&diff->body);
}

struct span diff_sel(struct arena *arena, const struct doc_id *id)
{
	return doc_id_text(arena, id);
}

/* --- what is told of an element --- */

static struct span prefix_of(struct span name)
{
	size_t colon;
	return span_first(name, span_find(name, ':', &colon) ? colon : 0);
}

/* Marks the declaration of that prefix, if it is in scope: they are sorted by it. */
static void mark(const struct declarations *scope, bool *used, struct span prefix)
{
	size_t low = 0, high = scope->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = span_compare(scope->items[middle].prefix, prefix);
		used[middle] |= !order;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
}

/* An unprefixed attribute has no namespace. */
static void mark_names(struct span octets, const struct declarations *scope, bool *used)
{
	struct scan scan = { .document = octets };
	struct attribute attribute;
	struct tag tag;
	for (enum scan_event event; (event = scan_next(&scan, &tag)) < SCAN_END;) {
		if (event != SCAN_OPEN)
			continue;
		mark(scope, used, prefix_of(tag.name));
		for (size_t at = 0; scan_attribute(octets, &tag, &at, &attribute);)
			if (prefix_of(attribute.name).size)
				mark(scope, used, prefix_of(attribute.name));
	}
}

bool diff_scope(struct arena *arena, struct span octets, const struct trail *trail, size_t depth,
	struct bindings *out)
{
	struct declarations scope;
	*out = (struct bindings){ NULL, 0 };
	if (!namespaces_in_scope(arena, trail, depth, &scope))
		return false;
	bool *used = arena_zero(arena, scope.count);
	struct binding *items = arena_alloc(arena, scope.count * sizeof(*items));
	if (!used || !items)
		return false;
	mark_names(octets, &scope, used);
	for (size_t i = 0; i < scope.count; i++) {
		if (!used[i])
			continue;
		items[out->count].prefix = scope.items[i].prefix;
		if (!value_decode(arena, scope.items[i].stored, &items[out->count++].uri))
			return false;
	}
	out->items = items;
	return true;
}

bool diff_find(struct arena *arena, const struct selector *selector, struct span document,
	struct diff_part *out)
{
	struct found found;
	struct trail trail;
	*out = (struct diff_part){ .exists = false };
	if (!selector_find(selector, document, &found))
		return false;
	if (found.count != 1)
		return true;
	out->exists = true;
	out->octets = found_octets(&found, document);
	if (selector_terminal(selector) == SELECTOR_ATTRIBUTE)
		return value_decode(arena, out->octets, &out->octets);
	return selector_walk(selector, document, selector->count - 1, &trail)
	       && diff_scope(arena, out->octets, &trail, trail.depth, &out->in_scope);
}
