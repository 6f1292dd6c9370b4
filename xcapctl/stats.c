/* SPDX-License-Identifier: BSD-2-Clause */
/* `xcapctl stats`: figures of the store. */
#include "xcapctl/command.h"
#include "xcapctl/output.h"

#include <string.h>

enum { PAGE_ROWS = 1000, USAGES_MAX = 256 };

/* Of the documents of one usage. */
struct share {
	struct span auid;
	uint64_t documents, octets;
};

struct shares {
	struct share items[USAGES_MAX];
	size_t count;
};

static void add_row(struct run *run, struct shares *shares, const struct document_row *row)
{
	struct share *last = shares->count ? &shares->items[shares->count - 1] : NULL;
	if (!last || (!span_equal(last->auid, row->id.auid) && shares->count < USAGES_MAX)) {
		last = &shares->items[shares->count++];
		*last = (struct share){ .auid = arena_copy(run->arena, row->id.auid) };
	}
	last->documents++;
	last->octets += row->size;
}

/* The documents stand in the order of their usages. */
static enum store_result weigh(struct run *run, struct arena *pages[2], struct shares *shares)
{
	struct document_row *rows;
	struct doc_id last, *after = NULL;
	enum store_result result = STORE_OK;
	size_t count = 1;
	for (unsigned turn = 0; count && result == STORE_OK; turn = !turn) {
		arena_reset(pages[turn]);
		result = store_list(
			run->store, pages[turn], NULL, after, STORE_HEAD, PAGE_ROWS, &rows, &count);
		for (size_t i = 0; result == STORE_OK && i < count; i++)
			add_row(run, shares, &rows[i]);
		if (result == STORE_OK && count) {
			last = rows[count - 1].id;
			after = &last;
		}
	}
	return result;
}

static json_t *shares_json(const struct shares *shares)
{
	json_t *array = json_array();
	for (size_t i = 0; i < shares->count; i++)
		json_array_append_new(array,
			json_pack("{s:o, s:I, s:I}", "auid", json_span(shares->items[i].auid),
				"documents", (json_int_t)shares->items[i].documents, "octets",
				(json_int_t)shares->items[i].octets));
	return array;
}

static json_t *time_or_null(uint64_t time)
{
	return time ? json_time(time) : json_null();
}

static enum exit_status print(struct run *run, json_t *object)
{
	if (!object)
		return complain("no memory");
	print_object(object, run->json);
	json_decref(object);
	return EXIT_WELL;
}

enum exit_status store_figures(struct run *run)
{
	struct store_stats stats;
	struct shares shares = { .count = 0 };
	struct arena *pages[] = { arena_new(1 << 20), arena_new(1 << 20) };
	enum exit_status status =
		pages[0] && pages[1] ? run_store(run, false) : complain("no memory");
	enum store_result result = STORE_OK;
	if (status == EXIT_WELL)
		result = store_stats(run->store, &stats);
	if (status == EXIT_WELL && result == STORE_OK)
		result = weigh(run, pages, &shares);
	arena_free(&pages[0]);
	arena_free(&pages[1]);
	if (status != EXIT_WELL)
		return status;
	if (result != STORE_OK)
		return complain_store(result);
	return print(run, json_pack("{s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:o}", "documents",
				  (json_int_t)stats.documents, "users", (json_int_t)stats.users,
				  "feed_oldest", (json_int_t)stats.feed_oldest, "feed_newest",
				  (json_int_t)stats.feed_newest, "feed_oldest_time",
				  time_or_null(stats.feed_oldest_time), "size_used",
				  (json_int_t)stats.size_used, "size_max",
				  (json_int_t)stats.size_max, "usages", shares_json(&shares)));
}
