/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/target_private.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum { NO_MEMORY_MS = 1000, WARN_EVERY_MS = 1000, RETRY_AFTER_MOST_S = 3600 };

/* --- when --- */

static uint64_t now_of(const struct peer *target)
{
	return loop_now(target->notifier->loop);
}

/* xorshift: so that those who failed together do not come back together. */
static uint64_t jitter(struct targets *targets, uint64_t most)
{
	targets->random ^= targets->random << 13;
	targets->random ^= targets->random >> 7;
	targets->random ^= targets->random << 17;
	return targets->random % (most + 1);
}

static uint64_t target_wait(struct peer *target, unsigned tries)
{
	const struct target_limits *limits = &target->targets->limits;
	uint64_t wait = limits->least_wait_ms;
	while (tries-- > 1 && wait < limits->most_wait_ms)
		wait *= 2;
	if (wait > limits->most_wait_ms)
		wait = limits->most_wait_ms;
	return wait + jitter(target->targets, wait / 10);
}

static void wait_until(struct owner *owner, uint64_t due)
{
	owner_stands(owner, STANDS_WAITING);
	if (!timer_set(owner->target->notifier->loop, &owner->timer, due))
		owner_stands(owner, STANDS_READY);
}

void owner_timer(void *context)
{
	struct owner *owner = context;
	owner_stands(owner, STANDS_READY);
	target_pump(owner->target);
}

/* --- the smallest interval between two messages of one document --- */

static void recent_forget(struct peer *target)
{
	struct recent *oldest = target->recent_first;
	target->recent_first = oldest->next;
	if (!oldest->next)
		target->recent_last = NULL;
	table_remove(&target->recents, &oldest->bond);
	free(oldest);
}

void recents_expire(struct peer *target)
{
	uint64_t now = now_of(target), interval = target->settings->min_interval_ms;
	const struct target_limits *limits = &target->targets->limits;
	while (target->recent_first
		&& (now - target->recent_first->ms >= interval
			|| target->recents.count > limits->recents))
		recent_forget(target);
}

static void recent_add(struct peer *target, const struct news *change)
{
	if (!target->settings->min_interval_ms)
		return;
	recents_expire(target);
	struct recent *recent = calloc(1, sizeof(*recent));
	if (!recent)
		return;
	recent->ms = now_of(target);
	*(target->recent_last ? &target->recent_last->next : &target->recent_first) = recent;
	target->recent_last = recent;
	table_add(&target->recents, &recent->bond, change->bond.hash);
}

/* Has the change to wait? A repetition has not. */
static bool too_soon(struct peer *target, const struct news *change, uint64_t *due_out)
{
	uint64_t interval = target->settings->min_interval_ms;
	if (!interval || change->told.left)
		return false;
	*due_out = 0;
	struct table_node *bond = table_find(&target->recents, change->bond.hash);
	for (; bond; bond = table_again(bond)) {
		uint64_t due = ((struct recent *)bond)->ms + interval;
		*due_out = due > *due_out ? due : *due_out;
	}
	return *due_out > now_of(target);
}

/* --- how it went --- */

static void keep_error(struct owner *owner, const struct told_result *result)
{
	struct peer *target = owner->target;
	snprintf(owner->error, sizeof(owner->error), "%s", result->why);
	snprintf(target->error, sizeof(target->error), "%s", result->why);
	target->error_time = loop_wall_clock();
	target->error_owner = owner->bond.hash;
	target->failed++;
	target_moved(target);
}

/* The owner waits for another try, and nobody for the owner. */
static void failed(struct owner *owner, const struct told_result *result)
{
	struct peer *target = owner->target;
	unsigned after =
		result->retry_after < RETRY_AFTER_MOST_S ? result->retry_after : RETRY_AFTER_MOST_S;
	owner->tries += owner->tries < UINT32_MAX;
	uint64_t wait = after ? after * UINT64_C(1000) : target_wait(target, owner->tries);
	if (owner->parked)
		pending_put(owner->first);
	else
		owner_park(owner);
	wait_until(owner, now_of(target) + wait);
	if (owner->tries == 1 && now_of(target) - target->warned_ms >= WARN_EVERY_MS) {
		target->warned_ms = now_of(target);
		log_event(LEVEL_WARNING, "target", "%.*s did not take a change of '%.*s': %s",
			SPAN_ARG(target->name), SPAN_ARG(owner->xui), result->why);
	}
}

/* Of one owner it may be the message's fault; of two, and nobody answered in between, it is the
 * target's: then nobody is parked any more, and it is tried with one message at a time. */
static void nobody(struct owner *owner, const struct told_result *result)
{
	struct peer *target = owner->target;
	bool others = target->answers != owner->answers;
	bool alone = !target->silent_owner || target->silent_owner == owner->bond.hash;
	if (!target->silent && (others || alone)) {
		if (!others)
			target->silent_owner = owner->bond.hash;
		failed(owner, result);
		return;
	}
	if (!target->silent)
		log_event(LEVEL_WARNING, "target", "%.*s does not answer: %s",
			SPAN_ARG(target->name), result->why);
	target->silent = true;
	owner_stands(owner, STANDS_READY);
}

static void answered(struct peer *target)
{
	target->answers++;
	target->silent_owner = 0;
	target->silent_tries = 0;
	if (!target->silent)
		return;
	log_event(LEVEL_INFO, "target", "%.*s answers again", SPAN_ARG(target->name));
	target->silent = false;
	timer_stop(target->notifier->loop, &target->probe);
	target_moved(target);
}

static void taken(struct owner *owner)
{
	struct peer *target = owner->target;
	struct news *change = owner->first;
	uint64_t now = loop_wall_clock(), time = change->told.time;
	target->told++;
	target->latency_us_sum += now > time ? (now - time) * 1000 : 0;
	target->latency_count++;
	owner->tries = 0;
	if (target->error_owner == owner->bond.hash) {
		target->error_owner = 0;
		target->error[0] = '\0';
	}
	owner->error[0] = '\0';
	bool more = change->next != NULL;
	change_confirmed(change);
	if (more)
		owner_wake(owner);
}

static void tell_ends(struct owner *owner)
{
	owner->target->tells--;
	owner->target->parked_tells -= owner->parked;
	owner_stands(owner, STANDS_IDLE);
}

static void told(void *context, const struct told_result *result)
{
	struct owner *owner = context;
	struct peer *target = owner->target;
	owner->tell = NULL;
	tell_ends(owner);
	if (result->told != TOLD_NOBODY)
		answered(target);
	if (result->told == TOLD_WELL) {
		taken(owner);
	} else {
		keep_error(owner, result);
		if (result->told == TOLD_REFUSED)
			failed(owner, result);
		else
			nobody(owner, result);
	}
	target_pump(target);
	target_told(target);
}

void owner_forget_tell(struct owner *owner)
{
	if (!owner->tell)
		return;
	tell_forget(&owner->tell);
	tell_ends(owner);
}

/* --- sending --- */

/* False: it waits. */
static bool send_first(struct owner *owner)
{
	struct peer *target = owner->target;
	struct news *change = owner->first;
	uint64_t due;
	if (too_soon(target, change, &due)) {
		wait_until(owner, due);
		return false;
	}
	change_leaves(change);
	owner->telling =
		(struct telling){ change->told.id, change->told.previous, change->told.etag };
	owner->sent_ms = now_of(target);
	owner->answers = target->answers;
	owner_stands(owner, STANDS_TELLING);
	owner->tell = tell(target->teller, &owner->telling, told, owner);
	if (!owner->tell) {
		wait_until(owner, now_of(target) + NO_MEMORY_MS);
		return false;
	}
	target->tells++;
	target->parked_tells += owner->parked;
	recent_add(target, change);
	return true;
}

void target_probe(void *context)
{
	struct peer *target = context;
	while (target->silent && !target->tells) {
		struct owner *owner =
			target->ready.head ? target->ready.head : target->ready_parked.head;
		if (!owner) {
			target->silent = false;
			target_pump(target);
			return;
		}
		if (send_first(owner))
			return;
	}
}

static void probe_later(struct peer *target)
{
	if (target->tells || timer_is_set(&target->probe))
		return;
	timer_set(target->notifier->loop, &target->probe,
		now_of(target) + target_wait(target, ++target->silent_tries));
}

void target_send(struct peer *target)
{
	const struct target_limits *limits = &target->targets->limits;
	if (target->silent) {
		probe_later(target);
		return;
	}
	while (target->ready.head && target->tells < limits->tells)
		send_first(target->ready.head);
	while (target->ready_parked.head && target->tells < limits->tells
		&& target->parked_tells < limits->parked_tells)
		send_first(target->ready_parked.head);
}
