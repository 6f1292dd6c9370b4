/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/target_private.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 * 1024, TICK_MS = 500 };

static const struct target_limits usual_limits = {
	.window = 4096,
	.tells = 512,
	.parked_tells = 128,
	.parked = 4096,
	.landed = 1 << 16,
	.recents = 1 << 18,
	.apart = 256,
	.slow_ms = 1000,
	.round_ms = 60000,
	.least_wait_ms = 1000,
	.most_wait_ms = 60000,
};

/* --- turns --- */

void target_pump(struct peer *target)
{
	const struct target_limits *limits = &target->targets->limits;
	if (target->targets->draining || target->joining)
		return;
	target_send(target);
	if (target->silent || target->order.count > limits->window / 4 * 3 || !target_read(target))
		return;
	target_send(target);
	if (target->more)
		loop_post(target->notifier->loop, &target->again);
}

static void pump_again(void *context)
{
	target_pump(context);
}

void targets_rang(void *context)
{
	struct targets *targets = context;
	for (struct peer *one = targets->first; one; one = one->next) {
		one->more = true;
		target_pump(one);
	}
}

static void tick(void *context)
{
	struct targets *targets = context;
	struct loop *loop = targets->notifier->loop;
	for (struct peer *one = targets->first; one; one = one->next) {
		recents_expire(one);
		target_park_slow(one);
		if (!targets->draining && !one->joining)
			target_turns(one, TICK_MS);
		target_pump(one);
	}
	timer_set(loop, &targets->tick, loop_now(loop) + TICK_MS);
}

/* --- one target --- */

static uint64_t fingerprint_of(const struct target_settings *settings)
{
	uint64_t hash = stable_hash(3 + (uint64_t)settings->method, settings->uri);
	for (size_t i = 0; i < settings->usages.count; i++)
		hash = stable_hash(hash, settings->usages.items[i]);
	return stable_hash(hash + (uint64_t)settings->rpc_dialect, SPAN("1"));
}

static int by_octets(const void *a, const void *b)
{
	return span_compare(*(const struct span *)a, *(const struct span *)b);
}

/* Canonical AUIDs, in the order in which the store lists them. */
static bool choose_usages(struct peer *target, const struct usages *usages)
{
	const struct span_list *list = &target->settings->usages;
	target->wanted = NULL;
	target->wanted_count = 0;
	if (!list->count)
		return true;
	struct span *wanted = arena_alloc(target->arena, list->count * sizeof(*wanted));
	if (!wanted)
		return false;
	for (size_t i = 0; i < list->count; i++) {
		const struct usage *usage = usages ? usages_find(usages, list->items[i]) : NULL;
		wanted[i] = arena_copy(target->arena, usage ? usage_auid(usage) : list->items[i]);
		if (!wanted[i].data)
			return false;
	}
	qsort(wanted, list->count, sizeof(*wanted), by_octets);
	target->wanted = wanted;
	for (size_t i = 0; i < list->count; i++)
		if (!i || !span_equal(wanted[i], wanted[target->wanted_count - 1]))
			wanted[target->wanted_count++] = wanted[i];
	return true;
}

static void forget_owners(struct peer *target)
{
	for (size_t i = 0; target->owners.slots && i < target->owners.slot_count; i++)
		while (target->owners.slots[i])
			owner_free((struct owner *)target->owners.slots[i]);
}

void target_free(struct peer *target)
{
	struct loop *loop = target->notifier->loop;
	forget_owners(target);
	target->restored_last = 0;
	for (struct restored *next, *one = target->restored_first; one; one = next) {
		next = one->next;
		free(one);
	}
	for (struct recent *next, *one = target->recent_first; one; one = next) {
		next = one->next;
		free(one);
	}
	timer_stop(loop, &target->probe);
	loop_unpost(loop, &target->again);
	teller_free(&target->teller);
	table_free(&target->owners);
	table_free(&target->documents);
	table_free(&target->recents);
	table_free(&target->restored);
	free(target->landed.items);
	arena_free(&target->arena);
	free(target);
}

/* The settings' name is one that a key of the store can hold. */
static bool target_fill(struct peer *target, const struct target_settings *settings)
{
	target->arena = arena_new(1024);
	if (!target->arena || !table_ready(&target->owners) || !table_ready(&target->documents)
		|| !table_ready(&target->recents) || !table_ready(&target->restored))
		return false;
	target->settings = settings;
	target->name = arena_copy(target->arena, settings->name);
	target->hash = stable_hash(0, settings->name);
	target->fingerprint = fingerprint_of(settings);
	return target->name.data && choose_usages(target, target->notifier->usages);
}

static struct peer *target_new(
	struct targets *targets, const struct target_settings *settings, FILE *problems)
{
	struct peer *target = calloc(1, sizeof(*target));
	if (!target)
		return NULL;
	target->targets = targets;
	target->notifier = targets->notifier;
	target->probe = (struct timer){ .fire = target_probe, .context = target };
	target->again = (struct post){ .run = pump_again, .context = target };
	if (settings->name.size > DELIVERY_NAME_MAX)
		fprintf(problems, "the name of the target %.*s is longer than %d octets\n",
			SPAN_ARG(settings->name), DELIVERY_NAME_MAX);
	else if (!target_fill(target, settings))
		fputs("no memory for a target\n", problems);
	else if (teller_new(&target->teller, targets->notifier, settings, problems))
		return target;
	target_free(target);
	return NULL;
}

/* --- all of them --- */

bool targets_make(struct targets *targets, FILE *problems)
{
	const struct settings *settings = targets->notifier->settings;
	struct peer **last = &targets->first;
	for (size_t i = 0; i < settings->target_count; i++) {
		*last = target_new(targets, &settings->targets[i], problems);
		if (!*last)
			return false;
		last = &(*last)->next;
		targets->count++;
	}
	return true;
}

/* Goes on where the former process was. */
static bool resume(struct targets *targets, FILE *problems)
{
	bool well = true;
	for (struct peer *one = targets->first; one && well; one = one->next)
		well = target_load_mark(one);
	if (well)
		targets_restore(targets);
	for (struct peer *one = targets->first; one && well; one = one->next)
		well = target_load_parked(one);
	if (!well)
		fprintf(problems, "cannot read where the targets are: %s\n", store_problem());
	return well;
}

static void fill_targets(struct targets *targets, struct notifier *notifier)
{
	targets->notifier = notifier;
	targets->limits = usual_limits;
	targets->follower = (struct follower){ .rang = targets_rang, .context = targets };
	targets->tick = (struct timer){ .fire = tick, .context = targets };
	targets->flush = (struct timer){ .fire = targets_flush, .context = targets };
	targets->saved = (struct saved){ .done = targets_saved, .context = targets };
	targets->random = loop_wall_clock() | 1;
	targets->scratch = arena_new(BLOCK);
	targets->rows = arena_new(BLOCK);
}

static void targets_dismiss(struct targets *targets)
{
	struct loop *loop = targets->notifier->loop;
	if (targets->follower.link)
		follow_leave(targets->notifier->follow, &targets->follower);
	for (struct peer *next, *one = targets->first; one; one = next) {
		next = one->next;
		target_free(one);
	}
	saver_forget(targets->notifier->saver, &targets->saved);
	timer_stop(loop, &targets->tick);
	timer_stop(loop, &targets->flush);
	loop_unpost(loop, &targets->drained_post);
	arena_free(&targets->scratch);
	arena_free(&targets->rows);
	free(targets);
}

bool targets_new(struct targets **out, struct notifier *notifier, FILE *problems)
{
	struct targets *targets = calloc(1, sizeof(*targets));
	if (!targets)
		return false;
	fill_targets(targets, notifier);
	if (!targets->scratch || !targets->rows || !targets_make(targets, problems)
		|| !resume(targets, problems)) {
		targets_dismiss(targets);
		return false;
	}
	follow_join(notifier->follow, &targets->follower);
	timer_set(notifier->loop, &targets->tick, loop_now(notifier->loop) + TICK_MS);
	targets_flush_soon(targets, 0);
	*out = targets;
	return true;
}

/* The store has to say that it may have left. */
static void unanswered(struct owner *owner)
{
	if (owner->parked && owner->tell)
		pending_put(owner->first);
	owner_forget_tell(owner);
}

void target_settle(struct peer *target)
{
	if (target->joining)
		return;
	target->more = true;
	while (target->restored_first && target->phase == DELIVERY_FOLLOWS
		&& target_park_all(target) && target_read(target))
		;
	for (size_t i = 0; i < target->owners.slot_count; i++)
		for (struct table_node *bond = target->owners.slots[i]; bond; bond = bond->next)
			unanswered((struct owner *)bond);
	if (!target_park_all(target) || !target_put_mark(target, 0))
		log_event(LEVEL_ERROR, "target", "no memory to say where %.*s is",
			SPAN_ARG(target->name));
}

void targets_free(struct targets **targets)
{
	struct targets *old = *targets;
	if (!old)
		return;
	old->draining = true;
	for (struct peer *one = old->first; one; one = one->next)
		target_settle(one);
	targets_dismiss(old);
	*targets = NULL;
}

/* --- the end --- */

static void report_drained(void *context)
{
	struct targets *targets = context;
	void (*done)(void *) = targets->drained;
	targets->drained = NULL;
	if (done)
		done(targets->drained_context);
}

void target_told(struct peer *target)
{
	struct targets *targets = target->targets;
	if (!targets->draining || !targets->drained)
		return;
	for (const struct peer *one = targets->first; one; one = one->next)
		if (one->tells)
			return;
	loop_post(targets->notifier->loop, &targets->drained_post);
}

void targets_drain(struct targets *targets, void (*done)(void *context), void *context)
{
	targets->draining = true;
	targets->drained = done;
	targets->drained_context = context;
	targets->drained_post = (struct post){ .run = report_drained, .context = targets };
	if (targets->first)
		target_told(targets->first);
	else
		loop_post(targets->notifier->loop, &targets->drained_post);
}

/* --- figures --- */

size_t targets_count(const struct targets *targets)
{
	return targets->count;
}

static uint64_t oldest_time(const struct peer *target)
{
	uint64_t time = target->order.oldest ? target->order.oldest->told.time : UINT64_MAX;
	const struct owner_list *lists[] = { &target->waiting_parked, &target->ready_parked,
		&target->telling_parked };
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const struct owner *owner = lists[i]->head; owner; owner = owner->behind)
			if (owner->first->told.time < time)
				time = owner->first->told.time;
	return time;
}

void targets_figures(const struct targets *targets, size_t index, struct target_figures *out)
{
	const struct peer *target = targets->first;
	uint64_t oldest, now = loop_wall_clock();
	while (index--)
		target = target->next;
	*out = (struct target_figures){
		.name = target->name,
		.position = target->phase == DELIVERY_RESYNC ? target->since : target_done(target),
		.parked = target->parked,
		.in_flight = target->tells,
		.told = target->told,
		.failed = target->failed,
		.last_error = span_of(target->error),
		.latency_us_sum = target->latency_us_sum,
		.latency_count = target->latency_count,
	};
	store_feed_range(target->notifier->store, &oldest, &out->newest);
	uint64_t time = oldest_time(target);
	out->lag_ms = time < now ? now - time : 0;
}
