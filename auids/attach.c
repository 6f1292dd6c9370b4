/* SPDX-License-Identifier: BSD-2-Clause */
/* What a usage brings along in files of its own: a stylesheet, templates of documents. */
#include "auids/stylesheet.h"

#include <string.h>

/* Beside the definition. */
static const char *path_of(struct loading *loading, const struct usage *usage, struct span name)
{
	const char *slash = strrchr(usage->file, '/');
	struct span folder = { usage->file, slash ? (size_t)(slash + 1 - usage->file) : 0 };
	return arena_format(loading->set->arena, "%.*s%.*s", SPAN_ARG(folder), SPAN_ARG(name)).data;
}

bool stylesheet_attach(struct loading *loading, struct usage *usage)
{
	if (!usage->stylesheet_file.data)
		return true;
	const char *path = path_of(loading, usage, usage->stylesheet_file);
	return path ? stylesheet_load(loading, path, &usage->stylesheet) : no_memory(loading);
}

/* Is it a document that could be PUT? Rules that ask for the owner cannot hold here: a template is
 * everybody's. */
static bool template_fits(struct loading *loading, const struct usage *usage, const char *path,
	struct document_name *entry, enum tree tree)
{
	const struct doc_id id = { usage->auid, tree,
		tree == TREE_USERS ? SPAN("sip:nobody@invalid") : SPAN(""), entry->text };
	struct conflict why = { .arena = loading->set->arena };
	struct xml_document *document;
	struct verdict verdict;
	if (!load_document(loading, path, &document, &entry->template))
		return false;
	bool fits = content_fits(
		usage, loading->set->arena, &id, document, entry->template, &verdict, &why);
	xml_free(&document);
	entry->template_etag = usage_octets_etag(entry->template);
	if (fits && verdict.claim_count)
		return problem(loading, path, 0, "a template cannot claim anything");
	return fits || problem_conflict(loading, path, &why);
}

bool templates_attach(struct loading *loading, struct usage *usage)
{
	bool fine = true;
	for (int tree = 0; tree < 2; tree++) {
		struct branch *branch = &usage->branches[tree];
		for (size_t i = 0; i < branch->document_count; i++) {
			struct document_name *entry = &branch->documents[i];
			const char *path = entry->template_file.data
						   ? path_of(loading, usage, entry->template_file)
						   : NULL;
			if (path)
				fine &= template_fits(loading, usage, path, entry, (enum tree)tree);
		}
	}
	return fine;
}

struct span usage_template(
	const struct usage *usage, const struct doc_id *id, struct etag *etag_out)
{
	const struct document_name *entry = document_entry(usage, id);
	*etag_out = entry ? entry->template_etag : (struct etag){ 0, 0 };
	return entry ? entry->template : (struct span){ NULL, 0 };
}
