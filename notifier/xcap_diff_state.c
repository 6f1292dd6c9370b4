/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/xcap_diff.h"

#include <stdlib.h>
#include <string.h>

enum { CHANGES_FIRST = 4, CHANGES_MOST = 256 };

/* --- watching --- */

static void watch_nothing(struct diff_state *state)
{
	for (size_t i = 0; i < state->watcher_count; i++)
		watch_end(&state->package->watches, &state->watchers[i]);
	free(state->watchers);
	state->watchers = NULL;
	state->watcher_count = 0;
}

static bool same_key(const struct watch_key *a, const struct watch_key *b)
{
	return a->what == b->what && doc_id_equal(&a->id, &b->id);
}

/* Each key once: many parts of one document are one watch. */
static size_t collect_keys(const struct diff_targets *targets, struct watch_key *out)
{
	size_t count = 0;
	for (size_t i = 0; i < targets->count; i++) {
		const struct diff_target *target = &targets->items[i];
		for (size_t k = 0; k < target->key_count; k++) {
			size_t at = 0;
			while (at < count && !same_key(&out[at], &target->keys[k]))
				at++;
			if (at == count)
				out[count++] = target->keys[k];
		}
	}
	return count;
}

static bool watch_all(struct diff_state *state)
{
	struct diff_package *package = state->package;
	struct diff_targets targets;
	if (!diff_targets_read(state, package->usages, package->arena, &targets))
		return false;
	struct watch_key *keys =
		arena_alloc(package->arena, DIFF_KEYS * targets.count * sizeof(*keys));
	if (!keys)
		return false;
	size_t count = collect_keys(&targets, keys);
	state->watchers = calloc(count ? count : 1, sizeof(*state->watchers));
	if (!state->watchers)
		return false;
	for (; state->watcher_count < count; state->watcher_count++) {
		struct watcher *watcher = &state->watchers[state->watcher_count];
		watcher->owner = state;
		if (!watch_begin(&package->watches, &keys[state->watcher_count], watcher))
			return false;
	}
	return true;
}

/* --- life --- */

static void list_state(struct diff_state *state)
{
	state->next = state->package->states;
	state->link = &state->package->states;
	if (state->next)
		state->next->link = &state->next;
	state->package->states = state;
}

struct diff_state *diff_state_new(struct diff_package *package, struct subscription *subscription,
	const struct diff_list *list, enum diff_mode mode)
{
	size_t size = 0;
	struct diff_state *state =
		calloc(1, sizeof(*state) + list->count * sizeof(state->entries[0]));
	if (!state)
		return NULL;
	state->package = package;
	state->subscription = subscription;
	state->mode = (uint8_t)mode;
	state->entry_count = (uint32_t)list->count;
	list_state(state);
	for (size_t i = 0; i < list->count; i++) {
		state->entries[i].size = (uint32_t)list->items[i].size;
		size += list->items[i].size;
	}
	state->text = malloc(size ? size : 1);
	size = 0;
	for (size_t i = 0; state->text && i < list->count; i++) {
		if (list->items[i].size)
			memcpy(state->text + size, list->items[i].data, list->items[i].size);
		size += list->items[i].size;
	}
	if (state->text && watch_all(state))
		return state;
	diff_state_free(state);
	return NULL;
}

void diff_state_free(struct diff_state *state)
{
	*state->link = state->next;
	if (state->next)
		state->next->link = state->link;
	watch_nothing(state);
	diff_state_drop_part(state);
	free(state->changes);
	free(state->text);
	free(state);
}

void diff_state_drop_part(struct diff_state *state)
{
	free(state->part_after);
	state->part_after = NULL;
	state->part_entry = 0;
	state->part_base = state->part_tag = 0;
}

static void forget_changes(struct diff_state *state)
{
	free(state->changes);
	state->changes = NULL;
	state->change_count = state->change_room = 0;
}

void diff_state_doubt(struct diff_state *state)
{
	state->mark = state->told;
	state->scan = true;
	state->tag = 0;
	diff_state_drop_part(state);
	forget_changes(state);
	for (size_t i = 0; i < state->entry_count; i++)
		state->entries[i].digest = DIGEST_UNKNOWN;
}

static bool more_room(struct diff_state *state)
{
	size_t room = state->change_room ? 2 * (size_t)state->change_room : CHANGES_FIRST;
	uint64_t *changes =
		room > CHANGES_MOST ? NULL : realloc(state->changes, room * sizeof(*changes));
	if (!changes)
		return false;
	state->changes = changes;
	state->change_room = (uint16_t)room;
	return true;
}

void diff_state_change(struct diff_state *state, uint64_t number)
{
	size_t count = state->change_count;
	if (number <= state->mark || (count && number <= state->changes[count - 1]))
		return;
	if (!state->scan && count == state->change_room && !more_room(state)) {
		forget_changes(state);
		state->scan = true;
	}
	if (!state->scan)
		state->changes[state->change_count++] = number;
	subscription_wake(state->subscription);
}

/* --- rows --- */

void diff_save(void *package, const void *context, struct buffer *to)
{
	const struct diff_state *state = context;
	const char *text = state->text;
	(void)package;
	row_number(to, state->told, 8);
	row_number(to, state->mode, 1);
	row_number(to, state->entry_count, 4);
	for (size_t i = 0; i < state->entry_count; i++) {
		row_number(to, state->entries[i].digest, 8);
		row_text(to, (struct span){ text, state->entries[i].size });
		text += state->entries[i].size;
	}
}

static struct diff_state *read_row(
	struct diff_package *package, struct subscription *subscription, struct row_reader *from)
{
	enum diff_mode mode = (enum diff_mode)row_take_number(from, 1);
	size_t count = (size_t)row_take_number(from, 4);
	if (from->failed || count > from->rest.size)
		return NULL;
	struct span *items = arena_alloc(package->arena, count * sizeof(*items));
	uint64_t *digests = arena_alloc(package->arena, count * sizeof(*digests));
	for (size_t i = 0; items && digests && i < count; i++) {
		digests[i] = row_take_number(from, 8);
		items[i] = row_take_text(from);
	}
	if (!items || !digests || from->failed)
		return NULL;
	struct diff_state *state =
		diff_state_new(package, subscription, &(struct diff_list){ items, count }, mode);
	for (size_t i = 0; state && i < count; i++)
		state->entries[i].digest = digests[i];
	return state;
}

/* What the row says of digests holds only for what it says was told. A whole state that was on its
 * way may have arrived: then what it told of may be gone. */
bool diff_restore(void *context, struct subscription *subscription, struct span saved,
	const struct package_past *past, void **out)
{
	struct diff_package *package = context;
	struct row_reader from = { .rest = saved };
	arena_reset(package->arena);
	uint64_t told = row_take_number(&from, 8);
	struct diff_state *state = read_row(package, subscription, &from);
	*out = state;
	if (!state)
		return false;
	uint64_t base = past->told ? past->told : past->upto;
	state->known = base;
	state->told = state->mark = base ? diff_number(base) : 0;
	if (past->upto || !past->told || diff_number(past->told) != told) {
		diff_state_doubt(state);
		state->upto = past->upto > base ? diff_number(past->upto) : 0;
	}
	state->tag = past->tag;
	return true;
}
