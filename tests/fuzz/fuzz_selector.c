/* links: base xcap */
/* SPDX-License-Identifier: BSD-2-Clause */
/* A node selector, a NUL, then a document (which need not be one): parsed and evaluated without a
 * crash; what is found lies inside; a prefix of a selector is a selector with so many steps. */
#include "xcap/namespaces.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct binding bound[] = { { { "p", 1 }, { "urn:p", 5 } },
	{ { "q", 1 }, { "urn:q", 5 } } };
static const struct bindings bindings = { bound, 2 };

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_prefixes(struct arena *arena, const struct selector *selector)
{
	struct selector *again;
	const char *why;
	for (size_t steps = 1; steps <= selector->count && steps < 20; steps++) {
		struct span prefix = selector_prefix(arena, selector, steps);
		require(selector_parse(arena, prefix, &bindings, SPAN("urn:p"), &again, &why)
			== SELECTOR_OK);
		require(again->count == steps && again->terminal == SELECTOR_ELEMENT);
	}
}

static void evaluate(struct arena *arena, const struct selector *selector, struct span document)
{
	struct found found;
	struct span body;
	if (!selector_find(selector, document, &found) || found.count != 1)
		return;
	require(found.whole_start <= found.start && found.start <= found.end);
	require(found.end <= found.whole_end && found.whole_end <= document.size);
	if (selector_terminal(selector) == SELECTOR_ATTRIBUTE)
		require(found.whole_end == found.end + 1);
	else
		require(document.data[found.start] == '<' && document.data[found.end - 1] == '>');
	require(selector_namespaces(arena, selector, document, &body) && body.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(16 * 1024);
	struct span all = { (const char *)data, size }, rest = all;
	struct span node = size ? span_cut(&rest, '\0') : all;
	char *document = malloc(rest.size ? rest.size : 1);
	struct selector *selector;
	const char *why;
	if (arena && document && size < 16 * 1024) {
		if (rest.size)
			memcpy(document, rest.data, rest.size);
		enum selector_result result =
			selector_parse(arena, node, &bindings, SPAN("urn:p"), &selector, &why);
		require((result == SELECTOR_OK) == (selector != NULL) && !why == !!selector);
		if (selector) {
			check_prefixes(arena, selector);
			evaluate(arena, selector, (struct span){ document, rest.size });
		}
	}
	free(document);
	arena_free(&arena);
	return 0;
}
