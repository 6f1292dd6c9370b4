/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/subscription_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { SCRATCH = 256 * 1024, SWEEP_EVERY_MS = 1000 };

const struct event_package *const subscription_packages[PACKAGES] = { &xcap_diff_package };

/* --- people --- */

struct person *person_find(struct subscriptions *all, struct span name)
{
	uint64_t hash = text_hash(all->key, name);
	for (struct table_node *node = table_find(&all->people, hash); node;
		node = table_again(node)) {
		struct person *person = (struct person *)node;
		if (span_equal((struct span){ person->name, person->size }, name))
			return person;
	}
	return NULL;
}

static struct person *person_get(struct subscriptions *all, const struct principal *who)
{
	struct person *person = person_find(all, who->name);
	if (person || who->name.size > UINT8_MAX)
		return person;
	person = calloc(1, sizeof(*person) + who->name.size);
	if (!person)
		return NULL;
	person->node.hash = text_hash(all->key, who->name);
	person->role = (uint8_t)who->role;
	person->size = (uint8_t)who->name.size;
	memcpy(person->name, who->name.data, who->name.size);
	if (!table_add(&all->people, &person->node, person->node.hash)) {
		free(person);
		return NULL;
	}
	return person;
}

static void person_take(struct person *person, struct subscription *one)
{
	one->person = person;
	one->sibling = person->first;
	one->sibling_link = &person->first;
	if (one->sibling)
		one->sibling->sibling_link = &one->sibling;
	person->first = one;
	person->count++;
}

static void person_leave(struct subscription *one)
{
	struct person *person = one->person;
	*one->sibling_link = one->sibling;
	if (one->sibling)
		one->sibling->sibling_link = one->sibling_link;
	if (--person->count)
		return;
	table_remove(&one->all->people, &person->node);
	free(person);
}

struct principal subscription_who(const struct subscription *one)
{
	return (struct principal){
		.role = (enum role)one->person->role,
		.name = { one->person->name, one->person->size },
	};
}

/* --- one subscription --- */

static void fire(void *context)
{
	subscription_look(context);
}

struct subscription *subscription_new(struct subscriptions *all, struct dialog *dialog,
	const struct principal *who, size_t package)
{
	struct subscription *one = calloc(1, sizeof(*one));
	struct person *person = one ? person_get(all, who) : NULL;
	if (!person) {
		free(one);
		return NULL;
	}
	one->all = all;
	one->dialog = *dialog;
	one->package = (uint8_t)package;
	one->timer = (struct timer){ .fire = fire, .context = one };
	one->node.hash = text_hash(all->key, dialog_part(dialog, DIALOG_LOCAL_TAG));
	person_take(person, one);
	if (!table_add(&all->table, &one->node, one->node.hash)) {
		person_leave(one);
		free(one);
		return NULL;
	}
	*dialog = (struct dialog){ 0 };
	return one;
}

void subscription_unlist(struct subscription *one)
{
	struct subscriptions *all = one->all;
	if (one->unlisted)
		return;
	one->unlisted = true;
	table_remove(&all->table, &one->node);
	if (one->stored)
		saver_put(all->notifier->saver, SUBSCRIPTION_TABLE,
			dialog_part(&one->dialog, DIALOG_LOCAL_TAG), (struct span){ NULL, 0 }, 0);
	flight_release(all->notifier->flight, one->flight);
	one->flight = 0;
}

/* Frees what is in memory; store and flight stay as they are. */
static void forget(struct subscription *one)
{
	subscription_still(one);
	for (struct acceptance *answer = one->accepting; answer; answer = answer->later)
		answer->subscription = NULL;
	if (one->state)
		package_of(one)->end(package_state_of(one), one->state);
	person_leave(one);
	dialog_end(&one->dialog);
	free(one);
}

void subscription_free(struct subscription *one)
{
	subscription_unlist(one);
	forget(one);
}

struct subscription *subscription_find(
	struct subscriptions *all, const struct sip_message *message, struct span event_id)
{
	uint64_t hash = text_hash(all->key, sip_to_tag(message));
	for (struct table_node *node = table_find(&all->table, hash); node;
		node = table_again(node)) {
		struct subscription *one = (struct subscription *)node;
		if (dialog_holds(&one->dialog, message, event_id))
			return one;
	}
	return NULL;
}

/* Later in this turn, so that what comes with it is told with it. */
void subscription_wake(struct subscription *one)
{
	if (one->quenched || one->reason)
		return;
	struct loop *loop = one->all->notifier->loop;
	bool was_due = one->news_due;
	one->news_due = true;
	if (!was_due && one->confirmed && !one->notify)
		timer_set(loop, &one->timer, loop_now(loop));
}

void subscription_end(struct subscription *one, const char *reason)
{
	if (one->reason)
		return;
	one->reason = reason;
	one->earliest = 0;
	one->full_due = one->news_due = one->bodiless = false;
	subscription_unlist(one);
	timer_set(one->all->notifier->loop, &one->timer, loop_now(one->all->notifier->loop));
}

/* --- all of them --- */

static bool start_packages(struct subscriptions *all)
{
	for (size_t i = 0; i < PACKAGES; i++) {
		all->packages[i] = subscription_packages[i]->start(all->notifier);
		if (!all->packages[i])
			return false;
	}
	return true;
}

static bool begin(struct subscriptions *all)
{
	if (getrandom(all->key, sizeof(all->key), 0) != (ssize_t)sizeof(all->key)
		|| !start_packages(all) || !subscriptions_restore(all))
		return false;
	for (size_t i = 0; i < PACKAGES; i++)
		subscription_packages[i]->follow(all->packages[i]);
	struct loop *loop = all->notifier->loop;
	return timer_set(loop, &all->sweep, loop_now(loop) + SWEEP_EVERY_MS);
}

bool subscriptions_new(struct subscriptions **out, struct notifier *notifier)
{
	struct subscriptions *all = calloc(1, sizeof(*all));
	if (!all)
		return false;
	all->notifier = notifier;
	all->sweep = (struct timer){ .fire = subscriptions_sweep, .context = all };
	all->arena = arena_new(SCRATCH);
	if (!all->arena || !begin(all)) {
		log_event(LEVEL_ERROR, "subscriptions", "they cannot be restored");
		subscriptions_free(&all);
		return false;
	}
	*out = all;
	return true;
}

/* A client that gets no answer asks again, and a row that is written all the same times out. */
static void refuse_waiting(struct subscriptions *all)
{
	const struct sip_answer busy = { .status = 503, .headers = SPAN("Retry-After: 5\r\n") };
	while (all->acceptances) {
		struct acceptance *one = all->acceptances;
		all->acceptances = one->next;
		saver_forget(all->notifier->saver, &one->saved);
		sip_answer(one->incoming, &busy);
		if (one->subscription)
			one->subscription->accepting = NULL;
		free(one);
	}
}

void subscriptions_free(struct subscriptions **subscriptions)
{
	struct subscriptions *all = *subscriptions;
	struct table_node *node;
	size_t at = 0;
	if (!all)
		return;
	refuse_waiting(all);
	while ((node = table_any(&all->table, &at))) {
		struct subscription *one = (struct subscription *)node;
		if (one->unsaved)
			subscription_save(one, 0);
		table_remove(&all->table, node);
		forget(one);
	}
	for (at = 0; (node = table_any(&all->people, &at));)
		forget(((struct person *)node)->first);
	timer_stop(all->notifier->loop, &all->sweep);
	for (size_t i = 0; i < PACKAGES; i++)
		if (all->packages[i])
			subscription_packages[i]->stop(all->packages[i]);
	table_free(&all->table);
	table_free(&all->people);
	arena_free(&all->arena);
	free(all);
	*subscriptions = NULL;
}

void subscriptions_reload(struct subscriptions *all)
{
	for (size_t i = 0; i < PACKAGES; i++)
		subscription_packages[i]->reload(all->packages[i]);
}

void subscriptions_figures(const struct subscriptions *all, struct subscription_figures *out)
{
	*out = all->figures;
	out->live = all->table.count;
}
