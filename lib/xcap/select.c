/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/scope.h"
#include "xcap/selector.h"

/* Octets that all looks ahead of one walk may go over: in large documents and deep ones they would
 * take longer than they spare. */
enum { LOOK_AHEAD = 64 * 1024 };

/* The tests of one step among the children of one element, the context. What the last prefix meant
 * is kept: children that declare nothing nearly always share it. */
struct sieve {
	const struct trail *trail;
	size_t depth; /* of the context; the child is trail->tags[depth] */
	const struct step *step;
	const struct scope *scope; /* its first in_scope declarations hold in the context; NULL:
				      there are too many */
	size_t in_scope;
	struct meaning *element, *attribute;
	bool known;
	struct span prefix;
	bool matches;
};

/* In the context. */
static bool prefix_means(const struct sieve *sieve, struct span prefix, struct meaning *meaning)
{
	const struct trail *trail = sieve->trail;
	struct span stored;
	if (sieve->scope)
		return scope_means(sieve->scope, sieve->in_scope, prefix, meaning);
	return scope_find(trail->document, trail->tags, sieve->depth, prefix, &stored)
	       && value_equal(stored, meaning->space);
}

static bool name_passes(struct sieve *sieve)
{
	const struct tag *child = &sieve->trail->tags[sieve->depth];
	const struct expanded *name = &sieve->step->name;
	struct span prefix, stored;
	if (sieve->step->any)
		return true;
	if (!qname_ends(child->name, name->local, &prefix))
		return false;
	if (child->declares && tag_declares(sieve->trail->document, child, prefix, &stored))
		return value_equal(stored, name->space);
	if (!sieve->known || !span_equal(prefix, sieve->prefix)) {
		sieve->matches = prefix_means(sieve, prefix, sieve->element);
		sieve->prefix = prefix;
		sieve->known = true;
	}
	return sieve->matches;
}

/* Does the prefix of an attribute of the child mean what it should? `own` is what the child
 * declares. */
static bool attribute_means(const struct sieve *sieve, const struct scope *own, struct span prefix)
{
	const struct tag *child = &sieve->trail->tags[sieve->depth];
	struct meaning *meaning = sieve->attribute;
	struct span stored;
	size_t index;
	if (!prefix.size || !meaning->space.size)
		return !prefix.size && !meaning->space.size;
	if (own->full)
		return tag_declares(sieve->trail->document, child, prefix, &stored)
			       ? value_equal(stored, meaning->space)
			       : prefix_means(sieve, prefix, meaning);
	if (scope_declares(own, own->count, prefix, &index))
		return value_equal(own->items[index].stored, meaning->space);
	return prefix_means(sieve, prefix, meaning);
}

/* The child's attribute of that name (in the namespace sieve->attribute), if its value is *value;
 * NULL: any value. */
static bool child_attribute(const struct sieve *sieve, struct span local, const struct span *value,
	struct attribute *out)
{
	struct span document = sieve->trail->document, prefix, declared;
	const struct tag *child = &sieve->trail->tags[sieve->depth];
	struct scope own;
	bool entered = false;
	scope_begin(&own);
	for (size_t at = 0; scan_attribute(document, child, &at, out);) {
		if (!qname_ends(out->name, local, &prefix) || attribute_declares(out, &declared)
			|| (value && !value_equal(out->value, *value)))
			continue;
		if (prefix.size && !entered)
			scope_enter(&own, document, child);
		entered |= prefix.size > 0;
		if (attribute_means(sieve, &own, prefix))
			return true;
	}
	return false;
}

bool trail_attribute(
	const struct trail *trail, size_t depth, const struct expanded *name, struct attribute *out)
{
	struct scope scope;
	struct meaning meaning = { .space = name->space };
	scope_begin(&scope);
	for (size_t i = 0; name->space.size && i + 1 < depth; i++)
		scope_enter(&scope, trail->document, &trail->tags[i]);
	struct sieve sieve = { .trail = trail,
		.depth = depth - 1,
		.scope = scope.full ? NULL : &scope,
		.in_scope = scope.count,
		.attribute = &meaning };
	return child_attribute(&sieve, name->local, NULL, out);
}

/* The scan has watched for the attribute's local name: nearly always that settles it. */
static bool attribute_passes(const struct sieve *sieve)
{
	const struct step *step = sieve->step;
	struct attribute attribute = sieve->trail->tags[sieve->depth].watched;
	struct span declared;
	if (!attribute.end)
		return false;
	if (!step->attribute.space.size && attribute.name.size == step->attribute.local.size
		&& !attribute_declares(&attribute, &declared))
		return value_equal(attribute.value, step->value);
	return child_attribute(sieve, step->attribute.local, &step->value, &attribute);
}

/* The predicates, for the child that is number `position` of those whose names pass. */
static bool predicates_pass(const struct sieve *sieve, size_t position)
{
	const struct step *step = sieve->step;
	if (step->has_position && step->position != position)
		return false;
	return !step->has_attribute || attribute_passes(sieve);
}

/* A scan of the context's content; *none_out when it is an empty-element tag. */
static struct scan content_of(const struct trail *trail, bool *none_out)
{
	const struct tag *context = trail->depth ? &trail->tags[trail->depth - 1] : NULL;
	*none_out = context && context->empty;
	return (struct scan){ .document = trail->document, .at = context ? context->end : 0 };
}

/* The next child into trail->tags[trail->depth]; SCAN_CLOSE after the last. */
static enum scan_event next_child(struct trail *trail, const struct step *step, struct scan *scan)
{
	scan->watch = step->attribute.local;
	enum scan_event event = scan_next(scan, &trail->tags[trail->depth]);
	bool ended = event == (trail->depth ? SCAN_CLOSE : SCAN_END);
	return event == SCAN_OPEN ? SCAN_OPEN : ended ? SCAN_CLOSE : SCAN_BROKEN;
}

/* One step while it is looked at: the children of the element that the step before chose. */
struct level {
	struct sieve sieve;
	size_t position, count; /* so many passed the name test, so many all of it */
	bool closed;            /* the rest of the children changes nothing */
	bool looked;            /* ahead */
	struct tag chosen;
};

/* What holds for all levels. Once one was left no other is opened, so that the scope only grows. */
struct names {
	struct scope scope;
	size_t ahead; /* what is left of LOOK_AHEAD */
	size_t count;
	struct meaning meanings[2 * SELECTOR_STEPS_MAX];
};

/* Names with one binding of the selector share it: their spaces are the same octets. */
static struct meaning *meaning_of(struct names *names, struct span space)
{
	size_t i = 0;
	while (i < names->count
		&& (names->meanings[i].space.data != space.data
			|| names->meanings[i].space.size != space.size))
		i++;
	if (i == names->count)
		names->meanings[names->count++] = (struct meaning){ .space = space };
	return &names->meanings[i];
}

/* The level of the children of the last element on the trail. */
static void open_level(struct level *level, struct names *names, const struct trail *trail,
	const struct step *step)
{
	if (trail->depth)
		scope_enter(&names->scope, trail->document, &trail->tags[trail->depth - 1]);
	level->sieve = (struct sieve){ .trail = trail,
		.depth = trail->depth,
		.step = step,
		.scope = names->scope.full ? NULL : &names->scope,
		.in_scope = names->scope.count,
		.element = meaning_of(names, step->name.space),
		.attribute = meaning_of(names, step->attribute.space) };
	level->position = level->count = 0;
	level->closed = level->looked = false;
}

/* Past which offset must a value go on that the step can want, from `at` on? */
static size_t look_ahead(struct names *names, const struct level *level, size_t at)
{
	const struct step *step = level->sieve.step;
	struct span rest = span_from(level->sieve.trail->document, at);
	if (!step->has_attribute || rest.size > names->ahead)
		return at;
	names->ahead -= rest.size;
	return at + value_first(rest, step->value);
}

/* Closes a level when no child from `at` on can pass. */
static void close_early(struct names *names, struct level *level, size_t at)
{
	if (level->looked)
		return;
	level->looked = true;
	level->closed |= look_ahead(names, level, at) == level->sieve.trail->document.size;
}

/* At the content of the context: to the first child that can have the value which the step asks
 * for. */
static bool pass_over(struct names *names, const struct level *level, struct scan *scan)
{
	return level->sieve.step->has_position
	       || scan_pass(scan, look_ahead(names, level, scan->at));
}

/* The child that was just read; does the step choose it as the first one? */
static bool consider(struct level *level, bool is_root)
{
	const struct step *step = level->sieve.step;
	bool chosen =
		name_passes(&level->sieve) && predicates_pass(&level->sieve, ++level->position);
	if (chosen && !level->count++)
		level->chosen = level->sieve.trail->tags[level->sieve.depth];
	level->closed = is_root || level->count > 1
			|| (step->has_position && level->position >= step->position);
	return chosen && level->count == 1;
}

/* The deepest level where something is left to see, counted from 1; 0: there is none. */
static size_t deepest_open(const struct level *levels, size_t depth)
{
	size_t open = depth + 1;
	while (open && levels[open - 1].closed)
		open--;
	return open;
}

/* All steps in one pass: when a step chooses a child, the next one goes on inside it, and then the
 * step with the siblings behind it, among which there must be no other. */
static bool walk_levels(const struct selector *selector, size_t steps, struct level *levels,
	size_t *opened_out, struct trail *trail)
{
	struct scan scan = { .document = trail->document };
	struct names names;
	size_t open;
	names.count = 0;
	names.ahead = LOOK_AHEAD;
	scope_begin(&names.scope);
	open_level(&levels[0], &names, trail, &selector->steps[0]);
	*opened_out = 1;
	while ((open = deepest_open(levels, trail->depth)) != 0) {
		const struct tag *child = &trail->tags[trail->depth];
		struct level *level = &levels[trail->depth];
		enum scan_event event = SCAN_CLOSE;
		if (open <= trail->depth) {
			close_early(&names, &levels[open - 1], scan.at);
			if (levels[open - 1].closed)
				continue;
			if (!scan_skip(&scan, NULL))
				return false;
		}
		if (open > trail->depth)
			event = next_child(trail, level->sieve.step, &scan);
		if (event == SCAN_BROKEN || (event == SCAN_CLOSE && !trail->depth))
			return event == SCAN_CLOSE;
		if (event == SCAN_CLOSE) {
			trail->depth--;
			continue;
		}
		bool chosen = consider(level, !trail->depth);
		if (chosen && trail->depth + 1 < steps && !child->empty) {
			trail->depth++;
			open_level(level + 1, &names, trail, &selector->steps[trail->depth]);
			*opened_out = trail->depth + 1;
			if (!pass_over(&names, level + 1, &scan))
				return false;
			continue;
		}
		if (chosen)
			close_early(&names, level, child->end);
		if (!child->empty && deepest_open(levels, trail->depth) && !scan_skip(&scan, NULL))
			return false;
	}
	return true;
}

bool selector_walk(
	const struct selector *selector, struct span document, size_t steps, struct trail *out)
{
	struct level levels[SELECTOR_STEPS_MAX];
	size_t opened = 0;
	out->document = document;
	out->count = 1;
	out->depth = 0;
	if (!steps)
		return true;
	if (!walk_levels(selector, steps, levels, &opened, out))
		return false;
	for (out->depth = 0; out->depth < steps; out->depth++) {
		out->count = out->depth < opened ? levels[out->depth].count : 0;
		if (out->count != 1)
			break;
		out->tags[out->depth] = levels[out->depth].chosen;
	}
	return true;
}

bool selector_find(const struct selector *selector, struct span document, struct found *out)
{
	struct trail trail;
	struct attribute attribute;
	*out = (struct found){ 0 };
	if (!selector_walk(selector, document, selector->count, &trail))
		return false;
	out->count = trail.count;
	if (trail.count != 1)
		return true;
	if (selector->terminal == SELECTOR_ATTRIBUTE) {
		if (!trail_attribute(&trail, trail.depth, &selector->attribute, &attribute)) {
			out->count = 0;
			return true;
		}
		*out = (struct found){ 1, (size_t)(attribute.value.data - document.data),
			attribute.end - 1, attribute.start, attribute.end };
		return true;
	}
	const struct tag *tag = &trail.tags[trail.depth - 1];
	size_t end;
	if (!scan_element_end(document, tag, &end))
		return false;
	*out = (struct found){ 1, tag->start, end, tag->start, end };
	return true;
}

struct span found_octets(const struct found *found, struct span document)
{
	return span_first(span_from(document, found->start), found->end - found->start);
}

bool trail_siblings(struct trail *trail, const struct step *step, struct siblings *out)
{
	struct scope scope;
	struct meaning meaning = { .space = step->name.space };
	scope_begin(&scope);
	for (size_t i = 0; i < trail->depth; i++)
		scope_enter(&scope, trail->document, &trail->tags[i]);
	struct sieve sieve = { .trail = trail,
		.depth = trail->depth,
		.step = step,
		.scope = scope.full ? NULL : &scope,
		.in_scope = scope.count,
		.element = &meaning };
	const struct tag *child = &trail->tags[trail->depth];
	bool none;
	struct scan scan = content_of(trail, &none);
	enum scan_event event;
	*out = (struct siblings){ .content_end = scan.at };
	if (none)
		return true;
	while ((event = next_child(trail, step, &scan)) == SCAN_OPEN) {
		bool passes = name_passes(&sieve);
		struct tag tag = *child;
		if (!tag.empty && !scan_skip(&scan, NULL))
			return false;
		if (!passes)
			continue;
		if (!out->count++)
			out->first_start = tag.start;
		if (out->count + 1 == step->position)
			out->before_end = scan.at;
		out->last_end = scan.at;
	}
	out->content_end = trail->depth ? child->start : scan.at;
	return event == SCAN_CLOSE;
}
