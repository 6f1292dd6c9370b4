/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapctl/document.h"

#include "xcapctl/output.h"

#include <time.h>
#include <unistd.h>

enum exit_status document_parse(struct run *run, struct doc_id *out)
{
	struct span text = span_of(run->arguments[0]);
	if (doc_id_parse(run->arena, text, run->settings->auth.realm, out))
		return EXIT_WELL;
	complain("'%s' is no document: it should look like AUID/users/XUI/PATH or AUID/global/PATH",
		run->arguments[0]);
	return EXIT_MISUSED;
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

enum exit_status document_place(struct run *run, struct doc_id *id, const struct usage **usage_out)
{
	struct conflict why = { .arena = run->arena };
	struct user owner;
	enum exit_status status = run_usages(run);
	if (status != EXIT_WELL)
		return status;
	const struct usage *usage = usages_find(run->usages, id->auid);
	if (!usage)
		return complain("there is no usage '%.*s'", SPAN_ARG(id->auid));
	usage_canonical(usage, id);
	*usage_out = usage;
	if (usage_generated(usage, id))
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

uint64_t document_most(const struct run *run, const struct usage *usage)
{
	uint64_t most = run->settings->limits.document, cap = usage_size_cap(usage);
	return cap && cap < most ? cap : most;
}

struct xml_limits document_limits(const struct run *run)
{
	return (struct xml_limits){
		.depth = run->settings->limits.depth,
		.attributes = XML_ATTRIBUTES_MOST,
		.size = run->settings->limits.document,
	};
}

enum exit_status document_judge(struct run *run, const struct usage *usage, struct write *write)
{
	struct conflict why = { .arena = run->arena };
	struct verdict verdict = { 0 };
	struct xml_limits limits = document_limits(run);
	if (!usage_accepts(usage, run->arena, &write->id, write->body, &limits, &verdict, &why))
		return refuse(&why);
	write->claims = verdict.claims;
	write->claim_count = verdict.claim_count;
	return EXIT_WELL;
}

static enum exit_status read_conditions(struct run *run, struct conditions *out)
{
	*out = (struct conditions){ 0 };
	if (!run->if_match || condition_add(run->arena, &out->match, span_of(run->if_match)))
		return EXIT_WELL;
	complain("'%s' is no etag", run->if_match);
	return EXIT_MISUSED;
}

enum exit_status document_apply(struct run *run, const struct usage *usage, struct write *write)
{
	struct write *const writes[] = { write };
	struct conditions conditions;
	struct conflict why = { .arena = run->arena };
	enum exit_status status = read_conditions(run, &conditions);
	if (status != EXIT_WELL)
		return status;
	write->conditions = &conditions;
	write->change.who = run_who(run);
	write->change.request = arena_format(
		run->arena, "xcapctl-%llx-%x", (unsigned long long)time(NULL), (unsigned)getpid());
	write->quota = (unsigned)run->settings->limits.documents_per_user;
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
	case STORE_TAKEN:
		usage_taken(usage, run->arena, write->body, &write->claims[write->taken], NULL,
			NULL, &why);
		return refuse(&why);
	default:
		return complain_store(write->result);
	}
}

enum exit_status document_report(struct run *run, const struct write *write, const char *what)
{
	if (!what)
		what = write->remove ? "removed" : write->created ? "created" : "replaced";
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
