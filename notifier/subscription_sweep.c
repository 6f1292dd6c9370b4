/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/subscription_private.h"

enum { SWEEP_EVERY_MS = 1000, SWEEP_TURNS = 30, SAVE_WITHIN_MS = 1000 };

enum person_state person_look(struct subscriptions *all, const struct person *person)
{
	struct user user;
	struct span name = { person->name, person->size };
	switch (store_user_read(all->notifier->store, all->arena, name, &user)) {
	case STORE_OK:
		return user.role == (enum role)person->role ? PERSON_SAME : PERSON_CHANGED;
	case STORE_ABSENT:
		return PERSON_GONE;
	default:
		return PERSON_UNKNOWN;
	}
}

static void sweep_person(struct subscriptions *all, const struct person *person)
{
	enum person_state state = person_look(all, person);
	for (struct subscription *one = person->first; one; one = one->sibling) {
		if (state == PERSON_GONE)
			subscription_end(one, "rejected");
		else if (state == PERSON_CHANGED)
			subscription_end(one, "deactivated");
		else if (one->unsaved && !one->unlisted)
			subscription_save(one, SAVE_WITHIN_MS);
	}
}

static void sweep_bucket(struct subscriptions *all)
{
	struct table_node *next;
	for (struct table_node *node = all->people.slots[all->sweep_at]; node; node = next) {
		next = node->next;
		arena_reset(all->arena);
		sweep_person(all, (const struct person *)node);
	}
}

void subscriptions_sweep(void *subscriptions)
{
	struct subscriptions *all = subscriptions;
	struct loop *loop = all->notifier->loop;
	size_t turn = all->people.slot_count / SWEEP_TURNS + 1;
	for (size_t i = 0; i < turn && all->people.slot_count; i++) {
		all->sweep_at = (all->sweep_at + 1) & (all->people.slot_count - 1);
		sweep_bucket(all);
	}
	timer_set(loop, &all->sweep, loop_now(loop) + SWEEP_EVERY_MS);
}
