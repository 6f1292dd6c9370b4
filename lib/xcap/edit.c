/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/edit.h"

/* What goes, and what stands around that which comes. */
struct cut {
	size_t start, end;
	struct span before, after;
};

static bool starved(struct conflict *why)
{
	why->kind = CONFLICT_NONE;
	return false;
}

static bool is_attribute(const struct selector *selector)
{
	return selector->terminal == SELECTOR_ATTRIBUTE;
}

static struct span splice(
	struct arena *arena, struct span document, const struct cut *cut, struct span body)
{
	struct buffer text = { .arena = arena };
	buffer_reserve(&text, document.size - (cut->end - cut->start) + cut->before.size + body.size
				      + cut->after.size + 1);
	buffer_append(&text, span_first(document, cut->start));
	buffer_append(&text, cut->before);
	buffer_append(&text, body);
	buffer_append(&text, cut->after);
	buffer_append(&text, span_from(document, cut->end));
	return buffer_span(&text);
}

/* --- the parent --- */

static bool find_parent(const struct selector *selector, struct span document, struct trail *trail,
	struct conflict *why)
{
	size_t steps = selector->count - !is_attribute(selector);
	if (!selector_walk(selector, document, steps, trail))
		return starved(why);
	if (trail->depth == steps)
		return true;
	why->ancestor = selector_prefix(why->arena, selector, trail->depth);
	return conflict_set(why, CONFLICT_NO_PARENT,
		"Parent not found: step %zu of the node selector chooses %s", trail->depth + 1,
		trail->count ? "more than one element" : "no element");
}

bool edit_parent(const struct selector *selector, struct span document, struct conflict *why)
{
	struct trail trail;
	return find_parent(selector, document, &trail, why);
}

/* --- elements --- */

static bool cannot_insert(struct conflict *why, const char *phrase)
{
	return conflict_set(why, CONFLICT_CANNOT_INSERT, "%s", phrase);
}

/* At the end of the parent's content: an empty-element tag is opened for it. */
static bool append_child(
	struct arena *arena, const struct tag *parent, size_t content_end, struct cut *cut)
{
	*cut = (struct cut){ content_end, content_end, SPAN(""), SPAN("") };
	if (!parent->empty)
		return true;
	cut->start = parent->end - 2;
	cut->before = SPAN(">");
	cut->after = arena_format(arena, "</%.*s>", SPAN_ARG(parent->name));
	return cut->after.data != NULL;
}

/* Where a new element goes (RFC 4825 §8.2.3): first of its name or unplaced wildcard, earliest
 * last, before the first, earliest nth. */
static bool place_child(struct arena *arena, struct trail *trail, const struct step *step,
	struct cut *cut, struct conflict *why)
{
	const struct tag *parent = &trail->tags[trail->depth - 1];
	struct siblings siblings;
	size_t at;
	if (!trail_siblings(trail, step, &siblings))
		return starved(why);
	size_t position = step->has_position ? step->position : 0;
	if (step->has_position && (!position || position - 1 > siblings.count))
		return cannot_insert(why, "there are too few siblings before that position");
	if (position <= 1 && (!siblings.count || (step->any && !position)))
		return append_child(arena, parent, siblings.content_end, cut) || starved(why);
	if (!position)
		at = siblings.last_end;
	else
		at = position == 1 ? siblings.first_start : siblings.before_end;
	*cut = (struct cut){ at, at, SPAN(""), SPAN("") };
	return true;
}

/* Finds what is to be replaced, or the place for a new one. */
static bool place_element(struct arena *arena, const struct selector *selector, struct trail *trail,
	struct cut *cut, struct edit_result *out, struct conflict *why)
{
	struct found found;
	if (!selector_find(selector, trail->document, &found))
		return starved(why);
	out->created = found.count == 0;
	if (found.count == 1) {
		*cut = (struct cut){ found.start, found.end, SPAN(""), SPAN("") };
		return true;
	}
	if (found.count)
		return cannot_insert(why, "the node selector chooses more than one element");
	if (!trail->depth)
		return cannot_insert(why, "a document has one root element, and the node selector "
					  "does not choose it");
	return place_child(arena, trail, &selector->steps[trail->depth], cut, why);
}

/* --- attributes --- */

static struct span other_quote(struct span quote)
{
	return quote.data[0] == '"' ? SPAN("'") : SPAN("\"");
}

/* The preferred quotes, or the others when the value holds those; if it holds both, the preferred
 * ones, escaped inside. */
static bool quote_value(
	struct arena *arena, struct span preferred, struct span *value, struct span *quote_out)
{
	struct span other = other_quote(preferred);
	*quote_out = preferred;
	if (!span_find(*value, preferred.data[0], NULL))
		return true;
	if (!span_find(*value, other.data[0], NULL)) {
		*quote_out = other;
		return true;
	}
	struct buffer escaped = { .arena = arena };
	for (struct span rest = *value; rest.data;) {
		buffer_append(&escaped, span_cut(&rest, preferred.data[0]));
		if (rest.data)
			buffer_text(&escaped, preferred.data[0] == '"' ? "&quot;" : "&apos;");
	}
	*value = buffer_span(&escaped);
	return value->data != NULL;
}

static bool prefix_means(const struct trail *trail, struct span prefix, struct span space)
{
	struct span stored;
	return prefix.size
	       && scope_find(trail->document, trail->tags, trail->depth, prefix, &stored)
	       && value_equal(stored, space);
}

static bool declares(const struct declaration *declaration, struct span space)
{
	return declaration->prefix.size && value_equal(declaration->stored, space);
}

/* How an attribute's name has to be written there: with a prefix that means its namespace. */
static bool name_attribute(struct arena *arena, const struct trail *trail,
	const struct expanded *name, struct span *out, struct conflict *why)
{
	struct declarations scope;
	struct span prefix = name->prefix;
	*out = name->local;
	if (!name->space.size)
		return span_equal(name->local, SPAN("xmlns"))
			       ? cannot_insert(why, "xmlns is a declaration, not an attribute")
			       : true;
	if (!namespaces_in_scope(arena, trail, trail->depth, &scope))
		return starved(why);
	if (!prefix_means(trail, prefix, name->space)) {
		size_t i = 0;
		while (i < scope.count && !declares(&scope.items[i], name->space))
			i++;
		if (i == scope.count && !span_equal_text(name->space, XML_NAMESPACE))
			return cannot_insert(why, "no prefix for the attribute's namespace is "
						  "declared at that element");
		prefix = i < scope.count ? scope.items[i].prefix : SPAN("xml");
	}
	*out = arena_format(arena, "%.*s:%.*s", SPAN_ARG(prefix), SPAN_ARG(name->local));
	return out->data || starved(why);
}

/* Past the last attribute of the tag, or past its name. */
static size_t attributes_end(const struct trail *trail)
{
	const struct tag *tag = &trail->tags[trail->depth - 1];
	struct attribute attribute;
	size_t end = tag->start + 1 + tag->name.size;
	for (size_t at = 0; scan_attribute(trail->document, tag, &at, &attribute);)
		end = attribute.end;
	return end;
}

static bool place_attribute(struct arena *arena, const struct selector *selector,
	const struct trail *trail, struct span *value, struct cut *cut, struct edit_result *out,
	struct conflict *why)
{
	struct attribute old;
	struct span name = SPAN(""), quote = SPAN("\"");
	out->created = !trail_attribute(trail, trail->depth, &selector->attribute, &old);
	if (out->created && !name_attribute(arena, trail, &selector->attribute, &name, why))
		return false;
	if (!out->created)
		quote = (struct span){ old.value.data - 1, 1 };
	if (!quote_value(arena, quote, value, &quote))
		return starved(why);
	cut->before = cut->after = quote;
	if (out->created) {
		cut->start = cut->end = attributes_end(trail);
		cut->before = arena_format(arena, " %.*s=%.*s", SPAN_ARG(name), SPAN_ARG(quote));
		return cut->before.data || starved(why);
	}
	cut->end = old.end;
	cut->start = old.end - old.value.size - 2;
	return true;
}

/* --- the edits --- */

/* GET(PUT(x)) == x: the selector chooses exactly what was put. */
static bool chooses_again(const struct selector *selector, struct span document, size_t start,
	size_t size, struct conflict *why)
{
	struct found found;
	if (!selector_find(selector, document, &found))
		return starved(why);
	if (found.count == 1 && found.start == start && found.end - found.start == size)
		return true;
	return cannot_insert(why, "after the change the node selector would not choose what was "
				  "put: its name, position or attributes do not fit");
}

bool edit_put(struct arena *arena, const struct selector *selector, struct span document,
	struct span body, const struct xml_limits *limits, struct edit_result *out,
	struct conflict *why)
{
	struct trail trail;
	struct cut cut = { 0 };
	struct span put;
	bool attribute = is_attribute(selector);
	if (!find_parent(selector, document, &trail, why)
		|| !(attribute ? fragment_value(body, &put, why)
			       : fragment_element(arena, &trail, body, limits, &put, why)))
		return false;
	if (!(attribute ? place_attribute(arena, selector, &trail, &put, &cut, out, why)
			: place_element(arena, selector, &trail, &cut, out, why)))
		return false;
	out->component = put;
	out->document = splice(arena, document, &cut, put);
	if (!out->document.data)
		return starved(why);
	return chooses_again(selector, out->document, cut.start + cut.before.size, put.size, why);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool edit_delete(struct arena *arena, const struct selector *selector, struct span document,
	struct edit_result *out, struct conflict *why, bool *absent_out)
{
	struct found found, after;
	*absent_out = false;
	if (!selector_find(selector, document, &found))
		return starved(why);
	*absent_out = found.count != 1;
	if (*absent_out)
		return starved(why);
	if (!is_attribute(selector) && selector->count == 1)
		return conflict_set(why, CONFLICT_CANNOT_DELETE,
			"a document cannot be without its root element: delete the document");
	struct cut cut = { found.whole_start, found.whole_end, SPAN(""), SPAN("") };
	while (is_attribute(selector) && cut.start && is_space(document.data[cut.start - 1]))
		cut.start--;
	*out = (struct edit_result){ .document = splice(arena, document, &cut, SPAN("")) };
	if (!out->document.data || !selector_find(selector, out->document, &after))
		return starved(why);
	return !after.count
	       || conflict_set(why, CONFLICT_CANNOT_DELETE,
		       "after the deletion the node selector would choose another element");
}
