/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapctl/verify.h"

#include "store/verify.h"
#include "xcapctl/crew.h"
#include "xcapctl/document.h"
#include "xcapctl/output.h"
#include "xcapctl/progress.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { PAGE_ROWS = 1000 };

struct verify {
	struct run *run;
	struct store *store;
	struct verify_result *result;
	struct progress progress;
	struct verify_walk walk;
	struct xml_limits limits;
	uint64_t total, walked; /* documents */
	enum store_result failed;
};

/* What a worker found out about a document; kept beside the rows. */
struct opinion {
	const char *kind;
	struct span phrase; /* data == NULL: it is well */
};

struct page {
	struct document_row *rows;
	struct opinion *opinions;
};

static void say(const struct verify *verify, const char *where, const char *what)
{
	fprintf(stderr, "%s%s: %s\n", verify->progress.terminal ? "\r\033[K" : "", where, what);
}

/* Called by the walks: one thread. */
static void tell(void *context, const char *where, const char *what)
{
	struct verify *verify = context;
	verify->result->damage++;
	say(verify, where, what);
}

/* --- documents: read, judged by a crew, counted --- */

static bool fill(void *context, struct batch *batch)
{
	struct verify *verify = context;
	struct page *page = arena_zero(batch->arena, sizeof(*page));
	batch->items = page;
	if (!page)
		return false;
	verify->failed = store_verify(
		verify->store, batch->arena, &verify->walk, PAGE_ROWS, &page->rows, &batch->count);
	page->opinions = arena_zero(batch->arena, batch->count * sizeof(*page->opinions));
	if (!page->opinions || verify->failed != STORE_OK)
		batch->count = 0;
	return page->opinions && verify->failed == STORE_OK && !verify->walk.done;
}

static void judge(struct verify *verify, struct arena *arena, const struct document_row *row,
	struct opinion *out)
{
	struct conflict why = { .arena = arena };
	struct verdict verdict;
	bool same = true;
	const struct usage *usage = usages_find(verify->run->usages, row->id.auid);
	if (!usage || usage_generated(usage, &row->id)) {
		out->phrase = usage ? SPAN("such documents are generated")
				    : SPAN("there is no such usage");
		return;
	}
	if (!usage_allows_name(usage, &row->id, &why)
		|| !usage_accepts(
			usage, arena, &row->id, row->body, &verify->limits, &verdict, &why)) {
		out->kind = why.kind == CONFLICT_NONE ? NULL : conflict_element(why.kind);
		out->phrase = why.kind == CONFLICT_NONE ? SPAN("no memory") : why.phrase;
		return;
	}
	if (store_verify_claims(
		    verify->store, arena, row, verdict.claims, verdict.claim_count, &same)
		!= STORE_OK)
		out->phrase = arena_format(arena, "%s", store_problem());
	else if (!same)
		out->phrase = SPAN("it claims other values than the index has");
}

static void work(void *context, struct batch *batch)
{
	struct page *page = batch->items;
	for (size_t i = 0; i < batch->count; i++)
		judge(context, batch->arena, &page->rows[i], &page->opinions[i]);
}

static bool finish(void *context, struct batch *batch)
{
	struct verify *verify = context;
	const struct page *page = batch->items;
	for (size_t i = 0; i < batch->count; i++) {
		const struct opinion *opinion = &page->opinions[i];
		verify->result->octets += page->rows[i].size;
		if (!opinion->phrase.data)
			continue;
		verify->result->content++;
		struct span name = doc_id_text(batch->arena, &page->rows[i].id);
		struct span what =
			arena_format(batch->arena, "%s%s%.*s", opinion->kind ? opinion->kind : "",
				opinion->kind ? ": " : "", SPAN_ARG(opinion->phrase));
		say(verify, name.data ? name.data : "?", what.data ? what.data : "?");
	}
	verify->walked += batch->count;
	progress_tell(&verify->progress, verify->walked, verify->total);
	return true;
}

static struct verify_walk walk_of(struct verify *verify, enum verify_part part)
{
	return (struct verify_walk){ .part = part, .tell = tell, .context = verify };
}

/* --- the other tables --- */

static bool walk_part(struct verify *verify, struct arena *arena, enum verify_part part)
{
	struct document_row *rows;
	size_t count;
	verify->walk = walk_of(verify, part);
	while (!verify->walk.done && verify->failed == STORE_OK) {
		arena_reset(arena);
		verify->failed =
			store_verify(verify->store, arena, &verify->walk, PAGE_ROWS, &rows, &count);
	}
	return verify->failed == STORE_OK;
}

static bool walk_rest(struct verify *verify, struct arena *arena, uint64_t *versions)
{
	static const enum verify_part parts[] = { VERIFY_DELETED, VERIFY_VERSIONS, VERIFY_FEED,
		VERIFY_CLAIMS, VERIFY_USERS, VERIFY_STATE };
	struct verify_result *result = verify->result;
	uint64_t unused, *const counts[] = { &result->deleted, &result->versions, &result->feed,
		&result->claims, &result->users, &unused };
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!walk_part(verify, arena, parts[i]))
			return false;
		*counts[i] = verify->walk.rows;
		*versions += verify->walk.versions;
	}
	return true;
}

static bool verify_all(struct verify *verify, struct arena *arena)
{
	const struct crew crew = { fill, work, finish, verify };
	uint64_t versions, oldest, before = 0, after = 0;
	verify->walk = walk_of(verify, VERIFY_DOCUMENTS);
	verify->failed = store_feed_range(verify->store, &oldest, &before);
	if (verify->failed != STORE_OK || !crew_run(&crew) || !verify->walk.done)
		return false;
	verify->result->documents = verify->walk.rows;
	versions = verify->walk.versions;
	if (!walk_rest(verify, arena, &versions))
		return false;
	verify->failed = store_feed_range(verify->store, &oldest, &after);
	if (before == after && versions != verify->result->versions)
		tell(verify, "versions", "there are others than the documents have");
	return verify->failed == STORE_OK;
}

enum exit_status verify_store(struct run *run, struct store *store, struct verify_result *out)
{
	struct verify verify = { .run = run, .store = store, .limits = document_limits(run) };
	struct store_stats stats;
	struct arena *arena = arena_new(1 << 20);
	*out = (struct verify_result){ 0 };
	verify.result = out;
	if (store_stats(store, &stats) == STORE_OK)
		verify.total = stats.documents;
	progress_begin(&verify.progress, run, "verify", "documents");
	bool well = arena && verify_all(&verify, arena);
	progress_end(&verify.progress, verify.walked);
	arena_free(&arena);
	if (well)
		return EXIT_WELL;
	return verify.failed != STORE_OK ? complain_store(verify.failed)
					 : complain("no memory, or no threads");
}

/* --- the command --- */

static const char *guard_words = "";

static void guard_end(int number)
{
	static const char start[] = "\nxcapctl: ", end[] = "\n";
	(void)number;
	if (write(STDERR_FILENO, start, sizeof(start) - 1) < 0
		|| write(STDERR_FILENO, guard_words, strlen(guard_words)) < 0
		|| write(STDERR_FILENO, end, sizeof(end) - 1) < 0)
		_exit(EXIT_FAILED);
	_exit(EXIT_FAILED);
}

void verify_guard(const char *words)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE };
	guard_words = words;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &(struct sigaction){ .sa_handler = guard_end }, NULL);
}

enum exit_status store_judge(struct run *run)
{
	struct verify_result found;
	enum exit_status status = run_usages(run);
	verify_guard("the store is damaged: its pages cannot be followed");
	if (status == EXIT_WELL)
		status = run_store(run, false);
	if (status == EXIT_WELL)
		status = verify_store(run, run->store, &found);
	if (status != EXIT_WELL)
		return status;
	uint64_t faults = found.damage + found.content;
	status = report(run,
		json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "clean",
			faults == 0, "documents", (json_int_t)found.documents, "octets",
			(json_int_t)found.octets, "deleted", (json_int_t)found.deleted, "versions",
			(json_int_t)found.versions, "feed", (json_int_t)found.feed, "claims",
			(json_int_t)found.claims, "users", (json_int_t)found.users, "damage",
			(json_int_t)found.damage, "not_accepted", (json_int_t)found.content),
		"%s: %llu documents, %llu former versions and deletions, %llu rows in the feed, "
		"%llu users; %llu faults, %llu documents that would not be accepted today",
		faults ? "not clean" : "clean", (unsigned long long)found.documents,
		(unsigned long long)(found.versions - found.documents),
		(unsigned long long)found.feed, (unsigned long long)found.users,
		(unsigned long long)found.damage, (unsigned long long)found.content);
	return faults ? EXIT_FAILED : status;
}
