/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/namespaces.h"
#include "xcap/patch_private.h"

enum { LEVELS_MOST = 8 }; /* how far up an end is looked for */

/* The elements that are open where the versions begin to differ: the tags are on the trail. */
struct around {
	size_t head, tail;                   /* octets in common */
	size_t from[SELECTOR_STEPS_MAX];     /* past the last whole tag in each one's content */
	size_t elements[SELECTOR_STEPS_MAX]; /* of its children that end before that */
};

static size_t common_head(struct span a, struct span b)
{
	size_t most = a.size < b.size ? a.size : b.size, at = 0;
	while (at < most && a.data[at] == b.data[at])
		at++;
	return at;
}

static size_t common_tail(struct span a, struct span b, size_t head)
{
	size_t most = (a.size < b.size ? a.size : b.size) - head, size = 0;
	while (size < most && a.data[a.size - size - 1] == b.data[b.size - size - 1])
		size++;
	return size;
}

static void open_tags(struct around *around, struct trail *trail)
{
	struct scan scan = { .document = trail->document };
	struct tag tag;
	size_t depth = 0;
	for (;;) {
		enum scan_event event = scan_next(&scan, &tag);
		if (event >= SCAN_END || tag.end > around->head)
			break;
		if (event == SCAN_OPEN && !tag.empty) {
			if (depth == SELECTOR_STEPS_MAX)
				break;
			trail->tags[depth] = tag;
			around->elements[depth] = 0;
			around->from[depth++] = tag.end;
			continue;
		}
		depth -= event == SCAN_CLOSE && depth;
		if (depth) {
			around->from[depth - 1] = tag.end;
			around->elements[depth - 1]++;
		}
	}
	trail->depth = depth;
}

/* From `from` in an element's content to its first child that begins at `least` or behind it, or to
 * its end tag. */
static bool tag_behind(struct span document, size_t from, size_t least, size_t *start_out,
	enum scan_event *event_out)
{
	struct scan scan = { .document = document, .at = from };
	struct tag tag;
	for (;;) {
		*event_out = scan_next(&scan, &tag);
		*start_out = tag.start;
		if (*event_out >= SCAN_END)
			return false;
		if (tag.start >= least)
			return true;
		if (*event_out == SCAN_CLOSE || (!tag.empty && !scan_skip(&scan, NULL)))
			return false;
	}
}

/* What differs is between two tags of one element's content, in both versions. */
static bool find_run(const struct around *around, struct span former, struct span now,
	struct patch_narrowed *out)
{
	size_t from = around->from[out->trail.depth - 1], end, now_end;
	enum scan_event event;
	if (!tag_behind(former, from, former.size - around->tail, &end, &event))
		return false;
	size_t wanted = now.size - (former.size - end);
	if (!tag_behind(now, from, wanted, &now_end, &event) || now_end != wanted)
		return false;
	out->former = (struct span){ former.data + from, end - from };
	out->now = (struct span){ now.data + from, now_end - from };
	out->right = event == SCAN_OPEN;
	return true;
}

/* --- what stands before it --- */

static size_t past(struct span text, struct span closing)
{
	size_t at;
	return span_search(text, closing, &at) ? at + closing.size : text.size;
}

/* Between two tags. */
static void count_gap(struct patch_narrowed *out, struct span gap)
{
	bool in_text = false;
	while (gap.size) {
		size_t size, markup;
		bool comment = span_starts(gap, SPAN("<!--")),
		     section = !comment && span_starts(gap, SPAN("<![CDATA["));
		if (comment || (!section && gap.data[0] == '<')) {
			size = comment ? past(gap, SPAN("-->")) : past(gap, SPAN("?>"));
			out->before[comment ? PATCH_COMMENT : PATCH_INSTRUCTION]++;
			in_text = false;
		} else {
			size = section                        ? past(gap, SPAN("]]>"))
			       : span_find(gap, '<', &markup) ? markup
							      : gap.size;
			bool empty = section && size == sizeof("<![CDATA[]]>") - 1;
			out->before[PATCH_TEXT] += !in_text && !empty;
			in_text |= !empty;
		}
		gap = span_from(gap, size);
	}
}

static bool count_before(struct patch_narrowed *out, size_t from)
{
	struct span document = out->trail.document;
	struct scan scan = { .document = document,
		.at = out->trail.tags[out->trail.depth - 1].end };
	struct tag tag;
	while (scan.at < from) {
		size_t gap = scan.at;
		if (scan_next(&scan, &tag) != SCAN_OPEN)
			return false;
		count_gap(out, (struct span){ document.data + gap, tag.start - gap });
		if (!tag.empty && !scan_skip(&scan, NULL))
			return false;
	}
	return scan.at == from;
}

bool patch_narrow(struct span former, struct span now, struct patch_narrowed *out)
{
	struct around around = { .head = common_head(former, now) };
	around.tail = common_tail(former, now, around.head);
	*out = (struct patch_narrowed){ .right = false };
	out->trail.document = former;
	open_tags(&around, &out->trail);
	for (size_t tries = 0; out->trail.depth && tries < LEVELS_MOST; tries++) {
		if (find_run(&around, former, now, out))
			break;
		out->trail.depth--;
		out->former.data = NULL;
	}
	if (!out->former.data || out->former.size > former.size / 2 || out->now.size > now.size / 2)
		return false;
	size_t level = out->trail.depth - 1;
	out->before[PATCH_ELEMENT] = around.elements[level];
	return count_before(out, around.from[level]);
}

struct span patch_wrapped(
	struct arena *arena, const struct patch_narrowed *narrowed, struct span run)
{
	struct buffer to = { .arena = arena };
	struct declarations scope;
	if (!namespaces_in_scope(arena, &narrowed->trail, narrowed->trail.depth, &scope))
		return (struct span){ NULL, 0 };
	buffer_text(&to, "<w");
	for (size_t i = 0; i < scope.count; i++) {
		const struct declaration *item = &scope.items[i];
		buffer_text(&to, item->prefix.size ? " xmlns:" : " xmlns");
		buffer_append(&to, item->prefix);
		buffer_octet(&to, '=');
		buffer_append(&to, (struct span){ item->stored.data - 1, item->stored.size + 2 });
	}
	buffer_octet(&to, '>');
	buffer_append(&to, run);
	buffer_text(&to, "</w>");
	return buffer_span(&to);
}
