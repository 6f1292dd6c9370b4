/* SPDX-License-Identifier: BSD-2-Clause */
#include "auids/rules.h"
#include "auids/field.h"
#include "auids/keyed.h"
#include "auids/shown.h"
#include "auids/uris.h"

#include <string.h>

enum { FIELDS_MOST = 8, ALTERNATIVES = 2, TRIES = 8 };

/* A value that a uniqueness rule or claim has seen. */
struct seen {
	const struct rule *rule;
	const xmlNode *within; /* siblings have one parent; claims are held by the document */
	const xmlNode *element;
	struct span value; /* claims: canonical */
	uint64_t hash;
};

/* Open addressing, twice the room that is needed. */
struct table {
	struct seen *slots;
	size_t mask;
};

/* An element of which a rule speaks. */
struct hit {
	const struct rule *rule;
	const xmlNode *element;
	size_t ordinal; /* of all elements, in document order */
};

struct walk {
	const struct usage *usage;
	struct arena *arena;
	const struct doc_id *id;
	xmlDoc *document;
	struct conflict *why;
	struct hit *hits; /* in document order */
	size_t hit_count, hit_room;
	struct table table;
	struct claim *claims;
	size_t *ordinals; /* of the elements that claim them, in document order; SIZE_MAX: not
			     shown */
	size_t claim_count;
	const struct asking *asking;
	size_t duplicates;
};

/* --- walking --- */

static const xmlNode *next_node(const xmlNode *node)
{
	if (node->type == XML_ELEMENT_NODE && node->children)
		return node->children;
	while (node && node->type != XML_DOCUMENT_NODE && !node->next)
		node = node->parent;
	return node && node->type != XML_DOCUMENT_NODE ? node->next : NULL;
}

/* In document order; NULL after the last one. */
static const xmlNode *next_element(const xmlNode *node)
{
	do
		node = next_node(node);
	while (node && node->type != XML_ELEMENT_NODE);
	return node;
}

static bool is_named(const xmlNode *element, struct name name)
{
	const char *space = element->ns ? (const char *)element->ns->href : "";
	return !strcmp((const char *)element->name, name.local) && !strcmp(space, name.space);
}

static bool starved(struct conflict *why)
{
	return conflict_set(why, CONFLICT_NONE, "no memory");
}

/* Text of a list of nodes; copied only when it is in several. False without memory. */
static bool text_of(struct arena *arena, const xmlNode *list, xmlDoc *document, struct span *out)
{
	*out = SPAN("");
	if (!list)
		return true;
	if (!list->next && list->type == XML_TEXT_NODE) {
		*out = span_of((const char *)list->content);
		return true;
	}
	xmlChar *text = xmlNodeListGetString(document, list, 1);
	if (!text)
		return true;
	*out = arena_copy(arena, span_of((const char *)text));
	xmlFree(text);
	return out->data != NULL;
}

/* What the rule speaks of; none when the attribute is absent. False without memory. */
static bool value_of(
	const struct walk *walk, const struct rule *rule, const xmlNode *element, struct span *out)
{
	*out = (struct span){ NULL, 0 };
	if (!rule->attribute.local)
		return text_of(walk->arena, element->children, walk->document, out);
	for (const xmlAttr *attr = element->properties; attr; attr = attr->next) {
		const char *space = attr->ns ? (const char *)attr->ns->href : "";
		if (!strcmp((const char *)attr->name, rule->attribute.local)
			&& !strcmp(space, rule->attribute.space))
			return text_of(walk->arena, attr->children, walk->document, out);
	}
	return true;
}

static bool add_hit(struct walk *walk, const struct hit *hit)
{
	if (walk->hit_count == walk->hit_room) {
		size_t room = walk->hit_room ? 2 * walk->hit_room : 64;
		struct hit *more = arena_alloc(walk->arena, room * sizeof(*more));
		if (!more)
			return false;
		if (walk->hit_count)
			memcpy(more, walk->hits, walk->hit_count * sizeof(*more));
		walk->hits = more;
		walk->hit_room = room;
	}
	walk->hits[walk->hit_count++] = *hit;
	return true;
}

/* False without memory. */
static bool gather_hits(struct walk *walk)
{
	struct hit hit = { .element = xmlDocGetRootElement(walk->document) };
	for (; hit.element; hit.element = next_element(hit.element), hit.ordinal++)
		for (size_t i = 0; i < walk->usage->rule_count; i++) {
			hit.rule = &walk->usage->rules[i];
			if (is_named(hit.element, hit.rule->element) && !add_hit(walk, &hit))
				return false;
		}
	return true;
}

typedef bool visitor(struct walk *walk, const struct hit *hit);

/* Shows each hit of a rule of these kinds; false as soon as a visit says so. */
static bool visit_hits(struct walk *walk, const bool kinds[RULE_KINDS], visitor *visit)
{
	for (size_t i = 0; i < walk->hit_count; i++)
		if (kinds[walk->hits[i].rule->kind] && !visit(walk, &walk->hits[i]))
			return false;
	return true;
}

/* --- uniqueness --- */

static struct span field_of(
	const struct walk *walk, const struct rule *rule, const xmlNode *element)
{
	return field_select(walk->arena, walk->usage->default_namespace, element, rule->attribute);
}

/* The name of the user who would be called like the claimed URI; empty when nobody could be. */
static struct span user_called(const struct walk *walk, struct span value)
{
	struct span user, none = SPAN(""), rest = span_from(value, 0);
	struct span plain = span_cut(&rest, ';');
	struct span domain = walk->id ? xui_domain(walk->id->xui) : none;
	return xui_canonical(walk->arena, plain, domain, &user) ? user : none;
}

/* False without memory. */
static bool claim_of(
	const struct walk *walk, const struct rule *rule, struct span value, struct claim *out)
{
	*out = (struct claim){ .scope = rule->scope, .value = uri_canonical(walk->arena, value) };
	if (out->value.data && rule->apart_from_users)
		out->user = user_called(walk, out->value);
	return out->value.data != NULL;
}

static bool is_free(const struct walk *walk, const struct rule *rule, struct span value)
{
	struct claim claim;
	if (!value.data || !walk->asking || !walk->asking->is_free)
		return value.data != NULL;
	return claim_of(walk, rule, value, &claim)
	       && walk->asking->is_free(walk->asking->context, &claim);
}

static void add_field(
	struct walk *walk, const struct rule *rule, const xmlNode *element, struct span value)
{
	struct span others[ALTERNATIVES];
	size_t count = 0;
	for (size_t i = 0; rule->kind == RULE_CLAIM && i < TRIES && count < ALTERNATIVES; i++) {
		others[count] = uri_alternative(walk->arena, value);
		count += is_free(walk, rule, others[count]);
	}
	struct span field = field_of(walk, rule, element);
	if (field.data)
		conflict_field(walk->why, field, others, count);
}

static void tell_duplicate(struct walk *walk, const struct seen *first, const struct seen *again)
{
	const struct rule *rule = again->rule;
	if (!walk->duplicates++)
		conflict_set(walk->why, CONFLICT_UNIQUENESS_FAILURE,
			"line %ld, element %s%s%s: the same value as on line %ld, and it must be "
			"unique%s",
			xmlGetLineNo(again->element), (const char *)again->element->name,
			rule->attribute.local ? ", attribute " : "",
			rule->attribute.local ? rule->attribute.local : "",
			xmlGetLineNo(first->element),
			rule->kind == RULE_UNIQUE ? " among siblings" : "");
	if (walk->duplicates <= FIELDS_MOST)
		add_field(walk, rule, again->element, again->value);
}

static bool is_same(const struct seen *a, const struct seen *b)
{
	return a->hash == b->hash && a->rule == b->rule && a->within == b->within
	       && span_equal(a->value, b->value);
}

static void see(struct walk *walk, const struct seen *seen)
{
	struct table *table = &walk->table;
	size_t at = (size_t)seen->hash & table->mask;
	for (; table->slots[at].rule; at = (at + 1) & table->mask)
		if (is_same(&table->slots[at], seen)) {
			tell_duplicate(walk, &table->slots[at], seen);
			return;
		}
	table->slots[at] = *seen;
}

static bool check_unique(struct walk *walk, const struct hit *hit)
{
	const struct rule *rule = hit->rule;
	struct seen seen = { .rule = rule, .element = hit->element };
	if (!value_of(walk, rule, hit->element, &seen.value))
		return starved(walk->why);
	if (!seen.value.data)
		return true;
	if (rule->kind == RULE_UNIQUE) {
		seen.within = hit->element->parent;
	} else {
		struct claim *claim = &walk->claims[walk->claim_count];
		if (!claim_of(walk, rule, seen.value, claim))
			return starved(walk->why);
		bool shown = walk->id->tree == TREE_USERS && rule->shown.data
			     && span_equal(rule->shown, walk->id->path);
		walk->ordinals[walk->claim_count++] = shown ? hit->ordinal : SIZE_MAX;
		seen.value = claim->value;
	}
	uint64_t salt = (uint64_t)(uintptr_t)seen.within ^ (uint64_t)(uintptr_t)rule << 17;
	seen.hash = keyed_hash(salt, seen.value);
	see(walk, &seen);
	return true;
}

/* Room for everything that check_unique will put somewhere. */
static bool prepare(struct walk *walk)
{
	size_t slots = 8, values = 0, claims = 0;
	for (size_t i = 0; i < walk->hit_count; i++) {
		values += walk->hits[i].rule->kind != RULE_URI;
		claims += walk->hits[i].rule->kind == RULE_CLAIM;
	}
	while (slots < 2 * values)
		slots *= 2;
	walk->table.mask = slots - 1;
	walk->table.slots = arena_zero(walk->arena, slots * sizeof(*walk->table.slots));
	walk->claims = arena_alloc(walk->arena, claims * sizeof(*walk->claims));
	walk->ordinals = arena_alloc(walk->arena, claims * sizeof(*walk->ordinals));
	return walk->table.slots && walk->claims && walk->ordinals;
}

/* --- URIs --- */

static bool check_uri(struct walk *walk, const struct hit *hit)
{
	const struct rule *rule = hit->rule;
	const xmlNode *element = hit->element;
	struct span value;
	const char *fault = NULL;
	if (!value_of(walk, rule, element, &value))
		return starved(walk->why);
	if (value.data)
		fault = uri_fault(walk->arena, walk->usage, rule, walk->id, value);
	else if (rule->required)
		fault = "must be there";
	if (!fault)
		return true;
	if (fault == uri_no_memory)
		return starved(walk->why);
	return conflict_set(walk->why, CONFLICT_CONSTRAINT_FAILURE, "line %ld, element %s%s%s: %s",
		xmlGetLineNo(element), (const char *)element->name,
		rule->attribute.local ? ", attribute " : "",
		rule->attribute.local ? rule->attribute.local : "",
		rule->phrase.data ? rule->phrase.data : fault);
}

bool rules_accept(const struct usage *usage, struct arena *arena, const struct doc_id *id,
	xmlDoc *document, struct span body, struct verdict *verdict_out, struct conflict *why)
{
	static const bool unique[RULE_KINDS] = { [RULE_UNIQUE] = true, [RULE_CLAIM] = true };
	static const bool uris[RULE_KINDS] = { [RULE_URI] = true };
	struct walk walk = {
		.usage = usage,
		.arena = arena,
		.id = id,
		.document = document,
		.why = why,
	};
	*verdict_out = (struct verdict){ NULL, 0 };
	if (!usage->rule_count)
		return true;
	if (!gather_hits(&walk) || !prepare(&walk))
		return starved(why);
	if (!visit_hits(&walk, unique, check_unique) || walk.duplicates
		|| !visit_hits(&walk, uris, check_uri)
		|| !shown_fill(
			usage, arena, body, walk.claims, walk.ordinals, walk.claim_count, why))
		return false;
	*verdict_out = (struct verdict){ walk.claims, walk.claim_count };
	return true;
}

/* --- a claim that the store refused --- */

void rules_taken(const struct usage *usage, struct arena *arena, xmlDoc *document,
	const struct claim *claim, const struct asking *asking, struct conflict *why)
{
	struct walk walk = {
		.usage = usage,
		.arena = arena,
		.document = document,
		.asking = asking,
		.why = why,
	};
	const xmlNode *element = xmlDocGetRootElement(document);
	for (; element; element = next_element(element))
		for (size_t i = 0; i < usage->rule_count; i++) {
			const struct rule *rule = &usage->rules[i];
			struct span value;
			if (rule->kind != RULE_CLAIM || !is_named(element, rule->element)
				|| !span_equal(rule->scope, claim->scope)
				|| !value_of(&walk, rule, element, &value) || !value.data
				|| !span_equal(uri_canonical(arena, value), claim->value))
				continue;
			conflict_set(why, CONFLICT_UNIQUENESS_FAILURE,
				"line %ld, element %s%s%s: taken already", xmlGetLineNo(element),
				(const char *)element->name,
				rule->attribute.local ? ", attribute " : "",
				rule->attribute.local ? rule->attribute.local : "");
			add_field(&walk, rule, element, value);
			return;
		}
}
