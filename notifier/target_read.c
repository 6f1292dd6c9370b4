/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/target_private.h"

#include "base/log.h"

enum { PAGE_ROWS = 128 };

static bool target_wants(const struct peer *target, struct span auid)
{
	for (size_t i = 0; i < target->wanted_count; i++)
		if (span_equal(target->wanted[i], auid))
			return true;
	return !target->wanted;
}

/* --- what the former process had on its way --- */

/* One it had sent is sent again just so, one that was confirmed is not. */
static bool take_restored(struct peer *target, struct restored *restored,
	const struct delivery_change *next, uint64_t step)
{
	struct flight_record *record = &restored->record;
	struct delivery_change again = *next;
	if (record->state != TELLING_LEFT)
		return true;
	again.from = record->from;
	again.to = record->to;
	again.previous = etag_numbered(target, record->extra[1]);
	again.etag = etag_numbered(target, record->extra[2]);
	again.time = record->extra[3];
	again.left = true;
	if (!target_take(target, &again, step))
		return false;
	struct news *change = change_latest(target, &again.id);
	if (change && change->told.from == again.from && change->told.left) {
		change->last += record->to - next->to;
		change->place = restored->place;
		restored->place = 0;
	}
	record->state = TELLING_CONFIRMED;
	return true;
}

static bool take(struct peer *target, const struct delivery_change *next, uint64_t step)
{
	struct restored *restored = NULL;
	if (target->restored_first)
		restored = restored_find(target, document_hash(&next->id), next->to);
	return restored ? take_restored(target, restored, next, step)
			: target_take(target, next, step);
}

/* --- following --- */

static size_t room(const struct peer *target)
{
	const struct target_limits *limits = &target->targets->limits;
	if (target->targets->draining)
		return PAGE_ROWS;
	if (target->order.count >= limits->window || target->landed.count >= limits->landed
		|| target->parked_here > 2 * limits->parked)
		return 0;
	size_t left = limits->window - target->order.count;
	return left < PAGE_ROWS ? left : PAGE_ROWS;
}

static void read_feed(struct peer *target, size_t most)
{
	struct arena *arena = target->targets->rows;
	struct feed_row *rows;
	size_t count;
	arena_reset(arena);
	if (store_feed(target->notifier->store, arena, target->read, most, &rows, &count)
		!= STORE_OK) {
		log_event(LEVEL_ERROR, "feed", "cannot be read: %s", store_problem());
		target->more = false;
		return;
	}
	target->more = count == most;
	for (size_t i = 0; i < count; i++) {
		if (rows[i].number != target->read + 1) {
			target->gap = true;
			return;
		}
		struct delivery_change next = merge_row(&rows[i]);
		if (target_wants(target, next.id.auid) && !take(target, &next, rows[i].number)) {
			target->more = false;
			return;
		}
		target->read = target->steps = rows[i].number;
	}
	if (count)
		target_moved(target);
}

/* --- a resync: what there is up to a number of the feed, then the feed from there on --- */

void target_resync(struct peer *target, uint64_t since)
{
	uint64_t oldest, newest = target->read;
	store_feed_range(target->notifier->store, &oldest, &newest);
	log_event(LEVEL_INFO, "target", "%.*s is told all that is there", SPAN_ARG(target->name));
	target->phase = DELIVERY_RESYNC;
	target->stage = DELIVERY_DOCUMENTS;
	target->since = target->scanned = since;
	target->read = newest;
	target->steps = 0;
	target->usage = 0;
	target->gap = false;
	target->more = true;
	target->walked.id = (struct doc_id){ 0 };
	landed_rebase(target);
}

static bool walk_takes(struct peer *target, const struct delivery_change *next)
{
	bool wanted = next->to > target->since && next->to <= target->read
		      && target_wants(target, next->id.auid);
	if (wanted && !take(target, next, target->steps + 1))
		return false;
	target->steps++;
	return true;
}

/* The documents that are, behind those walked; *count_out 0: that was all. */
static bool walk_documents(struct peer *target, const struct document_filter *filter,
	const struct doc_id *after, size_t most, size_t *count_out)
{
	struct document_row *rows;
	uint64_t now = loop_wall_clock();
	if (store_list(target->notifier->store, target->targets->rows, filter, after, STORE_HEAD,
		    most, &rows, count_out)
		!= STORE_OK)
		return false;
	for (size_t i = 0; i < *count_out; i++) {
		const struct delivery_change next = { .id = rows[i].id,
			.from = rows[i].etag.number,
			.to = rows[i].etag.number,
			.time = now,
			.etag = rows[i].etag };
		if (!walk_takes(target, &next))
			return false;
		kept_copy(&target->walked, &rows[i].id);
	}
	return true;
}

static bool walk_deleted(struct peer *target, const struct document_filter *filter,
	const struct doc_id *after, size_t most, size_t *count_out)
{
	struct deleted_row *rows;
	uint64_t now = loop_wall_clock();
	if (store_list_deleted(target->notifier->store, target->targets->rows, filter, after, most,
		    &rows, count_out)
		!= STORE_OK)
		return false;
	for (size_t i = 0; i < *count_out; i++) {
		const struct delivery_change next = { .id = rows[i].id,
			.from = rows[i].number,
			.to = rows[i].number,
			.time = now,
			.previous = rows[i].previous };
		if (!walk_takes(target, &next))
			return false;
		kept_copy(&target->walked, &rows[i].id);
	}
	return true;
}

/* Removals of documents of which nothing is left but the feed's row. */
static bool walk_removals(struct peer *target, size_t most, size_t *count_out)
{
	struct store *store = target->notifier->store;
	struct arena *arena = target->targets->rows;
	struct feed_row *rows;
	if (store_feed(store, arena, target->scanned, most, &rows, count_out) != STORE_OK)
		return false;
	for (size_t i = 0; i < *count_out; i++) {
		struct delivery_change next = merge_row(&rows[i]);
		struct version *versions;
		size_t count;
		if (rows[i].removed && target_wants(target, next.id.auid)
			&& store_versions(store, arena, &next.id, &versions, &count) == STORE_ABSENT
			&& !walk_takes(target, &next))
			return false;
		target->scanned = rows[i].number;
	}
	if (target->scanned >= target->read)
		*count_out = 0;
	return true;
}

static bool walk_page(struct peer *target, size_t most, size_t *count_out)
{
	struct document_filter filter = { 0 };
	const struct doc_id *after = target->walked.id.auid.size ? &target->walked.id : NULL;
	if (target->stage == DELIVERY_REMOVALS)
		return walk_removals(target, most, count_out);
	if (target->wanted)
		filter.auid = target->wanted[target->usage];
	return target->stage == DELIVERY_DOCUMENTS
		       ? walk_documents(target, &filter, after, most, count_out)
		       : walk_deleted(target, &filter, after, most, count_out);
}

/* A stage ends when all of it is confirmed or parked. */
static void next_stage(struct peer *target)
{
	target->more = true;
	if (target->stage != DELIVERY_REMOVALS && ++target->usage < target->wanted_count)
		return;
	if (target->order.oldest) {
		target->usage = target->wanted_count ? target->wanted_count - 1 : 0;
		target->more = false;
		return;
	}
	target->usage = 0;
	target->walked.id = (struct doc_id){ 0 };
	target_moved(target);
	if (target->stage != DELIVERY_REMOVALS) {
		target->stage++;
		return;
	}
	restored_free(target, target->read, false);
	target->phase = DELIVERY_FOLLOWS;
	target->steps = target->read;
	landed_rebase(target);
	log_event(LEVEL_INFO, "target", "%.*s was told all that is there", SPAN_ARG(target->name));
}

static void read_documents(struct peer *target, size_t most)
{
	size_t count = 0;
	arena_reset(target->targets->rows);
	if (!walk_page(target, most, &count)) {
		log_event(LEVEL_ERROR, "target", "cannot read what is there: %s", store_problem());
		target->more = false;
		return;
	}
	target->more = true;
	if (count)
		target_moved(target);
	else
		next_stage(target);
}

bool target_read(struct peer *target)
{
	size_t most = room(target);
	if (target->gap && !target->order.oldest)
		target_resync(target, target->read);
	if (target->phase == DELIVERY_RESYNC && !target->order.oldest)
		target->more = true;
	if (!most || target->gap || !target->more)
		return false;
	if (target->phase == DELIVERY_RESYNC)
		read_documents(target, most);
	else
		read_feed(target, most);
	if (target->restored_first && target->phase == DELIVERY_FOLLOWS
		&& target->read >= target->restored_last)
		restored_free(target, UINT64_MAX, false);
	return true;
}
