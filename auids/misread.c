/* SPDX-License-Identifier: BSD-2-Clause */
#include "auids/misread.h"

#include <libxml/tree.h>
#include <string.h>
#include <strings.h>

#define POLICY "urn:ietf:params:xml:ns:common-policy"
#define PRES_RULES "urn:ietf:params:xml:ns:pres-rules"

struct findings {
	struct arena *arena;
	struct misreading *out;
	size_t count, most;
};

static bool is(const xmlNode *node, const char *name, const char *space)
{
	return node->type == XML_ELEMENT_NODE && node->ns && !strcmp((const char *)node->name, name)
	       && !strcmp((const char *)node->ns->href, space);
}

static const xmlNode *child(const xmlNode *parent, const char *name, const char *space)
{
	for (const xmlNode *node = parent ? parent->children : NULL; node; node = node->next)
		if (is(node, name, space))
			return node;
	return NULL;
}

static const xmlNode *next_rule(const xmlNode *node)
{
	while (node && !is(node, "rule", POLICY))
		node = node->next;
	return node;
}

/* An attribute's value where it is plain text; "" else. */
static const char *value(const xmlNode *node, const char *name)
{
	const xmlAttr *attribute = xmlHasProp(node, (const xmlChar *)name);
	const xmlNode *text = attribute ? attribute->children : NULL;
	return text && text->content && !text->next ? (const char *)text->content : "";
}

static void add(struct findings *findings, const xmlNode *rule, const char *what)
{
	if (findings->count == findings->most)
		return;
	struct span id = arena_copy(findings->arena, span_of(value(rule, "id")));
	if (id.data)
		findings->out[findings->count++] = (struct misreading){ id, what };
}

/* --- who a rule is for --- */

static const xmlNode *identity_of(const xmlNode *rule)
{
	return child(child(rule, "conditions", POLICY), "identity", POLICY);
}

/* "sip:bob@example.com" is of "example.com". */
static const char *domain_of(const char *uri)
{
	const char *at = strrchr(uri, '@');
	return at ? at + 1 : "";
}

static bool covers(const xmlNode *many, const char *domain)
{
	const char *only = value(many, "domain");
	return !*only || !strcasecmp(only, domain);
}

static bool may_meet(const xmlNode *a, const xmlNode *b)
{
	bool one_a = is(a, "one", POLICY), one_b = is(b, "one", POLICY);
	if (one_a && one_b)
		return !strcmp(value(a, "id"), value(b, "id"));
	if (one_a)
		return covers(b, domain_of(value(a, "id")));
	if (one_b)
		return covers(a, domain_of(value(b, "id")));
	return covers(a, value(b, "domain")) || covers(b, value(a, "domain"));
}

/* May somebody match both? */
static bool overlap(const xmlNode *rule, const xmlNode *other)
{
	const xmlNode *a = identity_of(rule), *b = identity_of(other);
	for (a = a ? a->children : NULL; a; a = a->next)
		for (const xmlNode *c = b ? b->children : NULL; c; c = c->next)
			if (a->type == XML_ELEMENT_NODE && c->type == XML_ELEMENT_NODE
				&& may_meet(a, c))
				return true;
	return false;
}

/* RFC 5025 §3.2.1: the higher one wins when several rules match. */
static int handling(const xmlNode *rule)
{
	static const char *const names[] = { "block", "confirm", "polite-block", "allow" };
	const xmlNode *given = child(child(rule, "actions", POLICY), "sub-handling", PRES_RULES);
	const xmlNode *text = given ? given->children : NULL;
	struct span word = text && text->content && !text->next
				   ? span_trim(span_of((const char *)text->content))
				   : SPAN("");
	for (int i = 3; i > 0; i--)
		if (span_equal_text(word, names[i]))
			return i;
	return 0;
}

/* --- what is read differently --- */

static bool has_except(const xmlNode *rule)
{
	const xmlNode *identity = identity_of(rule);
	for (const xmlNode *node = identity ? identity->children : NULL; node; node = node->next)
		if (is(node, "many", POLICY) && child(node, "except", POLICY))
			return true;
	return false;
}

/* Without a word on it, nearly everybody means to show all. */
static bool hides_some(const xmlNode *rule)
{
	static const struct {
		const char *provides, *all;
	} kinds[] = { { "provide-services", "all-services" }, { "provide-persons", "all-persons" },
		{ "provide-devices", "all-devices" } };
	const xmlNode *transformations = child(rule, "transformations", POLICY);
	if (!transformations)
		return false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!child(child(transformations, kinds[i].provides, PRES_RULES), kinds[i].all,
			    PRES_RULES))
			return true;
	return !child(transformations, "provide-all-attributes", PRES_RULES);
}

/* Does an earlier rule that gives less take precedence there? */
static bool is_shadowed(const xmlNode *first, const xmlNode *rule)
{
	for (const xmlNode *earlier = next_rule(first); earlier != rule;
		earlier = next_rule(earlier->next))
		if (handling(earlier) < handling(rule) && overlap(earlier, rule))
			return true;
	return false;
}

/* Kamailio stops reading at such a node: nothing behind it counts. */
static bool ends_reading(const xmlNode *node)
{
	return node->type == XML_COMMENT_NODE || node->type == XML_PI_NODE
	       || (is(node, "rule", POLICY) && !identity_of(node));
}

static void look_at_rule(struct findings *findings, const xmlNode *first, const xmlNode *rule)
{
	if (has_except(rule))
		add(findings, rule, "it lets in those whom <except> names");
	if (is_shadowed(first, rule))
		add(findings, rule,
			"an earlier rule that gives less, for some of the same watchers, wins");
	if (handling(rule) == 3 && hides_some(rule))
		add(findings, rule, "it shows all of the state, whatever <transformations> says");
}

static void look_at_rules(struct findings *findings, const xmlNode *first)
{
	const char *hidden = NULL;
	for (const xmlNode *node = first; node; node = node->next) {
		bool rule = is(node, "rule", POLICY);
		if (rule && hidden)
			add(findings, node, hidden);
		if (!hidden && ends_reading(node)) {
			hidden = rule ? "it is not read: a rule before it has no <identity>"
				      : "it is not read: a comment stands before it";
			if (rule)
				add(findings, node, "it matches nobody, for want of an <identity>");
		} else if (rule && !hidden) {
			look_at_rule(findings, first, node);
		}
	}
}

size_t misread_rules(struct arena *arena, struct span body, const struct xml_limits *limits,
	struct misreading *out, size_t most)
{
	struct findings findings = { arena, out, 0, most };
	struct conflict why = { .arena = arena };
	struct xml_document *document;
	if (!xml_parse(&document, body, limits, &why))
		return 0;
	const xmlNode *root = xmlDocGetRootElement(xml_tree(document));
	if (root && is(root, "ruleset", POLICY))
		look_at_rules(&findings, root->children);
	xml_free(&document);
	return findings.count;
}
