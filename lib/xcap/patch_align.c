/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/patch_private.h"

#include <stdlib.h>

/* What has to agree for two nodes to be matched, strongest first; each step is tried between the
 * matches of the one before it. */
enum pass {
	BY_ALL,  /* equal, and the only one of its kind on both sides */
	BY_KEY,  /* elements of one name and key attribute, the only ones too */
	BY_NAME, /* elements of one name, in their order */
	BY_NONE,
};

enum { AGAIN_MOST = 4 }; /* how often a pass is tried between its own matches */

struct ranked {
	uint64_t hash;
	size_t index;
};

struct aligner {
	struct arena *arena;
	const struct patch_node *old, *now;
	long *partners;
	struct ranked *left, *right; /* scratch, as long as the runs */
	long *candidates, *before;   /* scratch, of the new run */
	size_t *tails;
};

/* Indexes from..end of both runs. */
struct range {
	size_t old, old_end, now, now_end;
};

static bool equal(const struct aligner *aligner, size_t old, size_t now)
{
	return patch_equal(aligner->arena, &aligner->old[old], &aligner->now[now]);
}

static void trim(struct aligner *aligner, struct range *range)
{
	while (range->old < range->old_end && range->now < range->now_end
		&& equal(aligner, range->old, range->now))
		aligner->partners[range->now++] = (long)range->old++;
	while (range->old < range->old_end && range->now < range->now_end
		&& equal(aligner, range->old_end - 1, range->now_end - 1))
		aligner->partners[--range->now_end] = (long)--range->old_end;
}

/* --- those that are the only ones of their kind --- */

static int by_hash(const void *a, const void *b)
{
	const struct ranked *left = a, *right = b;
	return left->hash < right->hash ? -1 : left->hash > right->hash;
}

static size_t rank(
	const struct patch_node *nodes, size_t from, size_t end, enum pass pass, struct ranked *out)
{
	size_t count = 0;
	for (size_t i = from; i < end; i++) {
		const struct patch_node *node = &nodes[i];
		if (pass == BY_ALL ? node->kind != PATCH_TEXT : node->kind == PATCH_ELEMENT)
			out[count++] =
				(struct ranked){ pass == BY_ALL ? node->hash : node->key, i };
	}
	qsort(out, count, sizeof(*out), by_hash);
	return count;
}

static size_t group_end(const struct ranked *ranked, size_t count, size_t from)
{
	size_t end = from + 1;
	while (end < count && ranked[end].hash == ranked[from].hash)
		end++;
	return end;
}

static void find_candidates(struct aligner *aligner, const struct range *range, enum pass pass)
{
	struct ranked *left = aligner->left, *right = aligner->right;
	size_t old = rank(aligner->old, range->old, range->old_end, pass, left);
	size_t now = rank(aligner->now, range->now, range->now_end, pass, right);
	for (size_t j = range->now; j < range->now_end; j++)
		aligner->candidates[j] = PATCH_ALONE;
	for (size_t i = 0, j = 0; i < old && j < now;) {
		int order = by_hash(&left[i], &right[j]);
		size_t old_end = group_end(left, old, i), now_end = group_end(right, now, j);
		if (!order && old_end == i + 1 && now_end == j + 1
			&& (pass != BY_ALL || equal(aligner, left[i].index, right[j].index)))
			aligner->candidates[right[j].index] = (long)left[i].index;
		i = order <= 0 ? old_end : i;
		j = order >= 0 ? now_end : j;
	}
}

/* Keeps the longest row of candidates that rises on both sides: tails[n] ends the row of n + 1 that
 * ends lowest. */
static size_t keep_rising(struct aligner *aligner, const struct range *range)
{
	size_t *tails = aligner->tails, count = 0;
	const long *candidates = aligner->candidates;
	for (size_t j = range->now; j < range->now_end; j++) {
		size_t low = 0, high = count;
		if (candidates[j] == PATCH_ALONE)
			continue;
		while (low < high) {
			size_t middle = (low + high) / 2;
			if (candidates[tails[middle]] < candidates[j])
				low = middle + 1;
			else
				high = middle;
		}
		aligner->before[j] = low ? (long)tails[low - 1] : PATCH_ALONE;
		tails[low] = j;
		count += low == count;
	}
	for (long j = count ? (long)tails[count - 1] : PATCH_ALONE; j != PATCH_ALONE;
		j = aligner->before[j])
		aligner->partners[j] = candidates[j];
	return count;
}

/* --- those that only have one name --- */

static size_t next_element(const struct patch_node *nodes, size_t from, size_t end)
{
	while (from < end && nodes[from].kind != PATCH_ELEMENT)
		from++;
	return from;
}

static void match_names(struct aligner *aligner, const struct range *range)
{
	size_t i = range->old, j = range->now;
	for (;;) {
		i = next_element(aligner->old, i, range->old_end);
		j = next_element(aligner->now, j, range->now_end);
		if (i == range->old_end || j == range->now_end)
			return;
		if (aligner->old[i].name == aligner->now[j].name)
			aligner->partners[j++] = (long)i++;
		else if (range->old_end - i > range->now_end - j)
			i++;
		else
			j++;
	}
}

/* --- all of them --- */

static void align(struct aligner *aligner, struct range range, enum pass pass, unsigned again);

/* What lies between the matches of the range. */
static void align_gaps(
	struct aligner *aligner, const struct range *range, enum pass pass, unsigned again)
{
	struct range gap = *range;
	for (size_t j = range->now; j <= range->now_end; j++) {
		bool last = j == range->now_end;
		if (!last && aligner->partners[j] == PATCH_ALONE)
			continue;
		gap.now_end = j;
		gap.old_end = last ? range->old_end : (size_t)aligner->partners[j];
		size_t next = gap.old_end + 1;
		align(aligner, gap, pass, again);
		gap.old = next;
		gap.now = j + 1;
	}
}

static void align(struct aligner *aligner, struct range range, enum pass pass, unsigned again)
{
	trim(aligner, &range);
	if (range.old == range.old_end || range.now == range.now_end || pass == BY_NONE)
		return;
	if (pass == BY_NAME) {
		match_names(aligner, &range);
		align_gaps(aligner, &range, BY_NONE, 0);
		return;
	}
	find_candidates(aligner, &range, pass);
	if (keep_rising(aligner, &range) && again < AGAIN_MOST)
		align_gaps(aligner, &range, pass, again + 1);
	else
		align_gaps(aligner, &range, pass + 1, 0);
}

bool patch_align(struct arena *arena, struct patch_run old, struct patch_run now, long *partners)
{
	struct aligner aligner = {
		.arena = arena,
		.old = old.nodes,
		.now = now.nodes,
		.partners = partners,
		.left = arena_alloc(arena, old.count * sizeof(struct ranked)),
		.right = arena_alloc(arena, now.count * sizeof(struct ranked)),
		.candidates = arena_alloc(arena, now.count * sizeof(long)),
		.before = arena_alloc(arena, now.count * sizeof(long)),
		.tails = arena_alloc(arena, now.count * sizeof(size_t)),
	};
	if (!aligner.left || !aligner.right || !aligner.candidates || !aligner.before
		|| !aligner.tails)
		return false;
	for (size_t j = 0; j < now.count; j++)
		partners[j] = PATCH_ALONE;
	align(&aligner, (struct range){ 0, old.count, 0, now.count }, BY_ALL, 0);
	return true;
}
