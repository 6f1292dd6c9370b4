/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/xcap_diff.h"

#include <stdlib.h>
#include <string.h>

enum { LIST_STEP = 500, TRIES = 3, CURRENT_MOST = 10000 };

/* --- tags --- */

uint64_t diff_tag_document(struct arena *arena, const struct doc_id *id, struct etag etag)
{
	const uint64_t key[2] = { etag.generation, etag.number };
	return etag.number ? text_hash(key, diff_sel(arena, id)) : 0;
}

uint64_t diff_tag_part(struct span raw, uint64_t digest)
{
	const uint64_t key[2] = { digest, 2 };
	return digest > DIGEST_UNKNOWN ? text_hash(key, raw) : 0;
}

static uint64_t list_tag(const struct diff_targets *targets)
{
	static const uint64_t key[2] = { 1, 1 };
	uint64_t tag = 1;
	for (size_t i = 0; i < targets->count; i++)
		tag += text_hash(key, targets->items[i].raw);
	return tag;
}

/* --- looking --- */

static enum store_result read_caps(struct diff_state *state, struct arena *arena,
	const struct diff_target *target, struct snapshot *out)
{
	struct conflict unused = { .arena = arena };
	if (!usage_allows_name(target->usage, &target->id, &unused)
		|| usage_generated(target->usage, &target->id) != GENERATED_CAPABILITIES)
		return STORE_ABSENT;
	return usage_generate(state->package->notifier->usages, target->usage, arena, &target->id,
		       &out->body, &out->etag)
		       ? STORE_OK
		       : STORE_FAILED;
}

enum store_result diff_read(struct diff_state *state, struct arena *arena,
	const struct diff_target *target, enum store_want want, struct snapshot *out)
{
	*out = (struct snapshot){ 0 };
	if (usage_generated(target->usage, &target->id))
		return read_caps(state, arena, target, out);
	enum store_result result =
		store_read(state->package->notifier->store, arena, &target->id, want, out);
	if (result != STORE_ABSENT)
		return result;
	out->body = usage_template(target->usage, &target->id, &out->etag);
	return out->body.data ? STORE_OK : STORE_ABSENT;
}

static uint64_t digest_of(struct arena *arena, const struct diff_part *part)
{
	uint64_t key[2] = { 3, 3 };
	struct buffer all = { .arena = arena };
	if (!part->exists)
		return DIGEST_ABSENT;
	key[0] = text_hash(key, part->octets);
	for (size_t i = 0; i < part->in_scope.count; i++) {
		row_text(&all, part->in_scope.items[i].prefix);
		row_text(&all, part->in_scope.items[i].uri);
	}
	uint64_t digest = text_hash(key, buffer_span(&all));
	return digest > DIGEST_UNKNOWN ? digest : digest + 2;
}

bool diff_part_look(struct diff_target *target, struct arena *arena, struct span document,
	struct diff_part *out, bool *changed_out)
{
	*out = (struct diff_part){ .exists = false };
	if (document.data && !diff_find(arena, target->selector, document, out))
		return false;
	uint64_t digest = digest_of(arena, out);
	*changed_out = digest != target->entry->digest;
	target->entry->digest = digest;
	return true;
}

void diff_part_write(struct diff_writer *diff, const struct diff_target *target,
	const struct diff_part *part, size_t most)
{
	size_t before = diff->body.size;
	if (selector_terminal(target->selector) == SELECTOR_ATTRIBUTE) {
		diff_attribute(diff, target->raw, part->exists, part->octets, &target->bindings);
		return;
	}
	diff_element(diff, target->raw, part->exists, part->octets, &part->in_scope);
	if (diff->body.failed || diff->body.size <= most || !part->exists)
		return;
	diff->body.size = before;
	diff_element(diff, target->raw, true, (struct span){ NULL, 0 }, NULL);
}

/* --- walking through all that there is --- */

/* What a full state is written with. Without a writer only the tag is wanted. */
struct tour {
	struct diff_state *state;
	struct diff_targets *targets;
	struct arena *arena;
	struct diff_writer *diff;
	size_t most;
	uint64_t tag;
	size_t seen;
	size_t entry;                   /* where it is, */
	struct doc_id *after;           /* and within a folder, behind which document */
	const struct diff_target *read; /* whose document `document` is; NULL: none so far */
	struct span document;
	bool full; /* no more room in this body */
	bool failed;
};

static bool has_room(struct tour *tour, size_t wanted)
{
	tour->seen++;
	if (tour->diff)
		tour->full = tour->diff->body.size > DIFF_ITEM_ROOM
			     && tour->diff->body.size + wanted + DIFF_ITEM_ROOM > tour->most
			     && tour->seen > 1;
	else
		tour->full = tour->seen > CURRENT_MOST;
	return !tour->full;
}

static void tell_document(
	struct tour *tour, const struct doc_id *id, struct span sel, struct etag etag)
{
	if (!has_room(tour, sel.size))
		return;
	tour->tag += diff_tag_document(tour->arena, id, etag);
	if (tour->diff)
		diff_document(
			tour->diff, sel, (struct etag){ 0 }, etag, (struct span){ NULL, 0 }, false);
}

static void visit_document(struct tour *tour, struct diff_target *target)
{
	struct snapshot snapshot;
	if (diff_teller(tour->state, tour->targets, &target->id) != target)
		return;
	enum store_result result =
		diff_read(tour->state, tour->arena, target, STORE_HEAD, &snapshot);
	if (result == STORE_OK)
		tell_document(tour, &target->id, target->raw, snapshot.etag);
	tour->failed |= result != STORE_OK && result != STORE_ABSENT;
}

/* The parts of one document come one after the other, as a rule. One document at a time is kept. */
static bool read_around(struct tour *tour, struct diff_target *target)
{
	struct snapshot snapshot;
	struct arena *arena = tour->state->package->arena;
	if (tour->read && doc_id_equal(&tour->read->id, &target->id))
		return true;
	arena_reset(arena);
	enum store_result result = diff_read(tour->state, arena, target, STORE_BODY, &snapshot);
	tour->read = target;
	tour->document = snapshot.body;
	return result == STORE_OK || result == STORE_ABSENT;
}

static void visit_part(struct tour *tour, struct diff_target *target)
{
	struct diff_part part;
	uint64_t told = target->entry->digest;
	bool changed;
	if (!read_around(tour, target)
		|| !diff_part_look(target, tour->arena, tour->document, &part, &changed)) {
		tour->failed = true;
		return;
	}
	bool gone = !part.exists && tour->state->known && told != DIGEST_ABSENT;
	tour->tag += diff_tag_part(target->raw, target->entry->digest);
	if (!tour->diff || (!part.exists && !gone))
		return;
	if (has_room(tour, target->raw.size))
		diff_part_write(tour->diff, target, &part, tour->most - DIFF_ITEM_ROOM / 2);
	else
		tour->tag -= diff_tag_part(target->raw, target->entry->digest);
}

static bool is_before(const struct diff_target *target, size_t key, const struct doc_id *id)
{
	for (size_t i = 0; i < key; i++)
		if (watch_covers(&target->keys[i], id))
			return true;
	return false;
}

/* True: there may be more rows. */
static bool visit_rows(struct tour *tour, struct diff_target *target, size_t key)
{
	const struct watch_key *asked = &target->keys[key];
	const struct document_filter filter = {
		.auid = asked->id.auid,
		.only_global = asked->what != WATCH_USAGE && asked->id.tree == TREE_GLOBAL,
		.xui = asked->id.xui.size ? asked->id.xui : (struct span){ NULL, 0 },
	};
	struct document_row *rows;
	size_t count;
	if (store_list(tour->state->package->notifier->store, tour->arena, &filter, tour->after,
		    STORE_HEAD, LIST_STEP, &rows, &count)
		!= STORE_OK) {
		tour->failed = true;
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		struct doc_id *id = &rows[i].id;
		if (watch_covers(asked, id) && !is_before(target, key, id)
			&& diff_teller(tour->state, tour->targets, id) == target)
			tell_document(tour, id, diff_sel(tour->arena, id), rows[i].etag);
		if (tour->full)
			return false;
		tour->after = id;
	}
	return count == LIST_STEP;
}

/* Both keys of a target are of one usage, whose rows come in order: the part of a body that was
 * told before is skipped by `after` whichever key it was for. */
static void visit_folder(struct tour *tour, struct diff_target *target)
{
	struct doc_id *resume = tour->after;
	for (size_t key = 0; key < target->key_count && !tour->full && !tour->failed; key++) {
		bool elsewhere = resume && !watch_covers(&target->keys[key], resume);
		if (elsewhere && key + 1 < target->key_count
			&& watch_covers(&target->keys[key + 1], resume))
			continue;
		tour->after = elsewhere ? NULL : resume;
		resume = NULL;
		while (visit_rows(tour, target, key))
			;
	}
	if (!tour->full)
		tour->after = NULL;
}

static void take_tour(struct tour *tour)
{
	for (; tour->entry < tour->targets->count; tour->entry++) {
		struct diff_target *target = &tour->targets->items[tour->entry];
		if (target->key_count && target->kind == DIFF_WHOLE)
			visit_document(tour, target);
		else if (target->key_count && target->kind == DIFF_PART)
			visit_part(tour, target);
		else if (target->kind == DIFF_FOLDER)
			visit_folder(tour, target);
		if (tour->full || tour->failed)
			return;
	}
}

/* --- bodies --- */

static uint64_t newest_of(const struct diff_state *state)
{
	uint64_t oldest, newest = 0;
	store_feed_range(state->package->notifier->store, &oldest, &newest);
	return newest;
}

/* What the subscriber may have been told of and is gone: a full state says nothing of it. */
static void tell_gone(struct tour *tour)
{
	struct diff_state *state = tour->state;
	struct diff_rows rows;
	struct etag previous, now;
	if (!state->known)
		return;
	if (!diff_rows_read(state, tour->targets, tour->arena, tour->most, &rows)) {
		tour->failed = true;
		return;
	}
	for (struct diff_group *group = rows.first; group && !rows.lost; group = group->next) {
		diff_group_ends(group, &previous, &now);
		if (group->teller && previous.number && !now.number)
			diff_document(tour->diff,
				group->teller->kind == DIFF_WHOLE
					? group->teller->raw
					: diff_sel(tour->arena, &group->id),
				previous, now, (struct span){ NULL, 0 }, false);
	}
}

static bool resume(struct tour *tour)
{
	struct diff_state *state = tour->state;
	tour->entry = state->part_entry;
	tour->tag = state->part_tag;
	if (!state->part_after)
		return true;
	tour->after = arena_alloc(tour->arena, sizeof(*tour->after));
	return tour->after
	       && doc_id_parse(tour->arena, span_of(state->part_after),
		       state->package->notifier->settings->auth.realm, tour->after);
}

static bool pause(struct tour *tour, uint64_t base)
{
	struct diff_state *state = tour->state;
	struct span after = tour->after ? diff_sel(tour->arena, tour->after) : SPAN("");
	char *copy = after.size ? strndup(after.data, after.size) : NULL;
	free(state->part_after);
	state->part_after = copy;
	state->part_entry = (uint32_t)tour->entry;
	state->part_tag = tour->tag;
	state->part_base = base;
	return copy || !after.size;
}

/* One look at everything that fits. True: nothing has changed meanwhile. */
static bool write_full(struct tour *tour, struct diff_writer *diff, uint64_t *base_out)
{
	struct diff_state *state = tour->state;
	uint64_t base = state->part_base ? state->part_base : newest_of(state);
	tour->diff = diff;
	diff_begin(diff, tour->arena, state->package->notifier->settings->http.root,
		!tour->targets->has_parts);
	if (!tour->tag)
		tour->tag = list_tag(tour->targets);
	take_tour(tour);
	if (!tour->full && !tour->failed)
		tell_gone(tour);
	*base_out = base;
	return state->part_base || tour->full || newest_of(state) == base;
}

/* Rows up to `base` are in it; what came later is told as news. */
static void settle_full(
	struct diff_state *state, uint64_t base, uint64_t tag, struct package_body *out)
{
	diff_state_drop_part(state);
	state->mark = base;
	state->tag = tag;
	state->scan = newest_of(state) != base;
	state->change_count = 0;
	state->upto = 0;
	out->mark = diff_mark(base);
	out->tag = tag;
	out->more = false;
}

void diff_full(
	void *context, void *state_, struct arena *arena, size_t most, struct package_body *out)
{
	struct diff_state *state = state_;
	struct diff_targets targets;
	struct diff_writer diff;
	struct tour tour;
	uint64_t base = 0;
	(void)context;
	*out = (struct package_body){ .failed = true };
	if (!diff_targets_read(state, state->package->usages, arena, &targets))
		return;
	for (size_t i = 0; i < TRIES; i++) {
		tour = (struct tour){
			.state = state, .targets = &targets, .arena = arena, .most = most
		};
		if (!resume(&tour))
			return;
		if (write_full(&tour, &diff, &base))
			break;
	}
	out->body = diff_end(&diff);
	out->failed = tour.failed || !out->body.data || (tour.full && !pause(&tour, base));
	if (out->failed) {
		diff_state_doubt(state);
		return;
	}
	out->content_type = span_of(xcap_diff_package.content_type);
	out->worth_telling = true;
	out->more = tour.full;
	out->mark = state->known ? diff_mark(state->told) : 0;
	out->tag = tour.tag;
	if (!tour.full)
		settle_full(state, base, tour.tag, out);
}

uint64_t diff_tag_now(struct diff_state *state, struct diff_targets *targets, struct arena *arena)
{
	struct tour tour = {
		.state = state, .targets = targets, .arena = arena, .tag = list_tag(targets)
	};
	take_tour(&tour);
	return tour.full || tour.failed ? 0 : tour.tag;
}

bool diff_current(void *context, void *state_, struct arena *arena, struct package_body *out)
{
	struct diff_state *state = state_;
	struct diff_targets targets;
	(void)context;
	if (!diff_targets_read(state, state->package->usages, arena, &targets))
		return false;
	for (size_t i = 0; i < TRIES; i++) {
		uint64_t base = newest_of(state), tag = diff_tag_now(state, &targets, arena);
		if (!tag)
			return false;
		if (newest_of(state) != base)
			continue;
		settle_full(state, base, tag, out);
		state->told = base;
		state->known = true;
		return true;
	}
	return false;
}
