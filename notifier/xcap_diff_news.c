/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/xcap_diff.h"

#include <string.h>

enum { END_ROOM = 64 };

/* One body of news. */
struct news {
	struct diff_state *state;
	struct diff_targets targets;
	struct diff_rows rows;
	struct arena *arena;
	struct diff_writer diff;
	size_t most;
	struct diff_room room; /* its end: where the body has to end for what comes behind to fit */
	size_t items;
	uint64_t tag;
	bool failed;
};

/* A document that exists from the start was told of under its first tag. */
void diff_group_ends(
	const struct diff_group *group, struct etag *previous_out, struct etag *now_out)
{
	const struct feed_row *last = group->rows[group->count - 1];
	*previous_out = group->rows[0]->previous;
	*now_out = last->removed ? (struct etag){ 0 } : last->etag;
	if (!previous_out->number && group->teller && group->teller->kind == DIFF_WHOLE)
		usage_template(group->usage, &group->id, previous_out);
}

static void tell_document(struct news *news, const struct diff_group *group)
{
	struct etag previous, now;
	size_t before = news->diff.body.size;
	diff_group_ends(group, &previous, &now);
	if (!group->teller)
		return;
	news->tag += diff_tag_document(news->arena, &group->id, now);
	news->tag -= diff_tag_document(news->arena, &group->id, previous);
	diff_group_write(news->state, news->arena, group, &news->room, &news->diff);
	news->items += news->diff.body.size != before;
}

static void tell_part(struct news *news, struct diff_target *target, struct span document)
{
	struct diff_part part;
	uint64_t told = target->entry->digest;
	bool changed;
	if (!diff_part_look(target, news->arena, document, &part, &changed)) {
		news->failed = true;
		return;
	}
	if (!changed)
		return;
	news->tag += diff_tag_part(target->raw, target->entry->digest);
	news->tag -= diff_tag_part(target->raw, told);
	news->items++;
	diff_part_write(&news->diff, target, &part, news->room.end);
}

/* The parts of one document as they are at this moment. */
static void tell_parts(struct news *news, const struct diff_group *group)
{
	struct snapshot snapshot = { 0 };
	struct arena *arena = news->state->package->arena; /* one document at a time is kept */
	bool read = false;
	for (size_t i = 0; i < news->targets.count && !news->failed; i++) {
		struct diff_target *target = &news->targets.items[i];
		if (target->kind != DIFF_PART || !target->key_count
			|| !doc_id_equal(&target->id, &group->id))
			continue;
		if (!read) {
			arena_reset(arena);
			enum store_result result =
				diff_read(news->state, arena, target, STORE_BODY, &snapshot);
			news->failed = result != STORE_OK && result != STORE_ABSENT;
			read = true;
		}
		if (!news->failed)
			tell_part(news, target, snapshot.body);
	}
}

/* Generated documents that may be others since the usages were loaded anew. */
static void tell_capabilities(struct news *news)
{
	for (size_t i = 0; i < news->targets.count; i++) {
		struct diff_target *target = &news->targets.items[i];
		struct snapshot snapshot;
		if (target->kind != DIFF_WHOLE || !target->key_count
			|| usage_generated(target->usage, &target->id) != GENERATED_CAPABILITIES
			|| diff_read(news->state, news->arena, target, STORE_BODY, &snapshot)
				   != STORE_OK)
			continue;
		diff_document(&news->diff, target->raw, (struct etag){ 0 }, snapshot.etag,
			(struct span){ NULL, 0 }, false);
		news->items++;
	}
}

static bool gather(struct news *news)
{
	struct diff_state *state = news->state;
	return diff_targets_read(state, state->package->usages, news->arena, &news->targets)
	       && diff_rows_read(state, &news->targets, news->arena, news->most, &news->rows);
}

static void write_news(struct news *news)
{
	struct diff_state *state = news->state;
	bool plain = state->mode == MODE_NO_PATCHING && !news->targets.has_parts;
	news->tag = state->tag;
	diff_begin(&news->diff, news->arena, state->package->notifier->settings->http.root, plain);
	news->room.end = news->most - news->rows.cost;
	for (struct diff_group *group = news->rows.first; group; group = group->next) {
		news->room.end += group->cost;
		tell_document(news, group);
		tell_parts(news, group);
	}
	if (state->caps)
		tell_capabilities(news);
}

/* Rows that were looked at are done with. */
static void settle_news(struct news *news, struct package_body *out)
{
	struct diff_state *state = news->state;
	bool tag_known = state->tag && !state->caps;
	size_t done = 0;
	while (done < state->change_count && state->changes[done] <= news->rows.mark)
		done++;
	state->change_count = (uint16_t)(state->change_count - done);
	if (done && state->change_count)
		memmove(state->changes, state->changes + done,
			state->change_count * sizeof(*state->changes));
	state->mark = news->rows.mark;
	state->scan = state->scan && news->rows.more;
	state->caps = false;
	state->tag = tag_known ? news->tag : diff_tag_now(state, &news->targets, news->arena);
	out->mark = diff_mark(state->mark);
	out->tag = state->tag;
	out->more = news->rows.more;
	out->worth_telling = news->items > 0;
	if (!out->worth_telling)
		state->told = state->mark;
}

void diff_news(
	void *context, void *state_, struct arena *arena, size_t most, struct package_body *out)
{
	struct diff_state *state = state_;
	struct news news = { .state = state, .arena = arena, .most = most - END_ROOM };
	*out = (struct package_body){ .failed = true };
	if (!gather(&news))
		return;
	if (news.rows.lost) {
		diff_state_doubt(state);
		diff_full(context, state, arena, most, out);
		return;
	}
	write_news(&news);
	out->body = diff_end(&news.diff);
	if (news.failed || !out->body.data) {
		diff_state_doubt(state);
		return;
	}
	out->failed = false;
	out->content_type = span_of(xcap_diff_package.content_type);
	settle_news(&news, out);
}
