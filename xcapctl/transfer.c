/* SPDX-License-Identifier: BSD-2-Clause */
/* `xcapctl import`: an export's files, each judged as a PUT of it would be. One thread reads, a
 * crew judges, one thread writes.
 */
#include "xcapctl/transfer.h"

#include "xcapctl/crew.h"
#include "xcapctl/document.h"
#include "xcapctl/output.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	BATCH_DOCUMENTS = 240,
	BATCH_OCTETS = 4 << 20,
	ROWS_MOST = 1000, /* of one transaction */
	ROWS_EACH = 4,    /* document, body, feed, and the version that is given up */
};

struct item {
	struct tree_file file;
	const struct usage *usage;
	struct write write;
	const char *kind;    /* of a refusal; NULL and a phrase: it is no document */
	struct span refusal; /* data == NULL: none */
	bool unchanged, broken;
};

void transfer_refuse(
	struct transfer *transfer, struct span file, const char *kind, struct span phrase)
{
	transfer->refusals++;
	fprintf(stderr, "%s%.*s: %s%s%.*s\n", transfer->progress.terminal ? "\r\033[K" : "",
		SPAN_ARG(file), kind ? kind : "", kind ? ": " : "", SPAN_ARG(phrase));
	if (transfer->refused)
		json_array_append_new(
			transfer->refused, json_pack("{s:o, s:s?, s:o}", "file", json_span(file),
						   "error", kind, "phrase", json_span(phrase)));
}

/* --- reading --- */

static bool fill(void *context, struct batch *batch)
{
	struct transfer *transfer = context;
	struct item *items = arena_zero(batch->arena, BATCH_DOCUMENTS * sizeof(*items));
	size_t most = (size_t)transfer->run->settings->limits.document, octets = 0;
	batch->items = items;
	while (items && batch->count < BATCH_DOCUMENTS && octets < BATCH_OCTETS) {
		struct item *item = &items[batch->count];
		if (!tree_next(transfer->walk, batch->arena, most, &item->file))
			return false;
		octets += item->file.body.size;
		batch->count++;
	}
	return items != NULL;
}

/* --- judging: any thread --- */

static void refuse(struct item *item, const char *kind, struct span phrase)
{
	item->kind = kind;
	item->refusal = phrase.data ? phrase : SPAN("no memory");
}

/* For a return in the middle of a judgement. */
static bool no(struct item *item, struct arena *arena, const char *phrase, struct span about)
{
	refuse(item, NULL, arena_format(arena, "%s%.*s", phrase, SPAN_ARG(about)));
	return false;
}

static bool no_because(struct item *item, const struct conflict *why)
{
	bool told = why->kind != CONFLICT_NONE;
	refuse(item, told ? conflict_element(why->kind) : NULL,
		told ? why->phrase : SPAN("no memory"));
	return false;
}

/* The name that a client's URI would have given. */
static bool canonical(struct transfer *transfer, struct arena *arena, struct item *item)
{
	struct span text = doc_id_text(arena, &item->file.id);
	if (!text.data
		|| !doc_id_parse(arena, text, transfer->run->settings->auth.realm, &item->write.id))
		return no(item, arena, "no document can have this name", (struct span){ NULL, 0 });
	return true;
}

static bool may_stand(struct transfer *transfer, struct arena *arena, struct item *item)
{
	struct doc_id *id = &item->write.id;
	struct conflict why = { .arena = arena };
	struct user owner;
	item->usage = usages_find(transfer->run->usages, id->auid);
	if (!item->usage)
		return no(item, arena, "there is no usage ", id->auid);
	usage_canonical(item->usage, id);
	if (usage_generated(item->usage, id))
		return no(item, arena, "such documents are generated: nobody writes them",
			(struct span){ NULL, 0 });
	if (!usage_allows_name(item->usage, id, &why))
		return no_because(item, &why);
	if (id->tree == TREE_GLOBAL)
		return true;
	enum store_result found = store_user_read(transfer->run->store, arena, id->xui, &owner);
	if (found == STORE_ABSENT)
		return no(item, arena, "nobody added ", id->xui);
	item->broken = found != STORE_OK;
	return !item->broken || no(item, arena, store_problem(), (struct span){ NULL, 0 });
}

static bool is_stored(struct transfer *transfer, struct arena *arena, const struct item *item)
{
	struct snapshot stored;
	struct store *store = transfer->run->store;
	const struct doc_id *id = &item->write.id;
	return store_read(store, arena, id, STORE_HEAD, &stored) == STORE_OK
	       && stored.size == item->write.body.size
	       && store_read(store, arena, id, STORE_BODY, &stored) == STORE_OK
	       && span_equal(stored.body, item->write.body);
}

static bool judge(struct transfer *transfer, struct arena *arena, struct item *item)
{
	struct conflict why = { .arena = arena };
	struct verdict verdict;
	if (item->file.wrong)
		return no(item, arena, item->file.wrong,
			item->file.error ? arena_format(arena, ": %s", strerror(item->file.error))
					 : (struct span){ NULL, 0 });
	if (!canonical(transfer, arena, item) || !may_stand(transfer, arena, item))
		return false;
	uint64_t most = document_most(transfer->run, item->usage);
	item->write.body = item->file.body;
	if (item->write.body.size > most) {
		conflict_set(&why, CONFLICT_CONSTRAINT_FAILURE,
			"the document is larger than %llu octets", (unsigned long long)most);
		return no_because(item, &why);
	}
	item->unchanged = is_stored(transfer, arena, item);
	if (item->unchanged)
		return true;
	if (!usage_accepts(item->usage, arena, &item->write.id, item->write.body, &transfer->limits,
		    &verdict, &why))
		return no_because(item, &why);
	item->write.claims = verdict.claims;
	item->write.claim_count = verdict.claim_count;
	return true;
}

static void work(void *context, struct batch *batch)
{
	struct transfer *transfer = context;
	struct item *items = batch->items;
	for (size_t i = 0; i < batch->count; i++) {
		struct write *write = &items[i].write;
		*write = (struct write){
			.quota = (unsigned)transfer->run->settings->limits.documents_per_user,
			.change = { .who = transfer->who, .request = transfer->request },
		};
		judge(transfer, batch->arena, &items[i]);
	}
}

/* --- writing --- */

static bool give_up(struct transfer *transfer, enum store_result result)
{
	complain_store(result);
	transfer->failed = true;
	return false;
}

static bool conclude(struct transfer *transfer, struct arena *arena, struct item *item)
{
	const struct write *write = &item->write;
	struct conflict why = { .arena = arena };
	switch (write->result) {
	case STORE_OK:
		transfer->created += write->created;
		transfer->replaced += !write->created;
		return true;
	case STORE_CROWDED:
		conflict_set(&why, CONFLICT_CONSTRAINT_FAILURE, "a user may have %u documents",
			write->quota);
		break;
	case STORE_TAKEN:
		usage_taken(item->usage, arena, write->body, &write->claims[write->taken], NULL,
			NULL, &why);
		break;
	default:
		return give_up(transfer, write->result);
	}
	no_because(item, &why);
	return true;
}

/* Applies items from *at on, as many as one transaction takes. */
static bool apply_some(struct transfer *transfer, struct batch *batch, size_t *at)
{
	struct write *writes[BATCH_DOCUMENTS] = { NULL };
	struct item *items = batch->items, *members[BATCH_DOCUMENTS];
	size_t count = 0, rows = 0;
	for (; *at < batch->count; ++*at) {
		struct item *item = &items[*at];
		size_t more = ROWS_EACH + 2 * item->write.claim_count;
		if (item->refusal.data || item->unchanged)
			continue;
		if (count && rows + more > ROWS_MOST)
			break;
		members[count] = item;
		writes[count++] = &item->write;
		rows += more;
	}
	enum store_result result = store_apply(transfer->run->store, writes, count);
	if (result != STORE_OK)
		return give_up(transfer, result);
	for (size_t i = 0; i < count; i++)
		if (!conclude(transfer, batch->arena, members[i]))
			return false;
	return true;
}

static bool finish(void *context, struct batch *batch)
{
	struct transfer *transfer = context;
	struct item *items = batch->items;
	for (size_t at = 0; at < batch->count;)
		if (!apply_some(transfer, batch, &at))
			return false;
	for (size_t i = 0; i < batch->count; i++) {
		transfer->documents++;
		transfer->unchanged += items[i].unchanged;
		if (items[i].refusal.data)
			transfer_refuse(
				transfer, items[i].file.file, items[i].kind, items[i].refusal);
		transfer->failed |= items[i].broken;
	}
	progress_tell(&transfer->progress, transfer->documents, 0);
	return !transfer->failed;
}

/* --- the whole --- */

static enum exit_status import_documents(struct transfer *transfer)
{
	const struct crew crew = { fill, work, finish, transfer };
	progress_begin(&transfer->progress, transfer->run, "import", "documents");
	bool well = crew_run(&crew);
	progress_end(&transfer->progress, transfer->documents);
	if (well)
		return EXIT_WELL;
	return transfer->failed ? EXIT_FAILED : complain("no memory, or no threads");
}

static enum exit_status tell(struct transfer *transfer)
{
	enum exit_status status = report(transfer->run,
		json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o*}", "users",
			(json_int_t)transfer->users, "users_written",
			(json_int_t)transfer->users_written, "documents",
			(json_int_t)transfer->documents, "created", (json_int_t)transfer->created,
			"replaced", (json_int_t)transfer->replaced, "unchanged",
			(json_int_t)transfer->unchanged, "refused", transfer->refused),
		"%llu users, %llu of them new or changed; %llu files: %llu documents created, "
		"%llu replaced, %llu unchanged; %llu refused",
		(unsigned long long)transfer->users, (unsigned long long)transfer->users_written,
		(unsigned long long)transfer->documents, (unsigned long long)transfer->created,
		(unsigned long long)transfer->replaced, (unsigned long long)transfer->unchanged,
		(unsigned long long)transfer->refusals);
	return transfer->refusals ? EXIT_FAILED : status;
}

enum exit_status transfer_import(struct run *run)
{
	struct transfer transfer = { .run = run, .limits = document_limits(run) };
	transfer.walk = tree_open(run->arguments[0]);
	if (!transfer.walk)
		return complain(
			"cannot open the folder %s: %s", run->arguments[0], strerror(errno));
	transfer.who = run_who(run);
	transfer.request = arena_format(
		run->arena, "import-%llx-%x", (unsigned long long)time(NULL), (unsigned)getpid());
	enum exit_status status = run_usages(run);
	if (status == EXIT_WELL)
		status = run_store(run, true);
	if (run->json)
		transfer.refused = json_array();
	if (status == EXIT_WELL)
		status = transfer_people(&transfer);
	if (status == EXIT_WELL)
		status = import_documents(&transfer);
	tree_close(&transfer.walk);
	if (status == EXIT_WELL)
		return tell(&transfer);
	json_decref(transfer.refused);
	return status;
}
