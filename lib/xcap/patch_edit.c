/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/patch_private.h"

/* The edit on both versions. */
struct edited {
	struct arena *arena;
	const struct selector *selector;
	struct span former, now;
	struct found old, new;
	struct trail trail; /* to the parent in the version that has the component, or had it */
};

/* Nothing but the octets from start to end_ (of the one) has become those of the other. */
static bool same_around(const struct edited *edited, size_t old_start, size_t old_end,
	size_t new_start, size_t new_end)
{
	return span_equal(span_first(edited->former, old_start), span_first(edited->now, new_start))
	       && span_equal(span_from(edited->former, old_end), span_from(edited->now, new_end));
}

/* --- selectors --- */

/* The element that begins there is the nth of those around it, whose content begins at `from`. */
static size_t position_at(struct span document, size_t from, size_t start)
{
	struct scan scan = { .document = document, .at = from };
	struct tag tag;
	size_t position = 0;
	while (scan.at <= start && scan_next(&scan, &tag) == SCAN_OPEN) {
		position++;
		if (tag.start >= start || (!tag.empty && !scan_skip(&scan, NULL)))
			break;
	}
	return position;
}

void patch_path(struct buffer *to, const struct trail *trail, size_t depth)
{
	buffer_octet(to, '*');
	for (size_t i = 1; i < depth; i++)
		buffer_format(to, "/*[%zu]",
			position_at(trail->document, trail->tags[i - 1].end, trail->tags[i].start));
}

/* --- elements --- */

struct place {
	const char *pos;
	size_t sibling; /* 0: the parent */
};

/* Where the new element stands, said by its neighbours; 0 octets may be between. */
static bool find_place(const struct edited *edited, struct place *out)
{
	const struct tag *parent = &edited->trail.tags[edited->trail.depth - 1];
	struct scan scan = { .document = edited->now, .at = parent->end };
	struct tag tag;
	size_t before = 0, end = parent->end;
	bool after_one = false;
	while (scan_next(&scan, &tag) == SCAN_OPEN && tag.start < edited->new.start) {
		before++;
		if (!tag.empty && !scan_skip(&scan, NULL))
			return false;
		end = scan.at;
	}
	after_one = before && end == edited->new.start;
	*out = (struct place){ after_one ? "after" : "before", before + !after_one };
	if (after_one)
		return true;
	scan.at = edited->new.end;
	enum scan_event next = scan_next(&scan, &tag);
	if (tag.start != edited->new.end || next == SCAN_END || next == SCAN_BROKEN)
		return false;
	if (next == SCAN_CLOSE)
		*out = (struct place){ NULL, 0 };
	return true;
}

/* Was the parent `<a/>` that is `<a>..</a>` now? */
static bool was_opened(const struct edited *edited)
{
	const struct tag *parent = &edited->trail.tags[edited->trail.depth - 1];
	size_t slash = parent->end - 1;
	struct span tail = span_from(edited->now, edited->new.end);
	return parent->end
		       == edited->new.start &&span_equal(
			       span_first(edited->former, slash), span_first(edited->now, slash))
	       && span_starts(span_from(edited->former, slash), SPAN("/>"))
	       && span_starts(tail, SPAN("</")) && span_starts(span_from(tail, 2), parent->name)
	       && span_starts(span_from(tail, 2 + parent->name.size), SPAN(">"))
	       && span_equal(span_from(edited->former, slash + 2),
		       span_from(tail, 3 + parent->name.size));
}

static enum patch_result write_element(
	struct edited *edited, struct patch_op op, struct span sel, struct buffer *ops)
{
	struct bindings declared;
	struct diff_tag tag;
	struct span octets = found_octets(&edited->new, edited->now);
	if (!sel.data
		|| !diff_scope(
			edited->arena, octets, &edited->trail, edited->trail.depth, &declared))
		return PATCH_NO_MEMORY;
	op.declared = &declared;
	patch_op_begin(ops, &tag, &op, sel);
	buffer_append(ops, octets);
	diff_tag_close(ops, &tag);
	return PATCH_MADE;
}

/* In the document as it was: the new element does not count. */
static enum patch_result add_element(struct edited *edited, struct buffer *ops)
{
	struct buffer sel = { .arena = edited->arena };
	struct patch_op op = { .name = "add" };
	struct place place;
	size_t at = edited->new.start;
	if (!selector_walk(
		    edited->selector, edited->now, edited->selector->count - 1, &edited->trail)
		|| edited->trail.depth + 1 != edited->selector->count || !edited->trail.depth)
		return PATCH_IMPOSSIBLE;
	if (was_opened(edited))
		place = (struct place){ NULL, 0 };
	else if (!same_around(edited, at, at, at, edited->new.end) || !find_place(edited, &place))
		return PATCH_IMPOSSIBLE;
	patch_path(&sel, &edited->trail, edited->trail.depth);
	if (place.sibling)
		buffer_format(&sel, "/*[%zu]", place.sibling);
	op.pos = place.pos;
	return write_element(edited, op, buffer_span(&sel), ops);
}

static enum patch_result change_element(struct edited *edited, struct buffer *ops)
{
	struct buffer sel = { .arena = edited->arena };
	const struct selector *selector = edited->selector;
	bool replaced = edited->new.count == 1;
	size_t start = edited->old.start;
	if (selector->count == 1
		|| !same_around(
			edited, start, edited->old.end, start, replaced ? edited->new.end : start)
		|| (replaced && edited->new.start != start)
		|| !selector_walk(selector, edited->former, selector->count, &edited->trail))
		return PATCH_IMPOSSIBLE;
	patch_path(&sel, &edited->trail, selector->count);
	edited->trail.depth--;
	if (!buffer_span(&sel).data)
		return PATCH_NO_MEMORY;
	if (replaced)
		return write_element(
			edited, (struct patch_op){ .name = "replace" }, buffer_span(&sel), ops);
	patch_op_text(ops, &(struct patch_op){ .name = "remove" }, buffer_span(&sel), SPAN(""));
	return PATCH_MADE;
}

static enum patch_result element_edit(struct edited *edited, struct buffer *ops)
{
	if (edited->old.count)
		return change_element(edited, ops);
	return edited->new.count ? add_element(edited, ops) : PATCH_IMPOSSIBLE;
}

/* --- attributes --- */

static bool same_around_attribute(const struct edited *edited)
{
	const struct found *old = &edited->old, *new = &edited->new;
	if (old->count && new->count)
		return same_around(
			edited, old->whole_start, old->whole_end, new->whole_start, new->whole_end);
	const struct found *there = old->count ? old : new;
	struct span with = old->count ? edited->former : edited->now;
	size_t start = there->whole_start, size = there->whole_end - start;
	while (start && span_trim((struct span){ with.data + start - 1, 1 }).size == 0) {
		start--;
		size++;
	}
	return old->count ? same_around(edited, start, start + size, start, start)
			  : same_around(edited, start, start, start, start + size);
}

static enum patch_result write_attribute(
	struct edited *edited, struct span path, struct span name, struct buffer *ops)
{
	struct span prefix, value = SPAN("");
	qname_ends(name, edited->selector->attribute.local, &prefix);
	struct binding binding = { prefix, edited->selector->attribute.space };
	struct bindings declared = { &binding,
		prefix.size > 0 && !span_equal(prefix, SPAN("xml")) };
	struct patch_op op = { .name = edited->new.count ? "replace" : "remove",
		.declared = &declared };
	if (edited->new.count
		&& !value_decode(edited->arena, found_octets(&edited->new, edited->now), &value))
		return PATCH_NO_MEMORY;
	if (!edited->old.count) {
		patch_op_attribute(ops, name, &declared, path, value);
		return PATCH_MADE;
	}
	struct span sel = arena_format(edited->arena, "%.*s/@%.*s", SPAN_ARG(path), SPAN_ARG(name));
	if (!sel.data)
		return PATCH_NO_MEMORY;
	patch_op_text(ops, &op, sel, value);
	return PATCH_MADE;
}

static enum patch_result attribute_edit(struct edited *edited, struct buffer *ops)
{
	struct buffer path = { .arena = edited->arena };
	const struct selector *selector = edited->selector;
	bool was = edited->old.count;
	const struct found *there = was ? &edited->old : &edited->new;
	struct span document = was ? edited->former : edited->now;
	if (!there->count || !same_around_attribute(edited)
		|| !selector_walk(selector, document, selector->count, &edited->trail))
		return PATCH_IMPOSSIBLE;
	struct span name = span_from(document, there->whole_start);
	size_t size = 0;
	while (size < name.size && name.data[size] != '='
		&& span_trim((struct span){ name.data + size, 1 }).size)
		size++;
	patch_path(&path, &edited->trail, selector->count);
	if (!buffer_span(&path).data)
		return PATCH_NO_MEMORY;
	return write_attribute(edited, buffer_span(&path), span_first(name, size), ops);
}

/* --- both --- */

enum { LONG_OPERATION = 1024 }; /* octets: worth a look at what has really changed inside */

static enum patch_result map_edit(struct edited *edited, struct buffer *ops)
{
	enum selector_terminal terminal = selector_terminal(edited->selector);
	if (terminal == SELECTOR_NAMESPACES
		|| !selector_find(edited->selector, edited->former, &edited->old)
		|| !selector_find(edited->selector, edited->now, &edited->new)
		|| edited->old.count > 1 || edited->new.count > 1)
		return PATCH_IMPOSSIBLE;
	return terminal == SELECTOR_ATTRIBUTE ? attribute_edit(edited, ops)
					      : element_edit(edited, ops);
}

static enum patch_result map(
	struct edited *edited, const struct patch_edit *edit, struct buffer *ops)
{
	struct selector *selector;
	const char *why;
	struct span encoded = percent_encode(edited->arena, edit->selector, NULL);
	if (!encoded.data)
		return PATCH_NO_MEMORY;
	enum selector_result parsed = selector_parse(
		edited->arena, encoded, &edit->bindings, edit->default_namespace, &selector, &why);
	if (parsed != SELECTOR_OK)
		return parsed == SELECTOR_NO_MEMORY ? PATCH_NO_MEMORY : PATCH_IMPOSSIBLE;
	edited->selector = selector;
	enum patch_result result = map_edit(edited, ops);
	return ops->failed ? PATCH_NO_MEMORY : result;
}

/* A whole element was put in place of another: have they much in common? */
static bool may_shrink(const struct edited *edited, size_t size)
{
	return size > LONG_OPERATION && edited->old.count && edited->new.count;
}

enum patch_result patch_of_edit(struct arena *arena, struct span former, struct span now,
	const struct patch_edit *edit, size_t most, const struct xml_limits *limits,
	struct buffer *ops_out)
{
	struct edited edited = { .arena = arena, .former = former, .now = now };
	struct buffer mapped = { .arena = arena };
	if (span_equal(former, now))
		return PATCH_SAME;
	enum patch_result result = map(&edited, edit, &mapped);
	if (result == PATCH_NO_MEMORY)
		return result;
	bool made = result == PATCH_MADE && mapped.size <= most;
	if (!made || may_shrink(&edited, mapped.size)) {
		size_t bound = made ? mapped.size - 1 : most;
		result = patch_between(arena, former, now, bound, limits, ops_out);
		if (!made || result != PATCH_IMPOSSIBLE)
			return result;
	}
	buffer_append(ops_out, buffer_span(&mapped));
	return ops_out->failed ? PATCH_NO_MEMORY : PATCH_MADE;
}
