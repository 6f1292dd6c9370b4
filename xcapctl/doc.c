/* SPDX-License-Identifier: BSD-2-Clause */
/* `xcapctl doc`: documents, read and written as an admin. What is put is judged as a PUT would be
 * (RFC 4825 §8.2).
 */
#include "xcapctl/document.h"
#include "xcapctl/output.h"

#include <string.h>

static json_t *row_json(struct arena *arena, const struct document_row *row)
{
	return json_pack("{s:o, s:o, s:I, s:o}", "document",
		json_span(doc_id_text(arena, &row->id)), "etag", json_etag(row->etag), "size",
		(json_int_t)row->size, "modified", json_time(row->time));
}

/* Prints all documents that the filter lets through; two arenas take turns, so that the last row of
 * a page outlives it. */
static enum exit_status list(struct run *run, const struct document_filter *filter)
{
	struct arena *pages[] = { arena_new(1 << 20), arena_new(1 << 20) };
	struct document_row *found;
	struct doc_id last, *after = NULL;
	struct rows rows;
	enum store_result result = STORE_OK;
	size_t count = 1;
	bool well = pages[0] && pages[1];
	rows_begin(&rows, run->json);
	for (unsigned turn = 0; well && count; turn = !turn) {
		arena_reset(pages[turn]);
		result = store_list(
			run->store, pages[turn], filter, after, STORE_HEAD, 1000, &found, &count);
		if (result != STORE_OK)
			break;
		for (size_t i = 0; i < count; i++)
			rows_add(&rows, row_json(pages[turn], &found[i]));
		if (count) {
			last = found[count - 1].id;
			after = &last;
		}
	}
	well = rows_end(&rows) && well;
	arena_free(&pages[0]);
	arena_free(&pages[1]);
	if (result != STORE_OK)
		return complain_store(result);
	return well ? EXIT_WELL : complain("no memory");
}

enum exit_status doc_list(struct run *run)
{
	struct document_filter filter = { .only_global = false };
	struct user user;
	enum exit_status status = run_store(run, false);
	if (status == EXIT_WELL && run->count && !strcmp(run->arguments[0], "global")) {
		filter.only_global = true;
	} else if (status == EXIT_WELL && run->count) {
		status = user_find(run, run->arguments[0], NULL, &user);
		filter.xui = user.name;
	}
	return status == EXIT_WELL ? list(run, &filter) : status;
}

/* The index of all that is claimed (RFC 4826 §4.4.9). */
static enum exit_status make_index(struct run *run, const struct usage *usage, struct snapshot *out)
{
	struct buffer text = { .arena = run->arena };
	struct shown shown;
	if (!usage_shown(usage, run->arena, &shown))
		return complain("no memory");
	buffer_append(&text, shown.before);
	enum store_result result = store_claims_append(
		run->store, shown.scope, (size_t)run->settings->limits.index, &text, &out->etag);
	buffer_append(&text, shown.behind);
	out->body = buffer_span(&text);
	if (result == STORE_CROWDED)
		return complain("the index is larger than limits.index");
	return result == STORE_OK && out->body.data ? EXIT_WELL : complain_store(result);
}

/* What no user wrote. */
static enum exit_status make(
	struct run *run, const struct usage *usage, const struct doc_id *id, struct snapshot *out)
{
	struct conflict unused = { .arena = run->arena };
	enum generated maker = usage_generated(usage, id);
	if (usage_allows_name(usage, id, &unused)) {
		if (maker == GENERATED_CLAIMS)
			return make_index(run, usage, out);
		if (maker == GENERATED_DIRECTORY)
			return complain("this document is made by xcapd: ask for it over HTTP");
		if (usage_generate(run->usages, usage, run->arena, id, &out->body, &out->etag))
			return EXIT_WELL;
	}
	return complain("there is no document %s", run->arguments[0]);
}

/* Also finds the document by an alias of its usage, for which the usages are loaded. */
static enum exit_status find(
	struct run *run, struct doc_id *id, enum store_want want, struct snapshot *out)
{
	enum store_result result = store_read(run->store, run->arena, id, want, out);
	if (result == STORE_ABSENT) {
		enum exit_status status = run_usages(run);
		const struct usage *usage = run->usages ? usages_find(run->usages, id->auid) : NULL;
		if (status != EXIT_WELL)
			return status;
		if (!usage)
			return complain("there is no usage '%.*s'", SPAN_ARG(id->auid));
		usage_canonical(usage, id);
		if (usage_generated(usage, id))
			return make(run, usage, id, out);
		result = store_read(run->store, run->arena, id, want, out);
	}
	if (result == STORE_ABSENT)
		return complain("there is no document %s", run->arguments[0]);
	return result == STORE_OK ? EXIT_WELL : complain_store(result);
}

enum exit_status doc_get(struct run *run)
{
	struct doc_id id;
	struct snapshot found;
	enum exit_status status = document_parse(run, &id);
	if (status == EXIT_WELL)
		status = run_store(run, false);
	if (status == EXIT_WELL)
		status = find(run, &id, STORE_BODY, &found);
	if (status == EXIT_WELL)
		fwrite(found.body.data, 1, found.body.size, stdout);
	return status;
}

enum exit_status doc_delete(struct run *run)
{
	struct write write = { .remove = true };
	struct snapshot found;
	enum exit_status status = document_parse(run, &write.id);
	if (status == EXIT_WELL)
		status = run_store(run, false);
	if (status == EXIT_WELL)
		status = find(run, &write.id, STORE_HEAD, &found);
	if (status == EXIT_WELL)
		status = document_apply(run, NULL, &write);
	return status == EXIT_WELL ? document_report(run, &write, NULL) : status;
}

static enum exit_status read_body(struct run *run, const struct usage *usage, struct span *out)
{
	uint64_t most = document_most(run, usage);
	if (!read_input(run->arena, run->count > 1 ? run->arguments[1] : NULL, most, out))
		return EXIT_FAILED;
	if (out->size <= most)
		return EXIT_WELL;
	return complain("the document is larger than %llu octets", (unsigned long long)most);
}

enum exit_status doc_put(struct run *run)
{
	struct write write = { .remove = false };
	const struct usage *usage = NULL;
	enum exit_status status = document_parse(run, &write.id);
	if (status == EXIT_WELL)
		status = run_usages(run);
	if (status == EXIT_WELL)
		status = run_store(run, true);
	if (status == EXIT_WELL)
		status = document_place(run, &write.id, &usage);
	if (status == EXIT_WELL)
		status = read_body(run, usage, &write.body);
	if (status == EXIT_WELL)
		status = document_judge(run, usage, &write);
	if (status == EXIT_WELL)
		status = document_apply(run, usage, &write);
	return status == EXIT_WELL ? document_report(run, &write, NULL) : status;
}
