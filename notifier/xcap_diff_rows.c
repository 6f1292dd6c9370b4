/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/xcap_diff.h"

#include <string.h>

enum {
	STEP = 500,
	VISITS_MOST = 4000, /* rows looked at for one body */
	ROWS_MOST = 512,    /* of them told in one body */
};

struct gathering {
	struct diff_state *state;
	const struct diff_targets *targets;
	struct arena *arena;
	struct diff_rows *out;
	size_t most, rows;
	bool failed;
};

/* --- groups --- */

static struct diff_group *find_group(const struct diff_rows *rows, const struct doc_id *id)
{
	struct diff_group *group = rows->first;
	while (group && !doc_id_equal(&group->id, id))
		group = group->next;
	return group;
}

static bool is_part_of(const struct diff_target *target, const struct doc_id *id)
{
	return target->kind == DIFF_PART && target->key_count && doc_id_equal(&target->id, id);
}

/* What the smallest items that tell of the document take; 0: it is not watched. */
static size_t cost_of(const struct gathering *gathering, const struct doc_id *id,
	const struct diff_target *teller)
{
	size_t cost = 0;
	if (teller)
		cost = DIFF_ITEM_ROOM
		       + (teller->kind == DIFF_WHOLE ? teller->raw.size
						     : diff_sel(gathering->arena, id).size);
	for (size_t i = 0; i < gathering->targets->count; i++)
		if (is_part_of(&gathering->targets->items[i], id))
			cost += DIFF_ITEM_ROOM + gathering->targets->items[i].raw.size;
	return cost;
}

static struct diff_group *add_group(
	struct gathering *gathering, const struct doc_id *id, const struct diff_target *teller)
{
	struct diff_group *group = arena_zero(gathering->arena, sizeof(*group));
	if (group)
		group->rows = arena_alloc(gathering->arena, ROWS_MOST * sizeof(struct feed_row *));
	if (!group || !group->rows) {
		gathering->failed = true;
		return NULL;
	}
	group->id = *id;
	group->teller = teller;
	for (size_t i = 0; i < gathering->targets->count && !group->usage; i++)
		if (is_part_of(&gathering->targets->items[i], id))
			group->usage = gathering->targets->items[i].usage;
	if (teller)
		group->usage = teller->usage;
	*gathering->out->last = group;
	gathering->out->last = &group->next;
	return group;
}

/* False: there is no room for it, or no memory. */
static bool take_row(struct gathering *gathering, struct feed_row *row)
{
	struct diff_group *group = find_group(gathering->out, &row->id);
	bool each = gathering->state->mode == MODE_XCAP_PATCHING;
	const struct diff_target *teller =
		group ? group->teller : diff_teller(gathering->state, gathering->targets, &row->id);
	size_t cost = group && !each ? 0 : cost_of(gathering, &row->id, teller);
	if (!group && !cost)
		return true;
	bool first = !gathering->rows;
	if (gathering->rows == ROWS_MOST
		|| (!first && gathering->out->cost + cost + DIFF_ITEM_ROOM > gathering->most)) {
		gathering->out->more = true;
		return false;
	}
	if (!group)
		group = add_group(gathering, &row->id, teller);
	if (!group)
		return false;
	group->rows[group->count++] = row;
	group->cost += cost;
	gathering->out->cost += cost;
	gathering->rows++;
	return true;
}

/* --- where rows come from --- */

static bool feed(struct gathering *gathering, uint64_t after, size_t most, struct feed_row **rows,
	size_t *count)
{
	struct store *store = gathering->state->package->notifier->store;
	if (store_feed(store, gathering->arena, after, most, rows, count) == STORE_OK)
		return true;
	gathering->failed = true;
	return false;
}

/* False: one of them is trimmed away. */
static bool take_changes(struct gathering *gathering)
{
	const struct diff_state *state = gathering->state;
	for (size_t i = 0; i < state->change_count; i++) {
		struct feed_row *row;
		size_t count;
		uint64_t number = state->changes[i];
		if (!feed(gathering, number - 1, 1, &row, &count))
			return true;
		if (!count || row->number != number)
			return false;
		if (!take_row(gathering, row))
			return true;
		gathering->out->mark = number;
	}
	return true;
}

static bool goes_back(const struct gathering *gathering)
{
	uint64_t oldest = 0, newest = 0;
	store_feed_range(gathering->state->package->notifier->store, &oldest, &newest);
	return oldest <= gathering->state->mark + 1;
}

static void scan(struct gathering *gathering)
{
	struct feed_row *rows;
	size_t count = STEP, visits = 0;
	const uint64_t upto = gathering->state->upto;
	struct diff_rows *out = gathering->out;
	while (count == STEP && visits < VISITS_MOST) {
		if (!feed(gathering, out->mark, STEP, &rows, &count))
			return;
		for (size_t i = 0; i < count; i++, visits++) {
			out->more = upto && rows[i].number > upto;
			if (out->more || !take_row(gathering, &rows[i]))
				return;
			out->mark = rows[i].number;
		}
	}
	out->more = count == STEP;
}

bool diff_rows_read(struct diff_state *state, const struct diff_targets *targets,
	struct arena *arena, size_t most, struct diff_rows *out)
{
	struct gathering gathering = {
		.state = state, .targets = targets, .arena = arena, .out = out, .most = most
	};
	*out = (struct diff_rows){ .mark = state->mark };
	out->last = &out->first;
	if (state->scan && !goes_back(&gathering))
		out->lost = true;
	else if (state->scan)
		scan(&gathering);
	else
		out->lost = !take_changes(&gathering);
	return !gathering.failed;
}
