/* SPDX-License-Identifier: BSD-2-Clause */
/* `xcapctl feed status`: the change feed, and how far the notifier's targets are in it, as the
 * notifier wrote it down: at most a second ago when it runs. */
#include "store/delivery.h"
#include "xcapctl/command.h"
#include "xcapctl/output.h"

#include <string.h>
#include <time.h>

enum { PAGE_ROWS = 1000, SHOWN_OWNERS = 100 };

struct status {
	struct run *run;
	struct arena *page;
	struct store_stats stats;
	uint64_t now;
	json_t *targets, *parked;
	size_t owners;
};

/* An owner who waits, while its rows are read. */
struct waiting {
	struct span target, owner;
	struct delivery_change first;
	size_t changes;
};

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static json_t *time_or_null(uint64_t time)
{
	return time ? json_time(time) : json_null();
}

static json_t *text_or_null(struct span text)
{
	return text.size ? json_span(text) : json_null();
}

static bool is_configured(const struct run *run, struct span name)
{
	for (size_t i = 0; i < run->settings->target_count; i++)
		if (span_equal(run->settings->targets[i].name, name))
			return true;
	return false;
}

static const char *state_of(
	const struct status *status, struct span name, const struct delivery_mark *mark)
{
	if (!is_configured(status->run, name))
		return "not configured";
	if (!mark || mark->generation != store_generation(status->run->store))
		return "not told yet";
	if (mark->away)
		return "does not answer";
	return mark->phase == DELIVERY_RESYNC ? "resync" : "follows";
}

/* Age of the oldest change that the target has not been told; 0: there is none. */
static uint64_t age_behind(struct status *status, uint64_t position)
{
	struct feed_row *rows;
	size_t count;
	arena_reset(status->page);
	if (store_feed(status->run->store, status->page, position, 1, &rows, &count) != STORE_OK
		|| !count || rows->time >= status->now)
		return 0;
	return status->now - rows->time;
}

/* mark NULL: the notifier has not met it. */
static bool add_target(struct status *status, struct span name, const struct delivery_mark *mark)
{
	const struct delivery_mark none = { 0 };
	const char *state = state_of(status, name, mark);
	const struct delivery_mark *at = mark ? mark : &none;
	uint64_t position = at->phase == DELIVERY_RESYNC ? at->since : at->position;
	uint64_t newest = status->stats.feed_newest;
	json_t *row = json_pack("{s:o, s:s, s:I, s:I, s:I, s:I, s:o, s:o}", "name", json_span(name),
		"state", state, "position", (json_int_t)position, "behind",
		(json_int_t)(newest > position ? newest - position : 0), "behind_ms",
		(json_int_t)age_behind(status, position), "parked", (json_int_t)at->parked,
		"last_error", text_or_null(at->error), "error_time", time_or_null(at->error_time));
	return row && !json_array_append_new(status->targets, row);
}

static enum exit_status add_configured(struct status *status)
{
	struct run *run = status->run;
	for (size_t i = 0; i < run->settings->target_count; i++) {
		struct delivery_mark mark;
		struct span value, name = run->settings->targets[i].name;
		enum store_result result =
			kv_read(run->store, run->arena, DELIVERY_TARGETS, name, &value);
		if (result != STORE_OK && result != STORE_ABSENT)
			return complain_store(result);
		bool known = result == STORE_OK && delivery_mark_decode(value, &mark);
		if (!add_target(status, name, known ? &mark : NULL))
			return complain("no memory");
	}
	return EXIT_WELL;
}

/* Those that once were: they are remembered in case they come back. */
static enum exit_status add_former(struct status *status)
{
	struct run *run = status->run;
	struct kv_pair *pairs;
	struct delivery_mark mark;
	size_t count;
	enum store_result result = kv_list(run->store, run->arena, DELIVERY_TARGETS,
		(struct span){ 0 }, PAGE_ROWS, &pairs, &count);
	if (result != STORE_OK)
		return complain_store(result);
	for (size_t i = 0; i < count; i++)
		if (!is_configured(run, pairs[i].key) && delivery_mark_decode(pairs[i].value, &mark)
			&& !add_target(status, pairs[i].key, &mark))
			return complain("no memory");
	return EXIT_WELL;
}

/* --- owners who wait --- */

static bool add_owner(struct status *status, const struct waiting *waiting)
{
	const struct delivery_change *first = &waiting->first;
	if (!waiting->changes)
		return true;
	status->owners++;
	if (!status->run->json && status->owners > SHOWN_OWNERS)
		return true;
	json_t *row =
		json_pack("{s:o, s:o, s:o, s:I, s:I, s:o}", "target", json_span(waiting->target),
			"owner", json_span(waiting->owner.size ? waiting->owner : SPAN("global")),
			"since", time_or_null(first->time), "changes", (json_int_t)waiting->changes,
			"tries", (json_int_t)first->tries, "error", text_or_null(first->error));
	return row && !json_array_append_new(status->parked, row);
}

static bool add_row(struct status *status, struct waiting *waiting, const struct kv_pair *pair)
{
	struct span target, owner;
	uint64_t from;
	struct delivery_change change;
	if (!delivery_key_parse(pair->key, &target, &owner, &from)
		|| !delivery_change_decode(pair->value, &change))
		return true;
	if (!waiting->changes || !span_equal(target, waiting->target)
		|| !span_equal(owner, waiting->owner)) {
		if (!add_owner(status, waiting))
			return false;
		*waiting = (struct waiting){ target, owner, change, 0 };
	}
	waiting->changes++;
	return true;
}

/* What is still being counted when a page ends is copied into the next one. */
static bool keep(struct arena *arena, struct waiting *waiting)
{
	struct span *texts[] = { &waiting->target, &waiting->owner, &waiting->first.error };
	for (size_t i = 0; waiting->changes && i < sizeof(texts) / sizeof(texts[0]); i++) {
		*texts[i] = arena_copy(arena, *texts[i]);
		if (!texts[i]->data)
			return false;
	}
	return true;
}

static enum exit_status add_owners(struct status *status, struct arena *pages[2])
{
	struct waiting waiting = { .changes = 0 };
	struct span after = { 0 };
	struct kv_pair *pairs;
	size_t count = 1;
	for (unsigned turn = 0; count; turn = !turn) {
		arena_reset(pages[turn]);
		if (!keep(pages[turn], &waiting))
			return complain("no memory");
		enum store_result result = kv_list(status->run->store, pages[turn],
			DELIVERY_PENDING, after, PAGE_ROWS, &pairs, &count);
		if (result != STORE_OK)
			return complain_store(result);
		for (size_t i = 0; i < count; i++)
			if (!add_row(status, &waiting, &pairs[i]))
				return complain("no memory");
		if (count)
			after = pairs[count - 1].key;
	}
	return add_owner(status, &waiting) ? EXIT_WELL : complain("no memory");
}

/* --- all of it --- */

static enum exit_status print_status(struct status *status)
{
	const struct store_stats *stats = &status->stats;
	struct etag newest = { store_generation(status->run->store), stats->feed_newest };
	uint64_t rows = stats->feed_newest ? stats->feed_newest - stats->feed_oldest + 1 : 0;
	json_t *object = json_pack("{s:I, s:I, s:o, s:I, s:o, s:O, s:O}", "oldest",
		(json_int_t)stats->feed_oldest, "newest", (json_int_t)stats->feed_newest,
		"oldest_time", time_or_null(stats->feed_oldest_time), "rows", (json_int_t)rows,
		"newest_etag", stats->feed_newest ? json_etag(newest) : json_null(), "targets",
		status->targets, "parked", status->parked);
	if (!object)
		return complain("no memory");
	print_object(object, status->run->json);
	json_decref(object);
	if (!status->run->json && status->owners > SHOWN_OWNERS)
		printf("and %zu more owners\n", status->owners - SHOWN_OWNERS);
	return EXIT_WELL;
}

enum exit_status feed_status(struct run *run)
{
	struct arena *pages[] = { arena_new(1 << 20), arena_new(1 << 20) };
	struct status status = { .run = run,
		.page = pages[0],
		.now = now_ms(),
		.targets = json_array(),
		.parked = json_array() };
	enum exit_status result = run_store(run, false);
	if (result == EXIT_WELL && (!pages[0] || !pages[1] || !status.targets || !status.parked))
		result = complain("no memory");
	if (result == EXIT_WELL) {
		enum store_result read = store_stats(run->store, &status.stats);
		if (read != STORE_OK)
			result = complain_store(read);
	}
	if (result == EXIT_WELL)
		result = add_configured(&status);
	if (result == EXIT_WELL)
		result = add_former(&status);
	if (result == EXIT_WELL)
		result = add_owners(&status, pages);
	if (result == EXIT_WELL)
		result = print_status(&status);
	json_decref(status.targets);
	json_decref(status.parked);
	arena_free(&pages[0]);
	arena_free(&pages[1]);
	return result;
}
