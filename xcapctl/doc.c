/* SPDX-License-Identifier: BSD-2-Clause */
/* `xcapctl doc`: documents, read and written as an admin. What is put is judged as a PUT would be
 * (RFC 4825 §8.2).
 */
#include "xcapctl/command.h"
#include "xcapctl/output.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

/* As xcapd has it: of one element, namespace declarations included. */
enum { ATTRIBUTES_MOST = 256 };

static json_t *etag_json(struct etag etag)
{
	char text[ETAG_TEXT_MAX];
	etag_text(etag, text);
	return json_string(text);
}

static json_t *row_json(struct arena *arena, const struct document_row *row)
{
	return json_pack("{s:o, s:o, s:I, s:o}", "document",
		json_span(doc_id_text(arena, &row->id)), "etag", etag_json(row->etag), "size",
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

static enum exit_status parse_id(struct run *run, struct doc_id *out)
{
	struct span text = span_of(run->arguments[0]);
	if (doc_id_parse(run->arena, text, run->settings->auth.realm, out))
		return EXIT_WELL;
	complain("'%s' is no document: it should look like AUID/users/XUI/PATH or AUID/global/PATH",
		run->arguments[0]);
	return EXIT_MISUSED;
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
		id->auid = usage_auid(usage);
		if (usage_generated(usage)
			&& usage_generate(
				run->usages, usage, run->arena, id, &out->body, &out->etag))
			return EXIT_WELL;
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
	enum exit_status status = parse_id(run, &id);
	if (status == EXIT_WELL)
		status = run_store(run, false);
	if (status == EXIT_WELL)
		status = find(run, &id, STORE_BODY, &found);
	if (status == EXIT_WELL)
		fwrite(found.body.data, 1, found.body.size, stdout);
	return status;
}

static enum exit_status refuse(const struct conflict *why)
{
	if (why->kind == CONFLICT_NONE)
		return complain("no memory");
	complain("%s: %.*s", conflict_element(why->kind), SPAN_ARG(why->phrase));
	for (const struct conflict_field *field = why->fields; field; field = field->next)
		complain("  at %.*s", SPAN_ARG(field->field));
	return EXIT_FAILED;
}

static enum exit_status read_conditions(struct run *run, struct conditions *out)
{
	*out = (struct conditions){ 0 };
	if (!run->if_match || condition_add(run->arena, &out->match, span_of(run->if_match)))
		return EXIT_WELL;
	complain("'%s' is no etag", run->if_match);
	return EXIT_MISUSED;
}

static enum exit_status apply(struct run *run, struct write *write)
{
	struct write *const writes[] = { write };
	struct conditions conditions;
	enum exit_status status = read_conditions(run, &conditions);
	if (status != EXIT_WELL)
		return status;
	write->conditions = &conditions;
	write->change.who = run_who(run);
	write->change.request = arena_format(
		run->arena, "xcapctl-%llx-%x", (unsigned long long)time(NULL), (unsigned)getpid());
	enum store_result result = store_apply(run->store, writes, 1);
	write->conditions = NULL;
	if (result != STORE_OK)
		return complain_store(result);
	switch (write->result) {
	case STORE_OK:
		return EXIT_WELL;
	case STORE_ABSENT:
		return complain("there is no document %s", run->arguments[0]);
	case STORE_STALE:
		return complain("the document is not the version that --if-match names");
	case STORE_CROWDED:
		return complain("constraint-failure: a user may have %u documents", write->quota);
	default:
		return complain_store(write->result);
	}
}

static enum exit_status report_write(struct run *run, const struct write *write)
{
	const char *what = write->remove ? "removed" : write->created ? "created" : "replaced";
	struct span document = doc_id_text(run->arena, &write->id);
	char etag[ETAG_TEXT_MAX];
	etag_text(write->etag, etag);
	if (write->remove)
		return report(run,
			json_pack("{s:o, s:s}", "document", json_span(document), "result", what),
			"%.*s: %s", SPAN_ARG(document), what);
	return report(run,
		json_pack("{s:o, s:s, s:s}", "document", json_span(document), "result", what,
			"etag", etag),
		"%.*s: %s, etag %s", SPAN_ARG(document), what, etag);
}

enum exit_status doc_delete(struct run *run)
{
	struct write write = { .remove = true };
	struct snapshot found;
	enum exit_status status = parse_id(run, &write.id);
	if (status == EXIT_WELL)
		status = run_store(run, false);
	if (status == EXIT_WELL)
		status = find(run, &write.id, STORE_HEAD, &found);
	if (status == EXIT_WELL)
		status = apply(run, &write);
	return status == EXIT_WELL ? report_write(run, &write) : status;
}

/* Who and where, before the body is read. */
static enum exit_status may_stand(
	struct run *run, struct doc_id *id, const struct usage **usage_out)
{
	struct conflict why = { .arena = run->arena };
	const struct usage *usage = usages_find(run->usages, id->auid);
	struct user owner;
	if (!usage)
		return complain("there is no usage '%.*s'", SPAN_ARG(id->auid));
	id->auid = usage_auid(usage);
	*usage_out = usage;
	if (usage_generated(usage))
		return complain("documents of '%.*s' are generated: nobody writes them",
			SPAN_ARG(id->auid));
	if (!usage_allows_name(usage, id, &why))
		return refuse(&why);
	if (id->tree == TREE_GLOBAL)
		return EXIT_WELL;
	enum store_result result = store_user_read(run->store, run->arena, id->xui, &owner);
	if (result == STORE_ABSENT)
		return complain("nobody added %.*s", SPAN_ARG(id->xui));
	return result == STORE_OK ? EXIT_WELL : complain_store(result);
}

static enum exit_status judge(struct run *run, const struct usage *usage, struct write *write)
{
	struct conflict why = { .arena = run->arena };
	struct verdict verdict = { 0 };
	uint64_t most = run->settings->limits.document, cap = usage_size_cap(usage);
	struct xml_limits limits = {
		.depth = run->settings->limits.depth,
		.attributes = ATTRIBUTES_MOST,
		.size = most,
	};
	if (cap && cap < most)
		most = cap;
	if (!read_input(run->arena, run->count > 1 ? run->arguments[1] : NULL, most, &write->body))
		return EXIT_FAILED;
	if (write->body.size > most)
		return complain(
			"the document is larger than %llu octets", (unsigned long long)most);
	if (!usage_accepts(usage, run->arena, &write->id, write->body, &limits, &verdict, &why))
		return refuse(&why);
	write->claims = verdict.claims;
	write->claim_count = verdict.claim_count;
	return EXIT_WELL;
}

enum exit_status doc_put(struct run *run)
{
	struct write write = { .quota = (unsigned)run->settings->limits.documents_per_user };
	const struct usage *usage = NULL;
	enum exit_status status = parse_id(run, &write.id);
	if (status == EXIT_WELL)
		status = run_usages(run);
	if (status == EXIT_WELL)
		status = run_store(run, true);
	if (status == EXIT_WELL)
		status = may_stand(run, &write.id, &usage);
	if (status == EXIT_WELL)
		status = judge(run, usage, &write);
	if (status == EXIT_WELL)
		status = apply(run, &write);
	if (write.result == STORE_TAKEN && status == EXIT_FAILED) {
		struct conflict why = { .arena = run->arena };
		usage_taken(usage, run->arena, write.body, &write.claims[write.taken], &why);
		return refuse(&why);
	}
	return status == EXIT_WELL ? report_write(run, &write) : status;
}
