/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/xcap_diff.h"

#include <stdlib.h>
#include <sys/random.h>

enum { SCRATCH = 256 * 1024, STEP = 500 };

/* --- following the feed --- */

static void tell(void *context, void *owner)
{
	const struct feed_row *row = context;
	diff_state_change(owner, row->number);
}

/* A turn takes only so many rows, so that others are served too. */
static void hear(void *context)
{
	struct diff_package *package = context;
	struct feed_row *rows;
	size_t count;
	uint64_t oldest, newest;
	arena_reset(package->arena);
	if (!package->watches.count) {
		if (store_feed_range(package->notifier->store, &oldest, &newest) == STORE_OK)
			package->position = newest;
		return;
	}
	if (store_feed(package->notifier->store, package->arena, package->position, STEP, &rows,
		    &count)
		!= STORE_OK)
		return;
	for (size_t i = 0; i < count; i++) {
		watch_tell(&package->watches, &rows[i].id, tell, &rows[i]);
		package->position = rows[i].number;
	}
	if (count == STEP)
		loop_post(package->notifier->loop, &package->go_on);
}

static void *start(struct notifier *notifier)
{
	struct diff_package *package = calloc(1, sizeof(*package));
	if (!package)
		return NULL;
	package->notifier = notifier;
	package->arena = arena_new(SCRATCH);
	package->follower = (struct follower){ .rang = hear, .context = package };
	package->go_on = (struct post){ .run = hear, .context = package };
	package->usages = usages_ref(notifier->usages);
	ssize_t random = getrandom(package->watches.key, sizeof(package->watches.key), 0);
	if (package->arena && random == (ssize_t)sizeof(package->watches.key))
		return package;
	usages_unref(&package->usages);
	arena_free(&package->arena);
	free(package);
	return NULL;
}

static void follow(void *context)
{
	struct diff_package *package = context;
	uint64_t oldest;
	store_feed_range(package->notifier->store, &oldest, &package->position);
	for (const struct diff_state *state = package->states; state; state = state->next)
		if (state->known && state->told < package->position)
			package->position = state->told;
	follow_join(package->notifier->follow, &package->follower);
}

static void stop(void *context)
{
	struct diff_package *package = context;
	follow_leave(package->notifier->follow, &package->follower);
	loop_unpost(package->notifier->loop, &package->go_on);
	watches_free(&package->watches);
	usages_unref(&package->usages);
	arena_free(&package->arena);
	free(package);
}

/* --- a SUBSCRIBE --- */

/* A mode that we do not know is none (RFC 5875 §4.3). */
static enum diff_mode mode_of(const struct sip_message *message)
{
	struct span text = sip_parameter(sip_header(message, "event", 0), "diff-processing");
	if (span_equal_nocase(text, SPAN("xcap-patching")))
		return MODE_XCAP_PATCHING;
	return span_equal_nocase(text, SPAN("aggregate")) ? MODE_AGGREGATE : MODE_NO_PATCHING;
}

static struct package_answer keep(struct diff_state *state, enum diff_mode mode)
{
	state->mode = (uint8_t)mode;
	state->told = 0;
	state->known = false;
	diff_state_doubt(state);
	return (struct package_answer){ .status = 200 };
}

static struct package_answer subscribe(void *context, struct subscription *subscription,
	const struct sip_message *message, struct arena *arena, void **out)
{
	struct diff_package *package = context;
	struct package_answer answer = { .status = 200 };
	struct diff_list list = { 0 };
	enum diff_mode mode = mode_of(message);
	if (!sip_body(message).size && *out)
		return keep(*out, mode);
	if (!sip_body(message).size)
		return (struct package_answer){ .status = 400, .why = "no list of resources" };
	if (!diff_list_read(package->notifier, arena, sip_body(message), &list, &answer))
		return answer;
	arena_reset(package->arena);
	struct diff_state *state = diff_state_new(package, subscription, &list, mode);
	if (!state)
		return (struct package_answer){
			.status = 503, .why = "no memory", .headers = SPAN("Retry-After: 10\r\n")
		};
	if (*out)
		diff_state_free(*out);
	*out = state;
	keep(state, mode);
	return answer;
}

static void settled(void *context, void *state_, bool was_taken)
{
	struct diff_state *state = state_;
	(void)context;
	if (!was_taken) {
		diff_state_doubt(state);
		return;
	}
	if (state->part_after || state->part_entry)
		return; /* the rest of it is to come */
	state->told = state->mark;
	state->known = true;
	if (state->mark >= state->upto)
		state->upto = 0;
}

static void end(void *context, void *state)
{
	(void)context;
	diff_state_free(state);
}

/* --- other usages --- */

static bool same_view(const struct diff_targets *a, const struct diff_targets *b)
{
	for (size_t i = 0; i < a->count; i++) {
		const struct diff_target *one = &a->items[i], *other = &b->items[i];
		if (one->kind != other->kind || one->key_count != other->key_count
			|| !doc_id_equal(&one->id, &other->id))
			return false;
		for (size_t k = 0; k < one->key_count; k++)
			if (one->keys[k].what != other->keys[k].what
				|| !doc_id_equal(&one->keys[k].id, &other->keys[k].id))
				return false;
	}
	return true;
}

static bool watches_generated(const struct diff_targets *targets)
{
	for (size_t i = 0; i < targets->count; i++)
		if (targets->items[i].key_count && targets->items[i].kind == DIFF_WHOLE
			&& usage_generated(targets->items[i].usage, &targets->items[i].id)
				   == GENERATED_CAPABILITIES)
			return true;
	return false;
}

/* Whose rights or names have changed subscribes again (RFC 6665 §4.1.3). */
static void look_again(struct diff_package *package, struct diff_state *state)
{
	struct diff_targets before, now;
	arena_reset(package->arena);
	if (!diff_targets_read(state, package->usages, package->arena, &before)
		|| !diff_targets_read(state, package->notifier->usages, package->arena, &now)
		|| !same_view(&before, &now)) {
		subscription_end(state->subscription, "deactivated");
		return;
	}
	if (!watches_generated(&now))
		return;
	state->caps = true;
	subscription_wake(state->subscription);
}

static void reload(void *context)
{
	struct diff_package *package = context;
	for (struct diff_state *state = package->states; state; state = state->next)
		look_again(package, state);
	usages_unref(&package->usages);
	package->usages = usages_ref(package->notifier->usages);
}

const struct event_package xcap_diff_package = {
	.name = "xcap-diff",
	.content_type = "application/xcap-diff+xml",
	.accepts = "application/resource-lists+xml",
	.start = start,
	.follow = follow,
	.stop = stop,
	.reload = reload,
	.subscribe = subscribe,
	.restore = diff_restore,
	.save = diff_save,
	.end = end,
	.current = diff_current,
	.full = diff_full,
	.news = diff_news,
	.settled = settled,
};
