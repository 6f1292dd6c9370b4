/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/subscription_private.h"

enum { SWEEP_EVERY_MS = 1000, SWEEP_TURNS = 30, SAVE_WITHIN_MS = 1000 };

static uint64_t login_of(const struct user *user)
{
	uint64_t key[2] = { 0, user->count };
	for (size_t i = 0; i < user->count; i++) {
		const struct credential *one = &user->credentials[i];
		key[0] = text_hash(key, (struct span){ (const char *)one->ha1,
						digest_hex_size(one->algorithm) / 2 });
	}
	return key[0];
}

enum person_state person_look(
	struct subscriptions *all, const struct principal *who, uint64_t *login_out)
{
	struct user user;
	*login_out = 0;
	switch (store_user_read(all->notifier->store, all->arena, who->name, &user)) {
	case STORE_OK:
		*login_out = login_of(&user);
		return user.role == who->role ? PERSON_SAME : PERSON_CHANGED;
	case STORE_ABSENT:
		return PERSON_GONE;
	default:
		return PERSON_UNKNOWN;
	}
}

enum person_state subscriber_state(
	const struct subscription *one, enum person_state state, uint64_t login)
{
	return state == PERSON_SAME && login != one->login ? PERSON_CHANGED : state;
}

static void sweep_person(struct subscriptions *all, const struct person *person)
{
	uint64_t login;
	const struct principal who = { (enum role)person->role, { person->name, person->size } };
	enum person_state found = person_look(all, &who, &login);
	for (struct subscription *one = person->first; one; one = one->sibling) {
		enum person_state state = subscriber_state(one, found, login);
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
