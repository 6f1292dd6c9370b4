/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/subscription_private.h"

#include <stdlib.h>

enum {
	LAYOUT = 2,
	LIST_STEP = 500,
	CSEQ_LEAP = 100000, /* more NOTIFYs than a former process can have sent unnoticed */
	HERD_MS_EACH = 1,   /* full states after a crash are told apart from each other */
};

/* --- rows --- */

static struct span encode(const struct subscription *one)
{
	struct buffer row = { .arena = one->all->arena };
	uint64_t now = loop_now(one->all->notifier->loop);
	struct principal who = subscription_who(one);
	row_number(&row, LAYOUT, 1);
	row_text(&row, span_of(package_of(one)->name));
	row_text(&row, who.name);
	row_number(&row, who.role, 1);
	row_number(&row, one->login, 8);
	dialog_write(&one->dialog, &row);
	row_number(&row, loop_wall_clock() + one->expires - now, 8);
	row_number(&row, one->interval, 4);
	row_number(&row, one->rate_asked, 1);
	row_number(&row, one->quenched, 1);
	row_number(&row, one->told, 8);
	row_number(&row, one->told_tag, 8);
	row_number(&row, one->notify ? one->sent : 0, 8);
	row_number(&row, one->full_due, 1);
	package_of(one)->save(package_state_of(one), one->state, &row);
	return buffer_span(&row);
}

bool subscription_save(struct subscription *one, uint64_t most_ms)
{
	struct span row = encode(one);
	if (!row.data
		|| !saver_put(one->all->notifier->saver, SUBSCRIPTION_TABLE,
			dialog_part(&one->dialog, DIALOG_LOCAL_TAG), row, most_ms))
		return false;
	one->stored = true;
	one->unsaved = false;
	return true;
}

/* --- the flight --- */

/* The same before and after a restart, unlike node.hash. */
static uint64_t owner_of(const struct subscription *one)
{
	static const uint64_t key[2] = { 0, 0 };
	return text_hash(key, dialog_part(&one->dialog, DIALOG_LOCAL_TAG));
}

void subscription_track(struct subscription *one, uint64_t sent)
{
	struct flight *flight = one->all->notifier->flight;
	const struct flight_record record = {
		.kind = FLIGHT_SUBSCRIPTION,
		.state = one->full_due || !one->told,
		.owner = owner_of(one),
		.from = one->told,
		.to = sent,
		.extra = { one->dialog.local_cseq, one->told_tag },
	};
	if (one->unlisted)
		return;
	if (one->flight)
		flight_set(flight, one->flight, &record);
	else
		one->flight = (uint32_t)flight_take(flight, &record);
	if (!one->flight)
		subscription_save(one, 0);
}

/* --- after a start --- */

/* What is read of a row before the package is asked. */
struct restored {
	struct subscription *subscription;
	struct restored *next;
	struct span saved; /* the package's part */
	struct package_past past;
};

struct restoring {
	struct subscriptions *all;
	struct restored *first; /* in the arena */
	struct arena *arena;
	struct table owners; /* of struct owner */
	size_t full;
};

struct owner {
	struct table_node node;
	struct restored *restored;
};

static size_t package_named(struct span name)
{
	size_t i = 0;
	while (i < PACKAGES && !span_equal_text(name, subscription_packages[i]->name))
		i++;
	return i;
}

static struct subscription *decode(
	struct subscriptions *all, struct row_reader *from, struct package_past *past)
{
	struct loop *loop = all->notifier->loop;
	struct dialog dialog = { 0 };
	struct subscription *one = NULL;
	uint64_t layout = row_take_number(from, 1), wall = loop_wall_clock();
	size_t package = package_named(row_take_text(from));
	struct principal who = { .name = row_take_text(from) };
	who.role = (enum role)row_take_number(from, 1);
	uint64_t login = row_take_number(from, 8);
	bool well = layout == LAYOUT && package < PACKAGES && dialog_read(&dialog, from);
	uint64_t expires = row_take_number(from, 8);
	if (well && !from->failed && expires > wall)
		one = subscription_new(all, &dialog, &who, package);
	dialog_end(&dialog);
	if (!one)
		return NULL;
	one->login = login;
	one->expires = loop_now(loop) + (expires - wall);
	one->interval = (uint32_t)row_take_number(from, 4);
	one->rate_asked = row_take_number(from, 1);
	one->quenched = row_take_number(from, 1);
	past->told = row_take_number(from, 8);
	past->tag = row_take_number(from, 8);
	past->upto = row_take_number(from, 8);
	one->full_due = row_take_number(from, 1);
	one->confirmed = one->stored = true;
	return one;
}

static void restore_row(struct restoring *restoring, const struct kv_pair *pair)
{
	struct row_reader from = { .rest = pair->value };
	struct restored *restored = arena_zero(restoring->arena, sizeof(*restored));
	struct owner *owner = arena_zero(restoring->arena, sizeof(*owner));
	struct subscription *one =
		restored && owner ? decode(restoring->all, &from, &restored->past) : NULL;
	if (!one) {
		saver_put(restoring->all->notifier->saver, SUBSCRIPTION_TABLE, pair->key,
			(struct span){ NULL, 0 }, 0);
		return;
	}
	restored->subscription = one;
	restored->saved = arena_copy(restoring->arena, from.rest);
	restored->next = restoring->first;
	restoring->first = restored;
	*owner = (struct owner){ { .hash = owner_of(one) }, restored };
	table_add(&restoring->owners, &owner->node, owner->node.hash);
}

static bool restore_rows(struct restoring *restoring)
{
	struct store *store = restoring->all->notifier->store;
	struct arena *arena = arena_new(1 << 20);
	char after[SIP_TOKEN * 2];
	struct span last = { NULL, 0 };
	struct kv_pair *pairs;
	size_t count = 1;
	bool well = arena != NULL;
	while (well && count) {
		arena_reset(arena);
		well = kv_list(store, arena, SUBSCRIPTION_TABLE, last, LIST_STEP, &pairs, &count)
		       == STORE_OK;
		for (size_t i = 0; well && i < count; i++)
			restore_row(restoring, &pairs[i]);
		if (!well || !count)
			break;
		struct span key = span_first(pairs[count - 1].key, sizeof(after));
		for (size_t i = 0; i < key.size; i++)
			after[i] = key.data[i];
		last = (struct span){ after, key.size };
	}
	arena_free(&arena);
	return well;
}

/* What a killed process had done since the row was written. */
static bool restore_flight(void *context, size_t place, const struct flight_record *record)
{
	struct restoring *restoring = context;
	if (record->kind != FLIGHT_SUBSCRIPTION)
		return true;
	struct table_node *node = table_find(&restoring->owners, record->owner);
	if (!node)
		return false;
	struct restored *restored = ((struct owner *)node)->restored;
	struct subscription *one = restored->subscription;
	if (one->flight)
		return false;
	one->flight = (uint32_t)place;
	one->dialog.local_cseq = (uint32_t)record->extra[0];
	one->full_due = record->state;
	restored->past = (struct package_past){
		.told = record->from,
		.upto = record->to,
		.tag = record->extra[1],
	};
	return true;
}

static void restore_one(struct restoring *restoring, struct restored *restored)
{
	struct subscription *one = restored->subscription;
	struct notifier *notifier = restoring->all->notifier;
	struct package_past *past = &restored->past;
	bool lost = notifier->flight_lost && !one->flight;
	if (lost) {
		one->dialog.local_cseq += CSEQ_LEAP;
		one->earliest = loop_now(notifier->loop) + restoring->full++ * HERD_MS_EACH;
	}
	if (!package_of(one)->restore(
		    package_state_of(one), one, restored->saved, past, &one->state)) {
		subscription_free(one);
		return;
	}
	one->told = past->told;
	one->told_tag = past->tag;
	one->full_due = (one->full_due || lost || !past->told) && !one->quenched;
	one->news_due = past->upto && !one->quenched;
	one->at_once = one->full_due || one->news_due;
	subscription_track(one, past->upto);
	timer_set(notifier->loop, &one->timer, loop_now(notifier->loop));
}

bool subscriptions_restore(struct subscriptions *all)
{
	struct restoring restoring = { .all = all, .arena = arena_new(1 << 20) };
	bool well = restoring.arena && restore_rows(&restoring);
	if (well)
		flight_visit(all->notifier->flight, restore_flight, &restoring);
	for (struct restored *one = restoring.first, *next; well && one; one = next) {
		next = one->next;
		restore_one(&restoring, one);
	}
	if (well && all->table.count)
		log_event(LEVEL_INFO, "subscriptions", "%zu go on", all->table.count);
	table_free(&restoring.owners);
	arena_free(&restoring.arena);
	return well;
}
