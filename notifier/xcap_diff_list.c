/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/xcap_diff.h"
#include "xcap/scan.h"
#include "xcap/xml.h"

#define LISTS_NAMESPACE "urn:ietf:params:xml:ns:resource-lists"

enum { DEPTH = 64, TAGS = 3 }; /* resource-lists, list, entry */

struct reading {
	struct arena *arena;
	struct span document;
	struct scan scan;
	struct tag tags[TAGS];
	struct span *items;
	size_t count, most;
};

static bool refuse(struct package_answer *answer, unsigned status, const char *why)
{
	answer->status = status;
	answer->why = why;
	return false;
}

/* Is the tag at this depth that element of the lists' namespace? */
static bool is_element(struct reading *reading, size_t depth, const char *name)
{
	struct span prefix, stored, qname = reading->tags[depth - 1].name;
	return qname_ends(qname, span_of(name), &prefix)
	       && scope_find(reading->document, reading->tags, depth, prefix, &stored)
	       && value_equal(stored, SPAN(LISTS_NAMESPACE));
}

static bool is_listed(const struct reading *reading, struct span uri)
{
	for (size_t i = 0; i < reading->count; i++)
		if (span_equal(reading->items[i], uri))
			return true;
	return false;
}

static bool add_entry(struct reading *reading, struct package_answer *answer)
{
	struct attribute attribute;
	struct span uri;
	size_t at = 0;
	while (scan_attribute(reading->document, &reading->tags[TAGS - 1], &at, &attribute)) {
		if (!span_equal(attribute.name, SPAN("uri")))
			continue;
		if (!value_decode(reading->arena, attribute.value, &uri))
			return refuse(answer, 400, "an entry's uri cannot be read");
		if (is_listed(reading, uri))
			return true;
		if (reading->count == reading->most)
			return refuse(answer, 413, "more entries than one subscription may have");
		reading->items[reading->count++] = uri;
	}
	return true;
}

/* One tag within the root; depth is that of the elements that are open. */
static bool read_tag(struct reading *reading, size_t *depth, const struct tag *tag,
	struct package_answer *answer)
{
	static const char *const names[TAGS] = { "resource-lists", "list", "entry" };
	size_t here = *depth + 1;
	reading->tags[here - 1] = *tag;
	bool ours = is_element(reading, here, names[here - 1]);
	if (here == TAGS && ours && !add_entry(reading, answer))
		return false;
	if (tag->empty)
		return true;
	if (ours && here < TAGS)
		*depth = here;
	else if (!scan_skip(&reading->scan, NULL))
		return refuse(answer, 400, "the list cannot be read");
	return true;
}

/* Entries of lists of the root, and nothing else (RFC 5875 §4.4). */
static bool read_all(struct reading *reading, struct package_answer *answer)
{
	struct tag tag;
	size_t depth = 0;
	for (;;) {
		switch (scan_next(&reading->scan, &tag)) {
		case SCAN_OPEN:
			if (!read_tag(reading, &depth, &tag, answer))
				return false;
			if (!depth && !is_element(reading, 1, "resource-lists"))
				return refuse(answer, 400, "the body is no list of resources");
			break;
		case SCAN_CLOSE:
			depth -= depth > 0;
			break;
		case SCAN_END:
			return true;
		case SCAN_BROKEN:
			return refuse(answer, 400, "the list cannot be read");
		}
	}
}

bool diff_list_read(struct notifier *notifier, struct arena *arena, struct span body,
	struct diff_list *out, struct package_answer *answer)
{
	const struct xml_limits limits = { .depth = DEPTH, .attributes = XML_ATTRIBUTES_MOST };
	struct conflict why = { .arena = arena };
	struct xml_document *document;
	struct reading reading = {
		.arena = arena,
		.document = body,
		.scan = { .document = body },
		.most = (size_t)notifier->settings->notifier.max_entries,
	};
	if (!xml_parse(&document, body, &limits, &why))
		return refuse(answer, why.kind ? 400 : 503, "the list is not well-formed");
	xml_free(&document);
	reading.items = arena_alloc(arena, (reading.most + 1) * sizeof(*reading.items));
	if (!reading.items)
		return refuse(answer, 503, "no memory");
	if (!read_all(&reading, answer))
		return false;
	*out = (struct diff_list){ reading.items, reading.count };
	return true;
}
