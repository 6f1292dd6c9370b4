/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/namespaces.h"

#include <stdlib.h>

/* Sorted, the innermost of one prefix comes last. */
struct ranked {
	struct declaration declaration;
	size_t rank;
};

static int by_prefix(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;
	int order = span_compare(a->declaration.prefix, b->declaration.prefix);
	return order ? order : a->rank < b->rank ? -1 : a->rank > b->rank;
}

/* Into `ranked` unless that is NULL; returns how many there are. */
static size_t collect(const struct trail *trail, size_t depth, struct ranked *ranked)
{
	struct attribute attribute;
	struct span prefix;
	size_t count = 0;
	for (size_t i = 0; i < depth; i++) {
		const struct tag *tag = &trail->tags[i];
		for (size_t at = 0;
			tag->declares && scan_attribute(trail->document, tag, &at, &attribute);) {
			if (!attribute_declares(&attribute, &prefix))
				continue;
			if (ranked)
				ranked[count] =
					(struct ranked){ { prefix, attribute.value }, count };
			count++;
		}
	}
	return count;
}

static bool is_wanted(const struct declaration *declaration)
{
	return declaration->stored.size && !span_equal(declaration->prefix, SPAN("xml"));
}

bool namespaces_in_scope(
	struct arena *arena, const struct trail *trail, size_t depth, struct declarations *out)
{
	size_t all = collect(trail, depth, NULL), count = 0;
	struct ranked *ranked = arena_alloc(arena, all * sizeof(*ranked));
	struct declaration *kept = arena_alloc(arena, all * sizeof(*kept));
	*out = (struct declarations){ kept, 0 };
	if (!ranked || !kept)
		return false;
	collect(trail, depth, ranked);
	qsort(ranked, all, sizeof(*ranked), by_prefix);
	for (size_t i = 0; i < all; i++) {
		const struct declaration *this = &ranked[i].declaration;
		bool innermost =
			i + 1 == all || !span_equal(this->prefix, ranked[i + 1].declaration.prefix);
		if (innermost && is_wanted(this))
			kept[count++] = *this;
	}
	out->count = count;
	return true;
}

bool selector_namespaces(struct arena *arena, const struct selector *selector, struct span document,
	struct span *body_out)
{
	struct trail trail;
	struct declarations scope;
	struct buffer body = { .arena = arena };
	*body_out = (struct span){ NULL, 0 };
	if (!selector_walk(selector, document, selector->count, &trail))
		return false;
	if (trail.count != 1)
		return true;
	if (!namespaces_in_scope(arena, &trail, trail.depth, &scope))
		return false;
	buffer_octet(&body, '<');
	buffer_append(&body, trail.tags[trail.depth - 1].name);
	for (size_t i = 0; i < scope.count; i++) {
		const struct declaration *item = &scope.items[i];
		buffer_text(&body, item->prefix.size ? " xmlns:" : " xmlns");
		buffer_append(&body, item->prefix);
		buffer_octet(&body, '=');
		buffer_append(&body, (struct span){ item->stored.data - 1, item->stored.size + 2 });
	}
	buffer_text(&body, "/>");
	*body_out = buffer_span(&body);
	return body_out->data != NULL;
}
