/* SPDX-License-Identifier: BSD-2-Clause */
#include "auids/shown.h"

#include "auids/uris.h"
#include "xcap/namespaces.h"

/* All contents of a document together are at most so many times as large as it is. */
enum { GROWTH_MOST = 4, GROWTH_FREE = 64 * 1024, PREFIXES_MOST = 512 };

/* One element on its way out. */
struct showing {
	struct arena *arena;
	struct span frame_space; /* what the default namespace is around it */
	struct trail *trail;     /* down to the element itself */
	size_t depth;            /* of it on the trail */
	struct span octets;      /* of it */
	struct declarations scope;
	bool used[PREFIXES_MOST]; /* of the scope */
};

static bool is_name_octet(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
	       || c == '-' || c == '_' || c == '.' || (unsigned char)c >= 0x80;
}

static void mark(struct showing *showing, struct span prefix)
{
	size_t low = 0, high = showing->scope.count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = span_compare(prefix, showing->scope.items[middle].prefix);
		if (!order) {
			showing->used[middle] = true;
			return;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
}

/* Whatever stands before a colon may be a prefix, in values (xsi:type) too. */
static void mark_used(struct showing *showing)
{
	struct span octets = showing->octets;
	size_t name = 0;
	for (size_t i = 0; i < octets.size; i++) {
		if (octets.data[i] == ':' && name)
			mark(showing, (struct span){ octets.data + i - name, name });
		name = is_name_octet(octets.data[i]) ? name + 1 : 0;
	}
}

/* What the element declares itself is there already. */
static void unmark_own(struct showing *showing, bool *own_default_out)
{
	const struct tag *tag = &showing->trail->tags[showing->depth - 1];
	struct attribute attribute;
	struct span prefix;
	*own_default_out = false;
	for (size_t at = 0; scan_attribute(showing->trail->document, tag, &at, &attribute);) {
		if (!attribute_declares(&attribute, &prefix))
			continue;
		*own_default_out |= !prefix.size;
		for (size_t i = 0; i < showing->scope.count; i++)
			if (span_equal(prefix, showing->scope.items[i].prefix))
				showing->used[i] = false;
	}
}

static void write_default(
	const struct showing *showing, const struct declaration *standard, struct buffer *to)
{
	struct span space = SPAN("");
	if (standard && !value_decode(showing->arena, standard->stored, &space))
		to->failed = true;
	if (span_equal(space, showing->frame_space))
		return;
	buffer_text(to, " xmlns=\"");
	buffer_xml(to, space);
	buffer_octet(to, '"');
}

static void write_declarations(struct showing *showing, struct buffer *to)
{
	const struct declarations *scope = &showing->scope;
	bool own_default, has_default = scope->count && !scope->items[0].prefix.size;
	mark_used(showing);
	unmark_own(showing, &own_default);
	if (!own_default)
		write_default(showing, has_default ? &scope->items[0] : NULL, to);
	for (size_t i = has_default; i < scope->count; i++) {
		const struct declaration *declaration = &scope->items[i];
		if (!showing->used[i])
			continue;
		buffer_format(to, " xmlns:%.*s=", SPAN_ARG(declaration->prefix));
		buffer_append(to, (struct span){ declaration->stored.data - 1,
					  declaration->stored.size + 2 }); /* with its quotes */
	}
}

/* data == NULL without memory. */
static struct span stand_alone(struct showing *showing)
{
	struct buffer to = { .arena = showing->arena };
	const struct tag *tag = &showing->trail->tags[showing->depth - 1];
	size_t name_end = tag->name.size + 1;
	struct span none = { NULL, 0 };
	if (!namespaces_in_scope(showing->arena, showing->trail, showing->depth, &showing->scope)
		|| showing->scope.count > PREFIXES_MOST)
		return none;
	for (size_t i = 0; i < showing->scope.count; i++)
		showing->used[i] = false;
	buffer_reserve(&to, showing->octets.size + 64);
	buffer_append(&to, span_first(showing->octets, name_end));
	write_declarations(showing, &to);
	buffer_append(&to, span_from(showing->octets, name_end));
	buffer_octet(&to, '\n');
	return buffer_span(&to);
}

static bool show(struct showing *showing, struct claim *claim, size_t *room, struct conflict *why)
{
	const struct tag *tag = &showing->trail->tags[showing->depth - 1];
	size_t end;
	if (!scan_element_end(showing->trail->document, tag, &end))
		return conflict_set(why, CONFLICT_NONE, "no memory");
	showing->octets =
		(struct span){ showing->trail->document.data + tag->start, end - tag->start };
	claim->content = stand_alone(showing);
	if (!claim->content.data)
		return conflict_set(why, CONFLICT_NONE, "no memory");
	if (claim->content.size > *room)
		return conflict_set(why, CONFLICT_CONSTRAINT_FAILURE,
			"element %.*s: with its namespace declarations it takes too much room: "
			"declare fewer, or nearer to where they are used",
			SPAN_ARG(tag->name));
	*room -= claim->content.size;
	return true;
}

/* The next claim that is shown, from `from` on. */
static size_t next_shown(const size_t *ordinals, size_t from, size_t count)
{
	while (from < count && ordinals[from] == SIZE_MAX)
		from++;
	return from;
}

static bool walk(struct showing *showing, struct claim *claims, const size_t *ordinals,
	size_t count, struct conflict *why)
{
	struct scan scan = { .document = showing->trail->document };
	size_t room = scan.document.size * GROWTH_MOST + GROWTH_FREE, depth = 0, ordinal = 0;
	size_t next = next_shown(ordinals, 0, count);
	while (next < count) {
		struct tag tag;
		enum scan_event event = scan_next(&scan, &tag);
		if (event == SCAN_CLOSE)
			depth--;
		else if (event != SCAN_OPEN || depth == SELECTOR_STEPS_MAX)
			return conflict_set(why, CONFLICT_NONE, "no memory");
		if (event != SCAN_OPEN)
			continue;
		showing->trail->tags[depth] = tag;
		showing->depth = depth + 1;
		if (ordinal++ == ordinals[next]) {
			if (!show(showing, &claims[next], &room, why))
				return false;
			next = next_shown(ordinals, next + 1, count);
		}
		depth += !tag.empty;
	}
	return true;
}

bool shown_fill(const struct usage *usage, struct arena *arena, struct span body,
	struct claim *claims, const size_t *ordinals, size_t count, struct conflict *why)
{
	if (next_shown(ordinals, 0, count) == count)
		return true;
	struct showing *showing = arena_zero(arena, sizeof(*showing));
	struct trail *trail = arena_zero(arena, sizeof(*trail));
	if (!showing || !trail)
		return conflict_set(why, CONFLICT_NONE, "no memory");
	trail->document = body;
	showing->arena = arena;
	showing->trail = trail;
	showing->frame_space = span_of(usage->roots[0].space);
	return walk(showing, claims, ordinals, count, why);
}

/* --- the document that they make up --- */

static const struct rule *shown_rule(const struct usage *usage)
{
	for (size_t i = 0; i < usage->rule_count; i++)
		if (usage->rules[i].shown.data)
			return &usage->rules[i];
	return NULL;
}

bool usage_shown(const struct usage *usage, struct arena *arena, struct shown *out)
{
	const struct name *root = &usage->roots[0];
	struct buffer before = { .arena = arena };
	buffer_text(&before, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	buffer_format(&before, "<%s xmlns=\"", root->local);
	buffer_xml(&before, span_of(root->space));
	buffer_text(&before, "\">\n");
	out->scope = shown_rule(usage)->scope;
	out->before = buffer_span(&before);
	out->behind = arena_format(arena, "</%s>\n", root->local);
	return out->before.data && out->behind.data;
}

static bool is_called(const struct expanded *name, const struct name *wanted)
{
	return span_equal_text(name->local, wanted->local)
	       && span_equal_text(name->space, wanted->space);
}

bool usage_shown_one(const struct usage *usage, struct arena *arena,
	const struct selector *selector, struct span *value_out)
{
	const struct rule *rule = shown_rule(usage);
	const struct step *root = &selector->steps[0], *one = &selector->steps[1];
	if (selector->count < 2 || root->any || root->has_position || root->has_attribute
		|| !is_called(&root->name, &usage->roots[0]) || one->any || one->has_position
		|| !one->has_attribute || !is_called(&one->name, &rule->element)
		|| !rule->attribute.local || !is_called(&one->attribute, &rule->attribute))
		return false;
	*value_out = uri_canonical(arena, one->value);
	return true;
}
