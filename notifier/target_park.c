/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/target_private.h"

#include "base/log.h"

#include <string.h>

enum { ROW_MS = 500, PAGE_ROWS = 256, EVICT_LOOKS = 512 };

/* --- rows of parked changes --- */

bool pending_put(struct news *change)
{
	struct owner *owner = change->owner;
	struct peer *target = owner->target;
	struct arena *arena = target->targets->scratch;
	struct delivery_change row = change->told;
	bool first = owner->first == change;
	row.tries = first ? owner->tries : 0;
	row.error = first ? span_of(owner->error) : (struct span){ 0 };
	arena_reset(arena);
	struct span key = delivery_key(arena, target->name, owner->xui, change->told.from);
	struct span value = delivery_change_encode(arena, &row);
	change->unsaved =
		!key.data || !value.data
		|| !saver_put(target->notifier->saver, DELIVERY_PENDING, key, value, ROW_MS);
	if (change->unsaved)
		return false;
	owner->put = ++target->puts;
	targets_flush_soon(target->targets, ROW_MS);
	return true;
}

void pending_remove(struct news *change)
{
	struct owner *owner = change->owner;
	struct peer *target = owner->target;
	struct arena *arena = target->targets->scratch;
	arena_reset(arena);
	struct span key = delivery_key(arena, target->name, owner->xui, change->told.from);
	if (!key.data
		|| !saver_put(
			target->notifier->saver, DELIVERY_PENDING, key, (struct span){ 0 }, ROW_MS))
		return;
	owner->put = ++target->puts;
	targets_flush_soon(target->targets, ROW_MS);
}

bool owner_park(struct owner *owner)
{
	struct peer *target = owner->target;
	struct news *change = owner->first;
	if (owner->parked)
		return true;
	while (change && pending_put(change))
		change = change->next;
	if (change) {
		for (struct news *put = owner->first; put != change; put = put->next)
			pending_remove(put);
		return false;
	}
	for (change = owner->first; change; change = change->next) {
		change_parts(change);
		change->parked = true;
	}
	owner->parked = true;
	target->parked++;
	target->parked_here++;
	target->parked_tells += owner->stand == STANDS_TELLING;
	owner_stands(owner, owner->stand);
	return true;
}

/* --- owners who are only on disk --- */

static bool load_change(struct owner *owner, struct span value)
{
	struct delivery_change row;
	if (!delivery_change_decode(value, &row))
		return true;
	row.left |= row.from <= owner->target->apart;
	struct news *change = change_append(owner, &row);
	if (!change)
		return false;
	change->parked = true;
	change->last = owner->target->phase == DELIVERY_FOLLOWS ? row.to : 0;
	if (owner->first == change) {
		owner->tries = row.tries;
		snprintf(owner->error, sizeof(owner->error), "%.*s", SPAN_ARG(row.error));
	}
	return true;
}

/* *last_out: the key of the last row of the page; none: there are no more of the owner. */
static bool load_page(struct owner *owner, struct span after, struct span *last_out)
{
	struct peer *target = owner->target;
	struct kv_pair *pairs;
	size_t count;
	if (kv_list(target->notifier->store, target->targets->scratch, DELIVERY_PENDING, after,
		    PAGE_ROWS, &pairs, &count)
		!= STORE_OK)
		return false;
	*last_out = (struct span){ 0 };
	for (size_t i = 0; i < count; i++) {
		struct span name, xui;
		uint64_t from;
		if (!delivery_key_parse(pairs[i].key, &name, &xui, &from)
			|| !span_equal(name, target->name) || !span_equal(xui, owner->xui))
			break;
		if (!load_change(owner, pairs[i].value))
			return false;
		*last_out = i + 1 == PAGE_ROWS ? pairs[i].key : (struct span){ 0 };
	}
	return true;
}

bool owner_load(struct peer *target, struct span xui, struct owner **out)
{
	struct arena *arena = target->targets->scratch;
	struct owner *owner = owner_make(target, xui);
	bool well = owner != NULL;
	*out = NULL;
	if (!well)
		return false;
	arena_reset(arena);
	owner->parked = true;
	target->parked_here++;
	struct span after = delivery_key(arena, target->name, xui, 0);
	well = after.data != NULL;
	while (well && after.data)
		well = load_page(owner, after, &after);
	if (!well || !owner->first) {
		owner_free(owner);
		return well;
	}
	*out = owner;
	owner_wake(owner);
	return true;
}

static bool is_clean(const struct owner *owner)
{
	bool clean = owner->put <= owner->target->saved;
	for (const struct news *one = owner->first; one && clean; one = one->next)
		clean = !one->unsaved;
	return clean;
}

/* Forgets what the store remembers: of those that were tried last one of which all is on disk. */
static bool evict(struct peer *target)
{
	struct owner *owner = target->waiting_parked.tail;
	for (int looks = 0; owner && !is_clean(owner); looks++)
		owner = looks < EVICT_LOOKS ? owner->before : NULL;
	if (!owner)
		return false;
	for (struct news *one = owner->first; one; one = one->next)
		flight_release(target->notifier->flight, one->place);
	owner_free(owner);
	return true;
}

/* The next owner on disk behind the last one who had a turn; none: that was all. */
static struct span next_turn(struct peer *target)
{
	struct arena *arena = target->targets->scratch;
	struct kv_pair *pair;
	size_t count;
	struct span name, xui;
	uint64_t from;
	arena_reset(arena);
	struct span after =
		target->turn.id.xui.data
			? delivery_key(arena, target->name, target->turn.id.xui, UINT64_MAX)
			: arena_format(arena, "%.*s%c", SPAN_ARG(target->name), '\0');
	if (!after.data
		|| kv_list(target->notifier->store, arena, DELIVERY_PENDING, after, 1, &pair,
			   &count)
			   != STORE_OK
		|| !count || !delivery_key_parse(pair->key, &name, &xui, &from)
		|| !span_equal(name, target->name))
		return (struct span){ 0 };
	kept_copy(&target->turn, &(struct doc_id){ .xui = xui });
	return target->turn.id.xui;
}

void target_turns(struct peer *target, uint64_t elapsed_ms)
{
	const struct target_limits *limits = &target->targets->limits;
	struct owner *owner;
	if (target->parked <= target->parked_here || target->silent)
		return;
	size_t away = target->parked - target->parked_here;
	size_t turns = (size_t)(away * elapsed_ms / limits->round_ms) + 1;
	while (target->parked_here + turns > limits->parked && evict(target))
		;
	for (; turns && target->parked_here < limits->parked; turns--) {
		struct span xui = next_turn(target);
		if (!xui.data) {
			target->turn.id.xui = xui;
			break;
		}
		if (!owner_find(target, xui) && !owner_load(target, xui, &owner))
			break;
	}
	target_pump(target);
}

void target_saved(struct peer *target)
{
	struct owner *next;
	for (struct owner *one = target->leaving.head; one; one = next) {
		next = one->behind;
		if (one->put <= target->saved)
			owner_free(one);
	}
	while (target->parked_here > target->targets->limits.parked && evict(target))
		;
}

/* --- who is parked --- */

/* Who has no answer while others have, or waits for an interval while the memory fills up. */
static bool holds_up(const struct peer *target, const struct owner *owner)
{
	const struct target_limits *limits = &target->targets->limits;
	if (owner->stand == STANDS_TELLING)
		return target->answers != owner->answers
		       && loop_now(target->notifier->loop) - owner->sent_ms >= limits->slow_ms;
	return owner->stand == STANDS_WAITING
	       && (target->order.count > limits->window / 4 * 3
		       || target->landed.count > limits->landed / 2);
}

void target_park_slow(struct peer *target)
{
	struct news *oldest;
	while ((oldest = target->order.oldest) && holds_up(target, oldest->owner)
		&& owner_park(oldest->owner))
		;
}

bool target_park_all(struct peer *target)
{
	while (target->order.oldest)
		if (!owner_park(target->order.oldest->owner))
			return false;
	return true;
}

/* --- the start --- */

typedef bool each_row(struct peer *target, const struct kv_pair *pair, struct span xui);

/* All rows of the target. */
static bool rows_walk(struct peer *target, each_row *each)
{
	struct arena *arena = target->targets->rows;
	char last[400];
	struct kv_pair *pairs;
	size_t count = PAGE_ROWS;
	arena_reset(arena);
	struct span after = arena_format(arena, "%.*s%c", SPAN_ARG(target->name), '\0');
	while (after.data && count == PAGE_ROWS) {
		struct span name, xui;
		uint64_t from;
		if (kv_list(target->notifier->store, arena, DELIVERY_PENDING, after, PAGE_ROWS,
			    &pairs, &count)
			!= STORE_OK)
			return false;
		for (size_t i = 0; i < count; i++) {
			if (!delivery_key_parse(pairs[i].key, &name, &xui, &from)
				|| !span_equal(name, target->name))
				return true;
			if (!each(target, &pairs[i], xui))
				return false;
		}
		if (!count)
			break;
		after = (struct span){ last, pairs[count - 1].key.size };
		memcpy(last, pairs[count - 1].key.data, after.size);
		arena_reset(arena);
	}
	return after.data != NULL;
}

static bool row_write(struct peer *target, struct span key, struct span value)
{
	const struct kv_pair pair = { .key = key, .value = value };
	return kv_write(target->notifier->store, DELIVERY_PENDING, &pair, 1) == STORE_OK;
}

/* What the former process had told of it. */
static bool settle_row(struct peer *target, const struct kv_pair *pair, struct span xui)
{
	struct delivery_change row;
	(void)xui;
	if (!delivery_change_decode(pair->value, &row)) {
		log_event(LEVEL_ERROR, "target", "a change that waits for %.*s cannot be read",
			SPAN_ARG(target->name));
		return row_write(target, pair->key, (struct span){ 0 });
	}
	struct restored *restored = restored_find(target, document_hash(&row.id), row.from);
	if (!restored || restored->record.from != row.from)
		return true;
	const struct flight_record *record = &restored->record;
	row.left = true;
	row.to = record->to;
	row.previous = etag_numbered(target, record->extra[1]);
	row.etag = etag_numbered(target, record->extra[2]);
	if (record->state == TELLING_CONFIRMED)
		return row_write(target, pair->key, (struct span){ 0 });
	struct span value = delivery_change_encode(target->targets->rows, &row);
	if (!value.data || !row_write(target, pair->key, value))
		return false;
	restored->record.state = TELLING_CONFIRMED; /* the row says it all */
	flight_release(target->notifier->flight, restored->place);
	restored->place = 0;
	return true;
}

static bool count_row(struct peer *target, const struct kv_pair *pair, struct span xui)
{
	struct owner *owner;
	(void)pair;
	if (target->turn.id.xui.data && span_equal(xui, target->turn.id.xui))
		return true;
	kept_copy(&target->turn, &(struct doc_id){ .xui = xui });
	target->parked++;
	return target->parked_here >= target->targets->limits.parked || owner_find(target, xui)
	       || owner_load(target, xui, &owner);
}

bool target_load_parked(struct peer *target)
{
	target->parked = 0;
	target->turn.id.xui = (struct span){ 0 };
	bool well = rows_walk(target, settle_row) && rows_walk(target, count_row);
	target->turn.id.xui = (struct span){ 0 };
	return well;
}

/* Behind what may still be on its way to the store. */
static bool drop_row(struct peer *target, const struct kv_pair *pair, struct span xui)
{
	(void)xui;
	return saver_put(
		target->notifier->saver, DELIVERY_PENDING, pair->key, (struct span){ 0 }, ROW_MS);
}

bool target_drop_parked(struct peer *target)
{
	return rows_walk(target, drop_row);
}
