/* SPDX-License-Identifier: BSD-2-Clause */
#include "auids/private.h"
#include "auids/rules.h"
#include "auids/schemas.h"
#include "auids/stylesheet.h"
#include "xcap/scratch.h"

#include <string.h>

static bool root_fits(const struct usage *usage, const xmlNode *root, struct conflict *why)
{
	const char *space = root->ns ? (const char *)root->ns->href : "";
	for (size_t i = 0; i < usage->root_count; i++)
		if (!strcmp(usage->roots[i].local, (const char *)root->name)
			&& !strcmp(usage->roots[i].space, space))
			return true;
	return conflict_set(why, CONFLICT_SCHEMA_VALIDATION_ERROR,
		"line %ld, element %.100s: the root of a %.*s document is %s of the namespace %s",
		xmlGetLineNo(root), (const char *)root->name, SPAN_ARG(usage->auid),
		usage->roots[0].local, usage->roots[0].space);
}

/* RFC 4825 §8.2.5 in its order: schema, uniqueness, other constraints. */
bool content_fits(const struct usage *usage, struct arena *arena, const struct doc_id *id,
	const struct xml_document *parsed, struct span body, struct verdict *verdict_out,
	struct conflict *why)
{
	xmlDoc *document = xml_tree(parsed);
	if (usage->judge != JUDGE_OFF && !root_fits(usage, xmlDocGetRootElement(document), why))
		return false;
	if (usage->judge == JUDGE_STRICT && !schemas_accept(usage->set->schemas, document, why))
		return false;
	if (!rules_accept(usage, arena, id, document, body, verdict_out, why))
		return false;
	if (!usage->stylesheet)
		return true;
	scratch_close(); /* libxslt keeps some of what it allocates */
	return stylesheet_accept(usage->stylesheet, arena, id, document, why);
}

bool usage_accepts(const struct usage *usage, struct arena *arena, const struct doc_id *id,
	struct span body, const struct xml_limits *limits, struct verdict *verdict_out,
	struct conflict *why)
{
	struct xml_document *document;
	*verdict_out = (struct verdict){ NULL, 0 };
	if (usage->size_cap && body.size > usage->size_cap)
		return conflict_set(why, CONFLICT_CONSTRAINT_FAILURE,
			"a document of %zu octets, the limit for %.*s is %llu", body.size,
			SPAN_ARG(usage->auid), (unsigned long long)usage->size_cap);
	scratch_open();
	bool accepted = false;
	if (xml_parse(&document, body, limits, why)) {
		accepted = content_fits(usage, arena, id, document, body, verdict_out, why);
		xml_free(&document);
	}
	scratch_close();
	return accepted;
}

void usage_taken(const struct usage *usage, struct arena *arena, struct span body,
	const struct claim *claim, claim_free *is_free, void *context, struct conflict *why)
{
	const struct asking asking = { is_free, context };
	static const struct xml_limits none = { .depth = SIZE_MAX, .attributes = SIZE_MAX };
	struct xml_document *document;
	conflict_set(why, CONFLICT_UNIQUENESS_FAILURE, "a value of this document is taken");
	if (!xml_parse(&document, body, &none, why)) {
		conflict_set(why, CONFLICT_UNIQUENESS_FAILURE, "a value of this document is taken");
		return;
	}
	rules_taken(usage, arena, xml_tree(document), claim, &asking, why);
	xml_free(&document);
}
