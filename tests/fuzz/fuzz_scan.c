/* links: base xcap */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Any octets through the scanner: nothing is read outside them, events come in order, and what is
 * told lies inside. What the judge takes is never broken. */
#include "xcap/scan.h"
#include "xcap/xml.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static bool within(struct span part, struct span whole)
{
	return part.data >= whole.data && part.data + part.size <= whole.data + whole.size;
}

static void read_attributes(struct arena *arena, struct span document, const struct tag *tag)
{
	struct attribute attribute;
	struct span decoded, prefix;
	bool declares = false;
	size_t before = tag->start;
	for (size_t at = 0; scan_attribute(document, tag, &at, &attribute);) {
		require(attribute.start > before && attribute.end < tag->end);
		require(within(attribute.name, document) && within(attribute.value, document));
		before = attribute.end - 1;
		declares |= attribute_declares(&attribute, &prefix);
		bool legal = value_legal(attribute.value, NULL);
		require(value_decode(arena, attribute.value, &decoded) == legal);
		require(!legal || value_equal(attribute.value, decoded));
	}
	require(declares == tag->declares);
}

/* True: every event was fine. */
static bool scan_all(struct arena *arena, struct span document)
{
	struct scan scan = { .document = document };
	struct tag tag;
	struct span stored;
	enum scan_event event;
	size_t before = 0, end, opened = 0, closed = 0;
	while ((event = scan_next(&scan, &tag)) == SCAN_OPEN || event == SCAN_CLOSE) {
		require(tag.start >= before && tag.end > tag.start && tag.end == scan.at);
		require(tag.end <= document.size && tag.name.size && within(tag.name, document));
		before = tag.end;
		opened += event == SCAN_OPEN && !tag.empty;
		closed += event == SCAN_CLOSE;
		if (event == SCAN_CLOSE)
			continue;
		read_attributes(arena, document, &tag);
		if (scan_element_end(document, &tag, &end))
			require(end >= tag.end && end <= document.size);
		require(scope_find(document, &tag, 1, SPAN(""), &stored));
		scope_find(document, &tag, 1, SPAN("p"), &stored);
	}
	return event == SCAN_END && opened == closed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct xml_limits limits = { 64, 256, 0 };
	struct arena *arena = arena_new(16 * 1024);
	char *octets =
		malloc(size + 1); /* of that size, so that a sanitizer sees each step too far */
	if (!arena || !octets || size > 16 * 1024) {
		arena_free(&arena);
		free(octets);
		return 0;
	}
	memcpy(octets, data, size);
	octets = realloc(octets, size ? size : 1);
	struct span document = { octets, size };
	struct conflict why = { .arena = arena };
	struct xml_document *judged;
	bool scanned = scan_all(arena, document);
	if (xml_parse(&judged, document, &limits, &why))
		require(scanned);
	xml_free(&judged);
	arena_free(&arena);
	free(octets);
	return 0;
}
