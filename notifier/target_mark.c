/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/target_private.h"

#include "base/log.h"

#include <stdlib.h>

enum { FLUSH_MS = 150, FAILED_MS = 1000 };

/* --- the mark --- */

void targets_flush_soon(struct targets *targets, uint64_t ms)
{
	struct loop *loop = targets->notifier->loop;
	if (!timer_is_set(&targets->flush) && !targets->saving)
		timer_set(loop, &targets->flush, loop_now(loop) + ms);
}

void target_moved(struct peer *target)
{
	target->moved = true;
	targets_flush_soon(target->targets, FLUSH_MS);
}

uint64_t target_done(const struct peer *target)
{
	if (!target->order.oldest)
		return target->steps;
	return target->phase == DELIVERY_RESYNC ? target->resynced_steps
						: target->order.oldest->first - 1;
}

/* In the scratch arena. */
static struct span encode_mark(struct peer *target)
{
	struct arena *arena = target->targets->scratch;
	bool resync = target->phase == DELIVERY_RESYNC;
	bool all = !target->order.oldest;
	const struct delivery_mark mark = {
		.generation = store_generation(target->notifier->store),
		.fingerprint = target->fingerprint,
		.phase = target->phase,
		.position = resync ? target->read : target_done(target),
		.since = target->since,
		.stage = target->stage,
		.resynced = all ? target->walked.id : target->resynced.id,
		.parked = target->parked,
		.time = loop_wall_clock(),
		.error_time = target->error_time,
		.error = span_of(target->error),
		.away = target->silent,
	};
	arena_reset(arena);
	return delivery_mark_encode(arena, &mark);
}

bool target_put_mark(struct peer *target, uint64_t most_ms)
{
	struct span value = encode_mark(target);
	if (!value.data
		|| !saver_put(
			target->notifier->saver, DELIVERY_TARGETS, target->name, value, most_ms))
		return false;
	target->moved = false;
	target->mark_put = target_done(target);
	target->puts++;
	return true;
}

void targets_flush(void *context)
{
	struct targets *targets = context;
	bool tell = false;
	if (targets->saving)
		return;
	for (struct peer *one = targets->first; one; one = one->next) {
		if (one->moved)
			target_put_mark(one, FLUSH_MS);
		if (one->joining)
			one->joining = JOINS_WITH_COMMIT;
		tell |= one->puts > one->saved || one->joining;
		one->saving = one->puts;
		one->mark_saving = one->mark_put;
	}
	targets->saving = tell;
	if (tell)
		saver_tell(targets->notifier->saver, &targets->saved);
}

void targets_saved(void *context, bool well)
{
	struct targets *targets = context;
	bool more = !well;
	targets->saving = false;
	for (struct peer *one = targets->first; one; one = one->next) {
		if (well) {
			one->saved = one->saving;
			one->mark_saved = one->mark_saving;
			landed_release(one);
			target_saved(one);
			target_join(one);
			target_pump(one);
		}
		more |= one->moved || one->puts > one->saved || one->joining;
	}
	if (more)
		targets_flush_soon(targets, well ? FLUSH_MS : FAILED_MS);
}

/* What the store says of the target; false: it has never been told, or what it was told is void. */
static bool read_mark(struct peer *target, struct delivery_mark *out)
{
	struct store *store = target->notifier->store;
	struct span value;
	enum store_result result =
		kv_read(store, target->targets->rows, DELIVERY_TARGETS, target->name, &value);
	return result == STORE_OK && delivery_mark_decode(value, out)
	       && out->generation == store_generation(store)
	       && out->fingerprint == target->fingerprint;
}

static void mark_resume(struct peer *target, const struct delivery_mark *mark)
{
	target->phase = mark->phase;
	target->read = mark->position;
	target->since = target->scanned = mark->since;
	target->stage = mark->stage;
	target->steps = mark->phase == DELIVERY_FOLLOWS ? mark->position : 0;
	kept_copy(&target->walked, &mark->resynced);
	kept_copy(&target->resynced, &mark->resynced);
	target->error_time = mark->error_time;
	snprintf(target->error, sizeof(target->error), "%.*s", SPAN_ARG(mark->error));
	target->more = true;
}

/* Before anything is told: another process has to bring the target to the same number. */
static bool begin_resync(struct peer *target, uint64_t since)
{
	target_resync(target, since);
	const struct kv_pair pair = { .key = target->name, .value = encode_mark(target) };
	return pair.value.data
	       && kv_write(target->notifier->store, DELIVERY_TARGETS, &pair, 1) != STORE_FAILED;
}

bool target_load_mark(struct peer *target)
{
	struct delivery_mark mark;
	uint64_t oldest, newest;
	if (store_feed_range(target->notifier->store, &oldest, &newest) != STORE_OK)
		return false;
	arena_reset(target->targets->rows);
	target->renewed = !read_mark(target, &mark);
	if (target->renewed)
		return target_drop_parked(target) && begin_resync(target, 0);
	mark_resume(target, &mark);
	if (mark.position > newest)
		return begin_resync(target, 0);
	if (mark.position + 1 < oldest)
		return begin_resync(
			target, mark.phase == DELIVERY_FOLLOWS ? mark.position : mark.since);
	return true;
}

void target_join(struct peer *target)
{
	if (target->joining != JOINS_WITH_COMMIT)
		return;
	if (target_load_mark(target) && target_load_parked(target))
		target->joining = JOINED;
	else
		log_event(LEVEL_ERROR, "target", "cannot read where %.*s is: %s",
			SPAN_ARG(target->name), store_problem());
}

/* --- records: what is on its way, and what is confirmed above the mark --- */

static bool landed_less(const struct landed *a, const struct landed *b)
{
	return a->last < b->last;
}

static void landed_sink(struct landed_list *list, size_t at)
{
	struct landed one = list->items[at];
	for (size_t child; (child = 2 * at + 1) < list->count; at = child) {
		if (child + 1 < list->count
			&& landed_less(&list->items[child + 1], &list->items[child]))
			child++;
		if (!landed_less(&list->items[child], &one))
			break;
		list->items[at] = list->items[child];
	}
	list->items[at] = one;
}

static void landed_add(struct peer *target, struct landed landed)
{
	struct landed_list *list = &target->landed;
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? 2 * list->capacity : 256;
		struct landed *items = realloc(list->items, capacity * sizeof(*items));
		if (!items) {
			flight_release(target->notifier->flight, landed.place);
			return;
		}
		list->items = items;
		list->capacity = capacity;
	}
	size_t at = list->count++;
	for (; at > 0 && landed_less(&landed, &list->items[(at - 1) / 2]); at = (at - 1) / 2)
		list->items[at] = list->items[(at - 1) / 2];
	list->items[at] = landed;
}

void landed_release(struct peer *target)
{
	struct landed_list *list = &target->landed;
	while (list->count && list->items[0].last <= target->mark_saved
		&& list->items[0].put <= target->saved) {
		flight_release(target->notifier->flight, list->items[0].place);
		list->items[0] = list->items[--list->count];
		if (list->count)
			landed_sink(list, 0);
	}
}

/* Steps begin anew: what landed before goes with the next mark. */
void landed_rebase(struct peer *target)
{
	for (size_t i = 0; i < target->landed.count; i++) {
		target->landed.items[i].last = 0;
		target->landed.items[i].put = target->puts + 1;
	}
	target->mark_put = target->mark_saving = target->mark_saved = 0;
	target_moved(target);
}

static struct flight_record record_of(const struct news *change, enum telling_state state)
{
	const struct delivery_change *told = &change->told;
	return (struct flight_record){
		.kind = FLIGHT_TELLING,
		.state = state,
		.owner = change->owner->target->hash,
		.from = told->from,
		.to = told->to,
		.extra = { change->bond.hash, told->previous.number, told->etag.number,
			told->time },
	};
}

void change_leaves(struct news *change)
{
	struct flight *flight = change->owner->target->notifier->flight;
	change->told.left = true;
	if (change->place)
		return;
	const struct flight_record record = record_of(change, TELLING_LEFT);
	change->place = flight_take(flight, &record);
}

static void restore(struct peer *target, size_t place, const struct flight_record *record)
{
	struct restored *restored = calloc(1, sizeof(*restored));
	if (!restored) {
		flight_release(target->notifier->flight, place);
		return;
	}
	restored->record = *record;
	restored->place = place;
	restored->next = target->restored_first;
	target->restored_first = restored;
	table_add(&target->restored, &restored->bond, record->extra[0]);
	if (record->to > target->restored_last)
		target->restored_last = record->to;
}

void change_lands(struct news *change)
{
	struct peer *target = change->owner->target;
	struct flight *flight = target->notifier->flight;
	const struct flight_record record = record_of(change, TELLING_CONFIRMED);
	if (change->place)
		flight_set(flight, change->place, &record);
	else
		change->place = flight_take(flight, &record);
	if (change->told.to > target->read)
		restore(target, change->place, &record); /* its rows will be read again */
	else if (change->place)
		landed_add(target, (struct landed){ change->last, change->parked ? target->puts : 0,
					   change->place });
	change->place = 0;
}

/* --- records of a former process --- */

static bool visit_record(void *context, size_t place, const struct flight_record *record)
{
	struct targets *targets = context;
	struct peer *target = targets->first;
	if (record->kind != FLIGHT_TELLING)
		return true;
	while (target && target->hash != record->owner)
		target = target->next;
	if (!target || target->renewed)
		return false;
	if (record->state != TELLING_APART) {
		restore(target, place, record);
		return true;
	}
	if (record->to <= target->read)
		return false;
	target->apart = record->to;
	landed_add(target, (struct landed){ record->to, 0, place });
	return true;
}

/* Nobody knows what the former process had told of the rows above the mark. */
static void tell_apart(struct peer *target)
{
	uint64_t oldest, newest;
	if (store_feed_range(target->notifier->store, &oldest, &newest) != STORE_OK
		|| newest <= target->read)
		return;
	target->apart = newest;
	const struct flight_record record = {
		.kind = FLIGHT_TELLING, .state = TELLING_APART, .owner = target->hash, .to = newest
	};
	size_t place = flight_take(target->notifier->flight, &record);
	if (place)
		landed_add(target, (struct landed){ newest, 0, place });
}

void targets_restore(struct targets *targets)
{
	struct notifier *notifier = targets->notifier;
	flight_visit(notifier->flight, visit_record, targets);
	if (!notifier->flight_lost)
		return;
	for (struct peer *one = targets->first; one; one = one->next)
		tell_apart(one);
}

struct restored *restored_find(struct peer *target, uint64_t document, uint64_t number)
{
	struct table_node *bond = table_find(&target->restored, document);
	for (; bond; bond = table_again(bond)) {
		struct restored *restored = (struct restored *)bond;
		if (restored->record.from <= number && number <= restored->record.to)
			return restored;
	}
	return NULL;
}

static void restored_end(struct peer *target, struct restored *one, bool release)
{
	bool resync = target->phase == DELIVERY_RESYNC;
	table_remove(&target->restored, &one->bond);
	if (one->place && !release && one->record.state == TELLING_CONFIRMED)
		landed_add(target, (struct landed){ resync ? target->steps : one->record.to,
					   target->puts, one->place });
	else
		flight_release(target->notifier->flight, one->place);
	free(one);
}

void restored_free(struct peer *target, uint64_t to, bool release)
{
	struct restored **link = &target->restored_first;
	while (*link) {
		struct restored *one = *link;
		if (one->record.to > to) {
			link = &one->next;
			continue;
		}
		*link = one->next;
		restored_end(target, one, release);
	}
}
