/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/xcap_diff.h"
#include "xcap/patch.h"

/* One step of a document from one version to another. */
struct leap {
	const struct diff_state *state;
	const struct diff_group *group;
	const struct feed_row *row; /* the only one; NULL: several in one */
	struct etag previous, now;
	struct span sel;
	size_t end; /* where the body has to end */
	struct diff_room *room;
};

enum { WORK_MOST = 4 << 20 };

static const struct patch_edit *edit_of(const struct leap *leap, struct patch_edit *room)
{
	const struct feed_row *row = leap->row;
	if (!row || row->change.what == CHANGE_DOCUMENT)
		return NULL;
	*room = (struct patch_edit){
		.selector = row->change.selector,
		.bindings = row->change.bindings,
		.default_namespace = usage_default_namespace(leap->group->usage),
	};
	return room;
}

static enum patch_result make_patch(
	const struct leap *leap, struct arena *arena, size_t space, struct buffer *ops)
{
	const struct settings *settings = leap->state->package->notifier->settings;
	struct store *store = leap->state->package->notifier->store;
	const struct xml_limits limits = {
		.depth = (size_t)settings->limits.depth,
		.attributes = XML_ATTRIBUTES_MOST,
		.size = (size_t)settings->limits.document,
	};
	struct span former, now;
	struct patch_edit edit;
	if (leap->room->work > WORK_MOST
		|| store_version_read(
			   store, arena, &leap->group->id, leap->previous.number, &former)
			   != STORE_OK
		|| store_version_read(store, arena, &leap->group->id, leap->now.number, &now)
			   != STORE_OK)
		return PATCH_IMPOSSIBLE;
	size_t most = space < now.size ? space : now.size;
	leap->room->work += former.size + now.size;
	return edit_of(leap, &edit) ? patch_of_edit(arena, former, now, &edit, most, &limits, ops)
				    : patch_between(arena, former, now, most, &limits, ops);
}

/* Bare etags where a patch would be longer than the document or cannot be said, the versions are
 * not kept any more, or this body has cost enough. */
static void write_leap(const struct leap *leap, struct arena *arena, struct diff_writer *diff)
{
	struct buffer ops = { .arena = arena };
	enum patch_result result = PATCH_IMPOSSIBLE;
	size_t bare = diff->body.size + leap->sel.size + DIFF_ITEM_ROOM;
	if (!diff->plain && leap->state->mode != MODE_NO_PATCHING && leap->previous.number
		&& leap->now.number && bare < leap->end)
		result = make_patch(leap, arena, leap->end - bare, &ops);
	diff_document(diff, leap->sel, leap->previous, leap->now,
		result == PATCH_MADE ? buffer_span(&ops) : (struct span){ NULL, 0 },
		result == PATCH_SAME);
}

void diff_group_write(const struct diff_state *state, struct arena *arena,
	const struct diff_group *group, struct diff_room *room, struct diff_writer *diff)
{
	struct leap leap = { .state = state, .group = group, .room = room };
	leap.sel = group->teller->kind == DIFF_WHOLE ? group->teller->raw
						     : diff_sel(arena, &group->id);
	diff_group_ends(group, &leap.previous, &leap.now);
	leap.end = room->end;
	if (state->mode != MODE_XCAP_PATCHING) {
		if (leap.previous.number || leap.now.number)
			write_leap(&leap, arena, diff);
		return;
	}
	size_t each = leap.sel.size + DIFF_ITEM_ROOM;
	for (size_t i = 0; i < group->count; i++) {
		leap.row = group->rows[i];
		if (i)
			leap.previous = leap.row->previous;
		leap.now = leap.row->removed ? (struct etag){ 0 } : leap.row->etag;
		size_t behind = each * (group->count - 1 - i);
		leap.end = room->end > behind ? room->end - behind : 0;
		write_leap(&leap, arena, diff);
	}
}
