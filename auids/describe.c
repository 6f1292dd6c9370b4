/* SPDX-License-Identifier: BSD-2-Clause */
/* A definition in words: for `xcapctl usage show`. */
#include "auids/private.h"

static void fact(struct buffer *to, const char *name, struct span value)
{
	if (value.data)
		buffer_format(to, "%s: %.*s\n", name, SPAN_ARG(value));
}

static void facts(struct buffer *to, const char *name, const struct span *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fact(to, name, values[i]);
}

static const char *attribute_mark(const struct rule *rule)
{
	return rule->attribute.local ? "/@" : "";
}

static void describe_tree(struct buffer *to, const char *name, const struct branch *branch)
{
	static const char *const whos[] = { "owner", "any", "trusted", "nobody" };
	static const char *const makers[] = { "", ", made from what is loaded",
		", made from the owner's documents", ", made from all claims" };
	if (!branch->present)
		return;
	buffer_format(to, "%s: read by %s, written by %s%s%s\n", name, whos[branch->read],
		branch->generated ? "nobody" : whos[branch->write], makers[branch->generated],
		branch->folders ? ", with folders" : "");
	for (size_t i = 0; i < branch->document_count; i++) {
		const struct document_name *document = &branch->documents[i];
		buffer_format(to, "%s document: %.*s", name, SPAN_ARG(document->text));
		if (document->alias.data)
			buffer_format(to, " or %.*s", SPAN_ARG(document->alias));
		if (document->template_file.data)
			buffer_format(to, ", from %.*s", SPAN_ARG(document->template_file));
		buffer_octet(to, '\n');
	}
}

static void describe_rule(struct buffer *to, const struct rule *rule)
{
	static const char *const kinds[] = { "unique", "claim", "uri" };
	static const char *const forms[] = { "a relative path", "an absolute URI",
		"an absolute http URI", "the owner", "of the owner's domain" };
	buffer_format(to, "%s: %s%s%s", kinds[rule->kind], rule->element.local,
		attribute_mark(rule), rule->attribute.local ? rule->attribute.local : "");
	if (rule->kind == RULE_CLAIM)
		buffer_format(to, ", in %.*s", SPAN_ARG(rule->scope));
	if (rule->kind == RULE_URI)
		buffer_format(to, " is %s%s%.*s%s", forms[rule->form],
			rule->auid.data ? " in " : "", SPAN_ARG(rule->auid),
			rule->own_home ? ", in the owner's home" : "");
	buffer_octet(to, '\n');
}

void usage_describe(const struct usage *usage, struct buffer *to)
{
	static const char *const judges[] = { "strict", "lax", "off" };
	fact(to, "auid", usage->auid);
	facts(to, "alias", usage->aliases, usage->alias_count);
	fact(to, "definition", span_of(usage->file));
	fact(to, "media type", usage->media_type);
	fact(to, "default namespace", usage->default_namespace);
	facts(to, "also advertised", usage->advertised, usage->advertised_count);
	fact(to, "judge", span_of(judges[usage->judge]));
	fact(to, "schema", usage->schema);
	facts(to, "extension", usage->extensions, usage->extension_count);
	fact(to, "stylesheet", usage->stylesheet_file);
	if (usage->size_cap)
		buffer_format(to, "most: %llu\n", (unsigned long long)usage->size_cap);
	for (size_t i = 0; i < usage->root_count; i++)
		buffer_format(to, "root: %s of %s\n", usage->roots[i].local, usage->roots[i].space);
	describe_tree(to, "users", &usage->branches[TREE_USERS]);
	describe_tree(to, "global", &usage->branches[TREE_GLOBAL]);
	for (size_t i = 0; i < usage->rule_count; i++)
		describe_rule(to, &usage->rules[i]);
	facts(to, "view", usage->view.types, usage->view.type_count);
	for (size_t i = 0; i < usage->notice_count; i++)
		buffer_format(to, "notifies: %.*s of %.*s\n", SPAN_ARG(usage->notices[i].event),
			SPAN_ARG(usage->notices[i].effect));
}
