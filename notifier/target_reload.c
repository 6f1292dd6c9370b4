/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/target_private.h"

static struct peer **find_target(struct peer **list, struct span name)
{
	while (*list && !span_equal((*list)->name, name))
		list = &(*list)->next;
	return list;
}

static void drop_landed(struct peer *target)
{
	for (size_t i = 0; i < target->landed.count; i++)
		flight_release(target->notifier->flight, target->landed.items[i].place);
	target->landed.count = 0;
}

/* Another server, or other usages: what is known of it is void. */
static void make_void(struct peer *target)
{
	struct flight *flight = target->notifier->flight;
	for (size_t i = 0; i < target->owners.slot_count; i++)
		for (struct table_node *bond = target->owners.slots[i]; bond; bond = bond->next)
			for (struct news *one = ((struct owner *)bond)->first; one;
				one = one->next) {
				flight_release(flight, one->place);
				if (one->parked)
					pending_remove(one);
			}
	drop_landed(target);
	restored_free(target, UINT64_MAX, true);
}

/* The old target goes on with the new one's settings and teller, and tries at once what failed. */
static void take_over(struct peer *old, struct peer *made)
{
	struct teller *teller = old->teller;
	struct arena *arena = old->arena;
	for (size_t i = 0; i < old->owners.slot_count; i++)
		for (struct table_node *bond = old->owners.slots[i]; bond; bond = bond->next) {
			struct owner *owner = (struct owner *)bond;
			owner_forget_tell(owner);
			owner_wake(owner);
			if (owner->stand == STANDS_WAITING)
				owner_stands(owner, STANDS_READY);
		}
	old->silent = false;
	timer_stop(old->notifier->loop, &old->probe);
	old->teller = made->teller;
	old->settings = made->settings;
	old->arena = made->arena;
	old->name = made->name;
	old->wanted = made->wanted;
	old->wanted_count = made->wanted_count;
	made->teller = teller;
	made->arena = arena;
}

/* Exchanges the list for `made`: those that are still there keep what they know. */
static void exchange(struct targets *targets, struct peer *made)
{
	struct peer *former = targets->first, **last = &targets->first;
	targets->first = NULL;
	for (struct peer *next, *one = made; one; one = next) {
		next = one->next;
		struct peer **link = find_target(&former, one->name), *old = *link;
		if (old)
			*link = old->next;
		if (old && old->fingerprint == one->fingerprint) {
			take_over(old, one);
			target_free(one);
			one = old;
		} else {
			if (old) {
				make_void(old);
				target_free(old);
			}
			one->joining = JOINS;
		}
		one->next = NULL;
		*last = one;
		last = &one->next;
	}
	for (struct peer *next, *one = former; one; one = next) {
		next = one->next;
		target_settle(one);
		drop_landed(one);
		target_free(one);
	}
}

bool targets_reload(struct targets *targets, FILE *problems)
{
	struct targets fresh = { .notifier = targets->notifier };
	if (!targets_make(&fresh, problems)) {
		for (struct peer *next, *one = fresh.first; one; one = next) {
			next = one->next;
			target_free(one);
		}
		return false;
	}
	for (struct peer *one = fresh.first; one; one = one->next)
		one->targets = targets;
	exchange(targets, fresh.first);
	targets->count = fresh.count;
	targets_flush_soon(targets, 0);
	targets_rang(targets);
	return true;
}
