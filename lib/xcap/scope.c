/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/scope.h"

#include <string.h>

void scope_begin(struct scope *scope)
{
	scope->count = 0;
	scope->full = false;
}

/* Any order will do; this one is quick. */
static int compare(struct span a, struct span b)
{
	if (a.size != b.size)
		return a.size < b.size ? -1 : 1;
	return a.size ? memcmp(a.data, b.data, a.size) : 0;
}

/* How many come before declaration number `index` of that prefix. */
static size_t rank_of(const struct scope *scope, struct span prefix, size_t index)
{
	size_t low = 0, high = scope->count;
	while (low < high) {
		size_t middle = (low + high) / 2, there = scope->sorted[middle];
		int order = compare(scope->items[there].prefix, prefix);
		if (order < 0 || (!order && there < index))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void add(struct scope *scope, struct span prefix, struct span stored)
{
	if (scope->count == SCOPE_MAX) {
		scope->full = true;
		return;
	}
	size_t at = rank_of(scope, prefix, scope->count);
	uint16_t *place = &scope->sorted[at];
	memmove(place + 1, place, (scope->count - at) * sizeof(*place));
	*place = (uint16_t)scope->count;
	scope->items[scope->count].prefix = prefix;
	scope->items[scope->count++].stored = stored;
}

void scope_enter(struct scope *scope, struct span document, const struct tag *tag)
{
	struct attribute attribute;
	struct span prefix;
	for (size_t at = 0; tag->declares && scan_attribute(document, tag, &at, &attribute);)
		if (attribute_declares(&attribute, &prefix))
			add(scope, prefix, attribute.value);
}

bool scope_declares(
	const struct scope *scope, size_t in_scope, struct span prefix, size_t *index_out)
{
	size_t rank = rank_of(scope, prefix, in_scope);
	if (!rank)
		return false;
	*index_out = scope->sorted[rank - 1];
	return span_equal(scope->items[*index_out].prefix, prefix);
}

bool scope_means(
	const struct scope *scope, size_t in_scope, struct span prefix, struct meaning *meaning)
{
	size_t index;
	if (span_equal(prefix, SPAN("xml")))
		return span_equal(meaning->space, SPAN(XML_NAMESPACE));
	if (!scope_declares(scope, in_scope, prefix, &index))
		return !prefix.size && !meaning->space.size;
	uint64_t bit = UINT64_C(1) << index % 64;
	if (!(meaning->asked[index / 64] & bit)) {
		meaning->asked[index / 64] |= bit;
		if (value_equal(scope->items[index].stored, meaning->space))
			meaning->same[index / 64] |= bit;
	}
	return meaning->same[index / 64] & bit;
}
