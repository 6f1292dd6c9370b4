/* links: base xcap */
/* SPDX-License-Identifier: BSD-2-Clause */
/* A node selector, a NUL, a body, a NUL, then a document: put and deleted. If the document is a
 * good one, so is what comes out; the selector then chooses what was put, and nothing after a
 * deletion; all the rest is as it was. Putting twice is putting once. */
#include "xcap/edit.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct binding bound[] = { { { "p", 1 }, { "urn:p", 5 } },
	{ { "q", 1 }, { "urn:q", 5 } } };
static const struct bindings bindings = { bound, 2 };
static const struct xml_limits limits = { 256, 256, 0 };

static void require(bool condition)
{
	if (!condition)
		abort();
}

static bool is_good(struct arena *arena, struct span document)
{
	struct conflict why = { .arena = arena };
	struct xml_document *judged;
	bool good = xml_parse(&judged, document, &limits, &why);
	xml_free(&judged);
	return good;
}

/* Too small for any limit of depth or attributes: an edit may well go past one. */
static bool is_modest(struct span document)
{
	size_t tags = 0, values = 0;
	for (size_t i = 0; i < document.size; i++) {
		tags += document.data[i] == '<';
		values += document.data[i] == '=';
	}
	return tags < 200 && values < 200;
}

/* How many octets they have in common at both ends must cover all of the shorter one but the cut.
 */
static void same_around(struct span before, struct span after, size_t cut)
{
	size_t head = 0, tail = 0;
	while (head < before.size && head < after.size && before.data[head] == after.data[head])
		head++;
	while (tail < before.size && tail < after.size
		&& before.data[before.size - tail - 1] == after.data[after.size - tail - 1])
		tail++;
	require(head + tail + cut >= before.size);
}

static void put(struct arena *arena, const struct selector *selector, struct span document,
	struct span body, bool good)
{
	struct conflict why = { .arena = arena };
	struct edit_result first, second;
	struct found old, found;
	if (!edit_put(arena, selector, document, body, &limits, &first, &why)) {
		require(why.kind != CONFLICT_NONE || !good);
		return;
	}
	require(selector_find(selector, first.document, &found) && found.count == 1);
	require(span_equal(found_octets(&found, first.document), first.component));
	if (!good)
		return;
	require(is_good(arena, first.document) || !is_modest(first.document));
	require(selector_find(selector, document, &old));
	require((old.count == 1) == !first.created);
	same_around(document, first.document, first.created ? 2 : old.whole_end - old.whole_start);
	require(edit_put(arena, selector, first.document, body, &limits, &second, &why));
	require(!second.created && span_equal(second.document, first.document));
}

static void take_out(
	struct arena *arena, const struct selector *selector, struct span document, bool good)
{
	struct conflict why = { .arena = arena };
	struct edit_result result;
	struct found found;
	bool absent;
	if (!edit_delete(arena, selector, document, &result, &why, &absent)) {
		require(absent || why.kind == CONFLICT_CANNOT_DELETE || !good);
		return;
	}
	require(selector_find(selector, result.document, &found) && !found.count);
	if (good)
		require(is_good(arena, result.document));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(16 * 1024);
	struct span rest = { (const char *)data, size }, none = { "", 0 };
	struct selector *selector;
	const char *why;
	if (arena && size && size < 16 * 1024) {
		struct span node = span_cut(&rest, '\0');
		struct span body = rest.data ? span_cut(&rest, '\0') : none;
		struct span document = arena_copy(arena, rest.data ? rest : none);
		if (selector_parse(arena, node, &bindings, SPAN("urn:p"), &selector, &why)
				== SELECTOR_OK
			&& selector_terminal(selector) != SELECTOR_NAMESPACES) {
			bool good = is_good(arena, document);
			put(arena, selector, document, body, good);
			take_out(arena, selector, document, good);
		}
	}
	arena_free(&arena);
	return 0;
}
