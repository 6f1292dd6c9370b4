/* SPDX-License-Identifier: BSD-2-Clause */
#include "auids/schemas.h"

#include <libxml/tree.h>
#include <string.h>

/* One definition while it is read. usage.xsd has seen to what must be there, to what may stand
 * where, and to the words that are allowed. */
struct reading {
	struct loading *loading;
	struct arena *arena;
	struct usage *usage;
	bool failed; /* told */
};

static void fault(struct reading *reading, const xmlNode *node, const char *what)
{
	reading->failed = true;
	problem(reading->loading, reading->usage->file, xmlGetLineNo(node), "element %s: %s",
		(const char *)node->name, what);
}

static void out_of_memory(struct reading *reading)
{
	if (!reading->failed)
		no_memory(reading->loading);
	reading->failed = true;
}

static bool is(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && !strcmp((const char *)node->name, name);
}

static const xmlNode *next_called(const xmlNode *node, const char *name)
{
	while (node && !is(node, name))
		node = node->next;
	return node;
}

static size_t count_called(const xmlNode *parent, const char *name)
{
	size_t count = 0;
	for (const xmlNode *node = parent->children; node; node = node->next)
		count += is(node, name);
	return count;
}

/* Room for `count` things, zeroed. */
static void *room(struct reading *reading, size_t count, size_t size)
{
	void *memory = arena_zero(reading->arena, count * size);
	if (!memory)
		out_of_memory(reading);
	return memory;
}

static struct span keep(struct reading *reading, xmlChar *text)
{
	struct span copy = { NULL, 0 };
	if (!text)
		return copy;
	copy = arena_copy(reading->arena, span_trim(span_of((const char *)text)));
	xmlFree(text);
	if (!copy.data)
		out_of_memory(reading);
	return copy;
}

static struct span attribute(struct reading *reading, const xmlNode *node, const char *name)
{
	return keep(reading, xmlGetNoNsProp(node, (const xmlChar *)name));
}

/* Index of the attribute's word, or `standard` when it is absent. */
static int choice(struct reading *reading, const xmlNode *node, const char *name,
	const char *const words[], int standard)
{
	struct span word = attribute(reading, node, name);
	for (int i = 0; word.data && words[i]; i++)
		if (span_equal_text(word, words[i]))
			return i;
	return standard;
}

/* An attribute's QName; without a prefix it is in `standard`. */
static struct name expanded(struct reading *reading, const xmlNode *node,
	const char *attribute_name, const char *standard)
{
	struct span text = attribute(reading, node, attribute_name);
	struct name name = { text.data, standard };
	size_t colon;
	if (!text.data || !span_find(text, ':', &colon))
		return name;
	const char *prefix = arena_text(reading->arena, span_first(text, colon));
	xmlNode *scope = (xmlNode *)(uintptr_t)node; /* only read */
	const xmlNs *ns = prefix ? xmlSearchNs(node->doc, scope, (const xmlChar *)prefix) : NULL;
	if (!ns) {
		fault(reading, node, "a prefix is not bound");
		return name;
	}
	name.local = span_from(text, colon + 1).data;
	name.space = arena_text(reading->arena, span_of((const char *)ns->href));
	if (!name.space)
		out_of_memory(reading);
	return name;
}

static const struct span *texts(
	struct reading *reading, const xmlNode *parent, const char *name, size_t *count_out)
{
	struct span *all = room(reading, count_called(parent, name), sizeof(*all));
	const xmlNode *node = next_called(parent->children, name);
	*count_out = 0;
	for (; node && all; node = next_called(node->next, name))
		all[(*count_out)++] = keep(reading, xmlNodeGetContent(node));
	return all;
}

/* --- content --- */

static void read_roots(struct reading *reading, const xmlNode *content)
{
	struct usage *usage = reading->usage;
	struct name *roots = room(reading, count_called(content, "root"), sizeof(*roots));
	const xmlNode *node = next_called(content->children, "root");
	for (; node && roots; node = next_called(node->next, "root"))
		roots[usage->root_count++] =
			expanded(reading, node, "element", usage->default_namespace.data);
	usage->roots = roots;
}

static void read_extensions(struct reading *reading, const xmlNode *content)
{
	struct usage *usage = reading->usage;
	struct span *files = room(reading, count_called(content, "extension"), sizeof(*files));
	const xmlNode *node = next_called(content->children, "extension");
	for (; node && files; node = next_called(node->next, "extension"))
		files[usage->extension_count++] = attribute(reading, node, "schema");
	usage->extensions = files;
	if (usage->extension_count && usage->judge != JUDGE_STRICT)
		fault(reading, content, "only a strict judge looks at extensions");
}

static void read_view(struct reading *reading, const xmlNode *node)
{
	struct usage *usage = reading->usage;
	struct view *view = &usage->view;
	const char *standard = usage->default_namespace.data;
	if (!node)
		return;
	view->accept = attribute(reading, node, "accept");
	view->content = expanded(reading, node, "content", standard);
	view->type = expanded(reading, node, "type", standard);
	view->types = texts(reading, node, "type", &view->type_count);
}

static void read_content(struct reading *reading, const xmlNode *content)
{
	static const char *const judges[] = { "strict", "lax", "off", NULL };
	struct usage *usage = reading->usage;
	usage->judge = (enum judge)choice(reading, content, "judge", judges, JUDGE_STRICT);
	usage->schema = attribute(reading, content, "schema");
	usage->schema_line = xmlGetLineNo(content);
	struct span most = attribute(reading, content, "most");
	if (most.data && !parse_size(most, &usage->size_cap))
		fault(reading, content, "\"most\" is no size");
	if (usage->judge == JUDGE_STRICT && !usage->schema.data)
		fault(reading, content, "a strict judge needs a schema");
	if (usage->judge == JUDGE_OFF && usage->schema.data)
		fault(reading, content, "a judge that is off needs no schema");
	usage->stylesheet_file = attribute(reading, content, "stylesheet");
	read_roots(reading, content);
	read_extensions(reading, content);
	read_view(reading, next_called(content->children, "view"));
}

/* --- trees --- */

static void read_documents(struct reading *reading, const xmlNode *tree, struct branch *branch)
{
	struct document_name *names = room(reading, count_called(tree, "document"), sizeof(*names));
	const xmlNode *node = next_called(tree->children, "document");
	for (; node && names; node = next_called(node->next, "document")) {
		struct document_name *name = &names[branch->document_count++];
		struct span pattern = attribute(reading, node, "pattern");
		name->text = attribute(reading, node, "name");
		if (!name->text.data == !pattern.data)
			fault(reading, node, "either a name or a pattern");
		name->pattern = pattern.data != NULL;
		name->alias = attribute(reading, node, "alias");
		name->template_file = attribute(reading, node, "template");
		name->line = xmlGetLineNo(node);
		if (name->pattern && (name->alias.data || name->template_file.data))
			fault(reading, node, "an alias or template needs a name");
		if (name->pattern)
			name->text = pattern;
	}
	branch->documents = names;
}

static const char *const whos[] = { "owner", "any", "trusted", "nobody", NULL };

/* RFC 4825 §5.7. */
static const struct branch standard_branches[] = {
	[TREE_USERS] = { .read = WHO_OWNER, .write = WHO_OWNER },
	[TREE_GLOBAL] = { .read = WHO_ANY, .write = WHO_TRUSTED },
};

/* By enum generated. */
static const char *const makers[] = { "nothing", "capabilities", "directory", "claims", NULL };

static void read_tree(struct reading *reading, const xmlNode *tree)
{
	static const char *const names[] = { "users", "global", NULL };
	static const char *const answers[] = { "no", "yes", NULL };
	struct branch *branch =
		&reading->usage->branches[choice(reading, tree, "name", names, TREE_USERS)];
	if (branch->present)
		fault(reading, tree, "this tree is there twice");
	branch->present = true;
	branch->folders = choice(reading, tree, "folders", answers, 0) == 1;
	branch->read = (enum who)choice(reading, tree, "read", whos, (int)branch->read);
	branch->write = (enum who)choice(reading, tree, "write", whos, (int)branch->write);
	branch->generated = (enum generated)choice(reading, tree, "generated", makers, 0);
	read_documents(reading, tree, branch);
	if (branch->generated && !branch->document_count)
		fault(reading, tree, "a generated document needs a name");
}

/* --- rules --- */

static void read_uri(struct reading *reading, const xmlNode *node, struct rule *rule)
{
	static const char *const forms[] = { "relative-path", "absolute", "absolute-http", "owner",
		"owner-domain", NULL };
	rule->form = (enum uri_form)choice(reading, node, "form", forms, FORM_ABSOLUTE);
	struct span required = attribute(reading, node, "required");
	rule->required = span_equal_text(required, "true") || span_equal_text(required, "1");
	rule->auid = attribute(reading, node, "auid");
	rule->own_home = attribute(reading, node, "home").data != NULL;
	rule->phrase = attribute(reading, node, "phrase");
	if (rule->auid.data && rule->form != FORM_ABSOLUTE_HTTP)
		fault(reading, node, "\"auid\" needs form=\"absolute-http\"");
	if (rule->own_home && !rule->auid.data)
		fault(reading, node, "\"home\" needs \"auid\"");
}

static void read_rules(struct reading *reading, const xmlNode *rules)
{
	static const char *const kinds[] = { "unique", "claim", "uri" };
	struct usage *usage = reading->usage;
	struct rule *all =
		room(reading, xmlChildElementCount((xmlNode *)(uintptr_t)rules), sizeof(*all));
	const xmlNode *node = rules->children;
	for (; node && all; node = node->next) {
		if (node->type != XML_ELEMENT_NODE)
			continue;
		struct rule *rule = &all[usage->rule_count++];
		while (rule->kind < RULE_URI && !is(node, kinds[rule->kind]))
			rule->kind++;
		rule->element = expanded(reading, node, "element", usage->default_namespace.data);
		rule->attribute = expanded(reading, node, "attribute", "");
		rule->scope = attribute(reading, node, "scope");
		rule->shown = attribute(reading, node, "shown");
		rule->apart_from_users = attribute(reading, node, "apart-from").data != NULL;
		if (rule->kind == RULE_URI)
			read_uri(reading, node, rule);
	}
	usage->rules = all;
}

/* What is made of claims needs one that says what is shown. */
static void check_generated(struct reading *reading, const xmlNode *root)
{
	const struct usage *usage = reading->usage;
	bool wanted = false, shown = false;
	for (size_t i = 0; i < 2; i++)
		wanted |= usage->branches[i].generated == GENERATED_CLAIMS;
	for (size_t i = 0; i < usage->rule_count; i++)
		shown |= usage->rules[i].shown.data != NULL;
	if (wanted && !shown)
		fault(reading, root, "generated=\"claims\" needs a <claim> with \"shown\"");
}

static void read_notices(struct reading *reading, const xmlNode *root)
{
	struct usage *usage = reading->usage;
	struct notice *all = room(reading, count_called(root, "notifies"), sizeof(*all));
	const xmlNode *node = next_called(root->children, "notifies");
	for (; node && all; node = next_called(node->next, "notifies"))
		all[usage->notice_count++] = (struct notice){
			.event = attribute(reading, node, "event"),
			.effect = attribute(reading, node, "effect"),
		};
	usage->notices = all;
}

static void read_usage(struct reading *reading, const xmlNode *root)
{
	struct usage *usage = reading->usage;
	usage->line = xmlGetLineNo(root);
	usage->auid = attribute(reading, root, "auid");
	usage->media_type = attribute(reading, root, "media-type");
	usage->default_namespace = attribute(reading, root, "default-namespace");
	usage->aliases = texts(reading, root, "alias", &usage->alias_count);
	usage->advertised = texts(reading, root, "advertise", &usage->advertised_count);
	memcpy(usage->branches, standard_branches, sizeof(usage->branches));
	for (const xmlNode *node = root->children; node; node = node->next) {
		if (is(node, "content"))
			read_content(reading, node);
		else if (is(node, "tree"))
			read_tree(reading, node);
		else if (is(node, "rules"))
			read_rules(reading, node);
	}
	read_notices(reading, root);
	check_generated(reading, root);
}

bool definition_read(struct loading *loading, const struct schemas *language, const char *path,
	struct usage *out)
{
	struct xml_document *document;
	struct conflict why = { .arena = loading->set->arena };
	struct reading reading = { loading, loading->set->arena, out, false };
	*out = (struct usage){ .set = loading->set, .file = path };
	if (!load_document(loading, path, &document, NULL))
		return false;
	if (schemas_accept(language, xml_tree(document), &why))
		read_usage(&reading, xmlDocGetRootElement(xml_tree(document)));
	else
		reading.failed = !problem_conflict(loading, path, &why);
	xml_free(&document);
	return !reading.failed;
}
