/* SPDX-License-Identifier: BSD-2-Clause */
/* Random node selectors, and what they choose in a libxml2 tree: RFC 4825 §6.3 written down once
 * more, on nodes instead of octets. For one test program; one thread. */
#ifndef XCAPD_TESTS_RANDOM_SELECTOR_H
#define XCAPD_TESTS_RANDOM_SELECTOR_H

#include "random_document.h"
#include "xcap/uri.h"

#include <libxml/tree.h>

#include <string.h>

enum { STEPS_MOST = 8 };

struct oracle_step {
	bool any, has_position, has_attribute;
	size_t position;
	const char *space, *local;   /* of the element; space "" for none */
	const char *key_space, *key; /* of the attribute */
	const char *value;           /* what it means */
};

struct oracle_selector {
	struct oracle_step steps[STEPS_MOST];
	size_t count;
	enum { ORACLE_ELEMENT, ORACLE_ATTRIBUTE, ORACLE_NAMESPACES } terminal;
	const char *key_space, *key; /* of the terminal attribute */
	const char *standard;        /* default document namespace */
};

static const struct binding oracle_bindings[] = { { { "n", 1 }, { "", 0 } },
	{ { "x", 1 }, { "urn:one", 7 } }, { { "y", 1 }, { "urn:two", 7 } },
	{ { "z", 1 }, { "urn:3&4", 7 } } };
static const char *const oracle_prefixes[] = { "n:", "x:", "y:", "z:" };

/* --- the tree walk --- */

static inline bool is_element(const xmlNode *node)
{
	return node->type == XML_ELEMENT_NODE;
}

/* libxml2 2.9 leaves an ampersand in a namespace name as "&#38;" (not so in attributes). */
static inline const char *space_of(const xmlNs *ns)
{
	const char *space = ns && ns->href ? (const char *)ns->href : "";
	return strcmp(space, "urn:3&#38;4") ? space : "urn:3&4";
}

static inline bool name_fits(const xmlNode *node, const struct oracle_step *step)
{
	return is_element(node)
	       && (step->any
		       || (!strcmp((const char *)node->name, step->local)
			       && !strcmp(space_of(node->ns), step->space)));
}

static inline xmlAttr *tree_attribute(const xmlNode *node, const char *space, const char *key)
{
	for (xmlAttr *attribute = node->properties; attribute; attribute = attribute->next)
		if (!strcmp((const char *)attribute->name, key)
			&& !strcmp(space_of(attribute->ns), space))
			return attribute;
	return NULL;
}

static inline bool value_is(const xmlAttr *attribute, const char *value)
{
	xmlChar *text = xmlNodeListGetString(attribute->doc, attribute->children, 1);
	bool same = !strcmp(text ? (const char *)text : "", value);
	xmlFree(text);
	return same;
}

/* All children that pass one step; the first of them in *first_out. */
static inline size_t tree_step(
	const xmlNode *context, const struct oracle_step *step, xmlNode **first_out)
{
	size_t position = 0, count = 0;
	for (xmlNode *child = context->children; child; child = child->next) {
		if (!name_fits(child, step))
			continue;
		position++;
		if (step->has_position && position != step->position)
			continue;
		if (step->has_attribute) {
			const xmlAttr *attribute =
				tree_attribute(child, step->key_space, step->key);
			if (!attribute || !value_is(attribute, step->value))
				continue;
		}
		if (!count++)
			*first_out = child;
	}
	return count;
}

/* The node that the first `steps` steps choose; NULL when one of them chooses none or many. */
static inline xmlNode *tree_walk(
	const xmlDoc *tree, const struct oracle_selector *selector, size_t steps)
{
	xmlNode *context = (xmlNode *)tree;
	for (size_t i = 0; i < steps; i++)
		if (tree_step(context, &selector->steps[i], &context) != 1)
			return NULL;
	return context;
}

/* --- making them up --- */

static inline void aim_attribute(
	const xmlNode *node, const char **space, const char **key, const char **value)
{
	*space = PICK(namespaces);
	*key = PICK(keys);
	*value = PICK(values)[1];
	size_t chosen = below(3);
	for (const xmlAttr *attribute = node ? node->properties : NULL; attribute;
		attribute = attribute->next, chosen--) {
		if (chosen)
			continue;
		*space = space_of(attribute->ns);
		*key = (const char *)attribute->name;
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
			if (value_is(attribute, values[i][1]))
				*value = values[i][1];
		return;
	}
}

static inline size_t position_of(const xmlNode *node, const struct oracle_step *step)
{
	size_t position = 1;
	for (node = node->prev; node; node = node->prev)
		position += name_fits(node, step);
	return position;
}

/* A step that chooses `node` (NULL: whatever), more or less. */
static inline void aim_step(struct oracle_step *step, const xmlNode *node, bool loose)
{
	*step = (struct oracle_step){
		.any = chance(20), .space = PICK(namespaces), .local = PICK(locals)
	};
	if (node && !chance(loose ? 30 : 2)) {
		step->space = space_of(node->ns);
		step->local = (const char *)node->name;
	}
	step->has_position = chance(40);
	step->position = node && !chance(loose ? 50 : 3) ? position_of(node, step) : below(5);
	if (loose && chance(30))
		step->position += 1;
	step->has_attribute = chance(40);
	aim_attribute(
		chance(loose ? 50 : 98) ? node : NULL, &step->key_space, &step->key, &step->value);
	if (strcmp((const char *)step->key, "lang") == 0)
		step->value = "de";
}

/* A step that chooses it alone, most of the time. */
static inline void aim_parent(struct oracle_step *step, const xmlNode *node)
{
	xmlNode *first;
	size_t tries = chance(5) ? 1 : 20;
	do
		aim_step(step, node, false);
	while (--tries && tree_step(node->parent, step, &first) != 1);
}

static inline const xmlNode *random_node(const xmlDoc *tree)
{
	const xmlNode *node = tree->children;
	while (node && !is_element(node))
		node = node->next;
	for (;;) {
		size_t count = 0;
		const xmlNode *child;
		for (child = node->children; child; child = child->next)
			count += is_element(child);
		if (!count || chance(15))
			return node;
		count = below(count);
		for (child = node->children; !is_element(child) || count--; child = child->next)
			;
		node = child;
	}
}

static inline struct oracle_selector random_selector(const xmlDoc *tree)
{
	struct oracle_selector selector = { .standard = PICK(namespaces) };
	const xmlNode *aim = random_node(tree), *path[STEPS_MOST] = { NULL };
	size_t depth = 0;
	for (const xmlNode *node = aim; node->type == XML_ELEMENT_NODE; node = node->parent)
		depth++;
	size_t i = depth;
	for (const xmlNode *node = aim; i; node = node->parent)
		path[--i] = node;
	selector.count = depth + (depth < STEPS_MOST && chance(25));
	for (i = 0; i + 1 < selector.count; i++)
		aim_parent(&selector.steps[i], path[i]);
	for (; i < selector.count; i++)
		aim_step(&selector.steps[i], path[i], chance(60));
	selector.terminal = chance(30)   ? ORACLE_ATTRIBUTE
			    : chance(10) ? ORACLE_NAMESPACES
					 : ORACLE_ELEMENT;
	const char *unused;
	aim_attribute(chance(60) ? aim : NULL, &selector.key_space, &selector.key, &unused);
	return selector;
}

/* --- writing them --- */

static inline const char *prefix_for(const char *space, const char *standard)
{
	if (!strcmp(space, standard) && chance(80))
		return "";
	for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++)
		if (!strcmp(space, namespaces[i]))
			return oracle_prefixes[i];
	return "xml:";
}

/* The value in quotes, escaped as it has to be and here and there more. */
static inline void write_value(struct buffer *to, const char *value)
{
	char quote = chance(50) ? '"' : '\'';
	buffer_octet(to, quote);
	for (; *value; value++) {
		char c = *value;
		bool must = c == quote || c == '&' || c == '<' || (c < ' ' && c > 0);
		if (must || (c > 0 && chance(3)))
			buffer_format(to, "&#%d;", c);
		else
			buffer_octet(to, c);
	}
	buffer_octet(to, quote);
}

static inline void write_step(
	struct buffer *to, const struct oracle_step *step, const char *standard)
{
	if (step->any)
		buffer_octet(to, '*');
	else
		buffer_format(to, "%s%s", prefix_for(step->space, standard), step->local);
	if (step->has_position)
		buffer_format(to, "[%s%zu]", chance(5) ? "0" : "", step->position);
	if (!step->has_attribute)
		return;
	buffer_format(to, "[@%s%s=", prefix_for(step->key_space, ""), step->key);
	write_value(to, step->value);
	buffer_octet(to, ']');
}

/* As it comes on the request line. */
static inline struct span written_selector(
	struct arena *arena, const struct oracle_selector *selector)
{
	static const char *const kept[] = { "", "/@*:=", "/@*:=[]\"'~?!$&()+,;", "/[]" };
	struct buffer text = { .arena = arena };
	for (size_t i = 0; i < selector->count; i++) {
		buffer_text(&text, i ? "/" : "");
		write_step(&text, &selector->steps[i], selector->standard);
	}
	if (selector->terminal == ORACLE_ATTRIBUTE)
		buffer_format(&text, "/@%s%s", prefix_for(selector->key_space, ""), selector->key);
	if (selector->terminal == ORACLE_NAMESPACES)
		buffer_text(&text, "/namespace::*");
	return percent_encode(arena, buffer_span(&text), PICK(kept));
}

#endif
