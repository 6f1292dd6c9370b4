/* SPDX-License-Identifier: BSD-2-Clause */
/* `xcapctl doc history|restore`: former versions, and back to one of them. */
#include "xcapctl/document.h"
#include "xcapctl/output.h"

#include <string.h>

/* Newest first; the version that is comes first when there is one. */
struct history {
	struct version current;
	bool live;
	struct version *former;
	size_t count;
};

static enum store_result read_versions(
	struct run *run, const struct doc_id *id, struct history *out)
{
	struct snapshot head;
	*out = (struct history){ .live = false };
	enum store_result result =
		store_versions(run->store, run->arena, id, &out->former, &out->count);
	if (result != STORE_OK)
		return result;
	result = store_read(run->store, run->arena, id, STORE_HEAD, &head);
	if (result == STORE_OK)
		result = store_version(run->store, run->arena, id, head.etag.number, &out->current);
	out->live = result == STORE_OK;
	return result == STORE_ABSENT ? STORE_OK : result;
}

/* By the name given, or by that of which its usage is an alias. */
static enum exit_status find(struct run *run, struct doc_id *id, struct history *out)
{
	enum store_result result = read_versions(run, id, out);
	if (result == STORE_ABSENT) {
		enum exit_status status = run_usages(run);
		const struct usage *usage = run->usages ? usages_find(run->usages, id->auid) : NULL;
		if (status != EXIT_WELL)
			return status;
		if (usage) {
			usage_canonical(usage, id);
			result = read_versions(run, id, out);
		}
	}
	if (result == STORE_ABSENT)
		return complain(
			"there is no document %s, nor former versions of it", run->arguments[0]);
	return result == STORE_OK ? EXIT_WELL : complain_store(result);
}

static json_t *version_json(const struct version *version, bool current)
{
	return json_pack("{s:I, s:o, s:o, s:I, s:b, s:b, s:o}", "version",
		(json_int_t)version->etag.number, "etag", json_etag(version->etag), "modified",
		json_time(version->time), "size", (json_int_t)version->size, "current", current,
		"removed", version->removed, "who", json_span(version->who));
}

enum exit_status doc_history(struct run *run)
{
	struct doc_id id;
	struct history history;
	struct rows rows;
	enum exit_status status = document_parse(run, &id);
	if (status == EXIT_WELL)
		status = run_store(run, false);
	if (status == EXIT_WELL)
		status = find(run, &id, &history);
	if (status != EXIT_WELL)
		return status;
	rows_begin(&rows, run->json);
	if (history.live)
		rows_add(&rows, version_json(&history.current, true));
	for (size_t i = 0; i < history.count; i++)
		rows_add(&rows, version_json(&history.former[i], false));
	return rows_end(&rows) ? EXIT_WELL : complain("no memory");
}

/* The newest former version with a body, or the one that --version names, by number or etag. */
static enum exit_status choose(
	struct run *run, const struct history *history, const struct version **out)
{
	struct etag wanted = { 0 };
	struct span name = span_of(run->version);
	*out = NULL;
	if (name.data && !parse_u64(name, &wanted.number) && !etag_parse(name, &wanted)) {
		complain("--version is a number or an etag that `doc history` shows, not '%s'",
			run->version);
		return EXIT_MISUSED;
	}
	for (size_t i = 0; i < history->count && !*out; i++) {
		const struct version *version = &history->former[i];
		bool fits = name.data ? version->etag.number == wanted.number
						&& (!wanted.generation
							|| etag_equal(version->etag, wanted))
				      : !version->removed;
		if (fits)
			*out = version;
	}
	if (!*out)
		return name.data ? complain("there is no former version %s", run->version)
				 : complain("there is no former version");
	return (*out)->removed ? complain("version %s is a deletion", run->version) : EXIT_WELL;
}

static enum exit_status read_version(struct run *run, struct doc_id *id, struct span *body_out)
{
	struct history history;
	const struct version *version;
	enum exit_status status = find(run, id, &history);
	if (status == EXIT_WELL)
		status = choose(run, &history, &version);
	if (status != EXIT_WELL)
		return status;
	enum store_result result =
		store_version_read(run->store, run->arena, id, version->etag.number, body_out);
	if (result == STORE_ABSENT)
		return complain("this version was given up a moment ago");
	return result == STORE_OK ? EXIT_WELL : complain_store(result);
}

enum exit_status doc_restore(struct run *run)
{
	struct write write = { .remove = false };
	const struct usage *usage = NULL;
	enum exit_status status = document_parse(run, &write.id);
	if (status == EXIT_WELL)
		status = run_store(run, false);
	if (status == EXIT_WELL)
		status = read_version(run, &write.id, &write.body);
	if (status == EXIT_WELL)
		status = document_place(run, &write.id, &usage);
	if (status == EXIT_WELL)
		status = document_judge(run, usage, &write);
	if (status == EXIT_WELL)
		status = document_apply(run, usage, &write);
	return status == EXIT_WELL ? document_report(run, &write, "restored") : status;
}
