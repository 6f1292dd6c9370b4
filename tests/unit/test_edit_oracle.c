/* links: base xcap PkgConfig::LIBXML2 */
/* SPDX-License-Identifier: BSD-2-Clause */
/* The differential test: random documents, selectors and edits; what lib/xcap does on octets
 * against a walk over libxml2's tree, written from RFC 4825 §6.3, §8.2.3 and §8.4 a second time.
 *
 *     XCAPD_ORACLE_CASES=1000000 XCAPD_ORACLE_SEED=7 test_edit_oracle
 */
#include "random_selector.h"
#include "xcap/edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CASES = 20000, CASES_EACH = 8 };

/* One document, its tree, one selector on it. */
struct world {
	struct arena *arena;
	struct random_document document;
	struct span octets;
	struct xml_document *judged;
	xmlDoc *tree;
	struct oracle_selector oracle;
	struct span written;
	struct selector *selector;
};

static const struct xml_limits limits = { 64, 256, 0 };
static uint64_t seed_now;
static struct {
	size_t chosen, attributes, namespaces, created, replaced, attribute_created,
		attribute_replaced, deleted, attribute_deleted;
	size_t refused[CONFLICT_COUNT];
} tally;

#define CHECK(world, condition)                              \
	do {                                                 \
		if (!(condition))                            \
			report(world, #condition, __LINE__); \
	} while (0)

static void report(const struct world *world, const char *condition, int line)
{
	fprintf(stderr, "line %d: %s\nXCAPD_ORACLE_SEED=%llu\nselector %.*s (default '%s')\n%.*s\n",
		line, condition, (unsigned long long)seed_now, SPAN_ARG(world->written),
		world->oracle.standard, SPAN_ARG(world->octets));
	fail();
}

/* --- from a node to its octets --- */

static size_t count_elements(const xmlNode *node, const xmlNode *wanted, bool *found)
{
	size_t count = 0;
	for (; node && !*found; node = node->next) {
		if (!is_element(node))
			continue;
		*found = node == wanted;
		if (!*found)
			count += 1 + count_elements(node->children, wanted, found);
	}
	return count;
}

/* Number of an element in document order. */
static size_t number_of(const xmlDoc *tree, const xmlNode *node)
{
	bool found = false;
	return count_elements(tree->children, node, &found);
}

static const struct noted_element *noted(const struct world *world, const xmlNode *node)
{
	size_t number = number_of(world->tree, node);
	CHECK(world, number < world->document.count);
	return &world->document.elements[number];
}

static const struct noted_attribute *noted_value(
	const struct world *world, const xmlNode *node, const xmlAttr *wanted)
{
	size_t number = 0;
	for (const xmlAttr *attribute = node->properties; attribute != wanted;
		attribute = attribute->next)
		number++;
	CHECK(world, number < noted(world, node)->attribute_count);
	return &noted(world, node)->attributes[number];
}

static struct span joined(struct world *world, size_t start, struct span middle, size_t end)
{
	struct buffer text = { .arena = world->arena };
	buffer_append(&text, span_first(world->octets, start));
	buffer_append(&text, middle);
	buffer_append(&text, span_from(world->octets, end));
	return buffer_span(&text);
}

/* --- reading --- */

static void check_scan(const struct world *world)
{
	struct scan scan = { .document = world->octets };
	struct tag tag;
	enum scan_event event;
	size_t count = 0, end;
	while ((event = scan_next(&scan, &tag)) != SCAN_END) {
		CHECK(world, event != SCAN_BROKEN);
		if (event == SCAN_CLOSE)
			continue;
		const struct noted_element *element = &world->document.elements[count++];
		CHECK(world, tag.start == element->start && tag.end == element->content);
		CHECK(world,
			tag.empty == element->empty_tag && span_equal(tag.name, element->name));
		CHECK(world, scan_element_end(world->octets, &tag, &end) && end == element->end);
	}
	CHECK(world, count == world->document.count);
}

static const xmlNs *declared_as(const xmlNode *node, const xmlChar *prefix)
{
	for (const xmlNs *ns = node->nsDef; ns; ns = ns->next)
		if (xmlStrEqual(ns->prefix, prefix))
			return ns;
	return NULL;
}

/* The body of namespace::* declares what the tree says is in scope, and nothing else. */
static void check_namespaces(struct world *world, xmlNode *node)
{
	struct span body;
	struct conflict why = { .arena = world->arena };
	struct xml_document *judged;
	size_t count = 0, wanted = 0;
	CHECK(world, selector_namespaces(world->arena, world->selector, world->octets, &body));
	CHECK(world, (body.data != NULL) == (node != NULL));
	if (!node)
		return;
	CHECK(world, xml_parse(&judged, body, &limits, &why));
	const xmlNode *root = xml_tree(judged)->children;
	xmlNs **list = xmlGetNsList(world->tree, node);
	for (size_t i = 0; list && list[i]; i++) {
		const xmlNs *ns = declared_as(root, list[i]->prefix);
		if (!list[i]->href || !list[i]->href[0])
			continue;
		wanted++;
		CHECK(world, ns && xmlStrEqual(ns->href, list[i]->href));
	}
	for (const xmlNs *ns = root->nsDef; ns; ns = ns->next)
		count++;
	CHECK(world, count == wanted && xmlStrEqual(root->name, node->name)
			     && !strcmp(space_of(root->ns), space_of(node->ns)));
	xmlFree(list);
	xml_free(&judged);
	tally.namespaces++;
}

static xmlNode *check_find(struct world *world)
{
	struct found found;
	xmlNode *node = tree_walk(world->tree, &world->oracle, world->oracle.count);
	CHECK(world, selector_find(world->selector, world->octets, &found));
	if (world->oracle.terminal != ORACLE_ATTRIBUTE) {
		CHECK(world, (found.count == 1) == (node != NULL));
		if (node) {
			CHECK(world, found.start == noted(world, node)->start);
			CHECK(world, found.end == noted(world, node)->end);
			tally.chosen++;
		}
		return node;
	}
	const xmlAttr *attribute =
		node ? tree_attribute(node, world->oracle.key_space, world->oracle.key) : NULL;
	CHECK(world, (found.count == 1) == (attribute != NULL));
	if (attribute) {
		const struct noted_attribute *value = noted_value(world, node, attribute);
		CHECK(world, found.start == value->value && found.end == value->value_end);
		CHECK(world, found.whole_start == value->start && found.whole_end == value->end);
		tally.attributes++;
	}
	return node;
}

/* --- what an edit should give --- */

enum { NO_GAP = -1 };

static long children_of(const xmlNode *parent)
{
	long count = 0;
	for (const xmlNode *child = parent->children; child; child = child->next)
		count++;
	return count;
}

/* How many children that the step's name fits stand before (or, with after, behind) a gap. */
static size_t fitting(const xmlNode *parent, const struct oracle_step *step, long gap, bool after)
{
	size_t count = 0;
	long index = 0;
	for (const xmlNode *child = parent->children; child; child = child->next, index++)
		count += name_fits(child, step) && (index >= gap) == after;
	return count;
}

static const xmlNode *child_at(const xmlNode *parent, long index)
{
	const xmlNode *child = parent->children;
	while (child && index--)
		child = child->next;
	return child;
}

/* RFC 4825 §8.2.3, on gaps: gap g has g of the parent's child nodes before it. */
static long gap_for(const xmlNode *parent, const struct oracle_step *step)
{
	long last = children_of(parent), gap;
	size_t all = fitting(parent, step, 0, true);
	size_t position = step->has_position ? step->position : 1;
	bool free = !step->has_position;
	if (position < 1)
		return NO_GAP;
	if (!all)
		return position == 1 ? last : NO_GAP;
	if (free && step->any)
		return last;
	for (gap = 0; gap <= last; gap++) {
		if (free && !fitting(parent, step, gap, true))
			return gap;
		if (!free && position > 1 && fitting(parent, step, gap, false) == position - 1)
			return gap;
		if (!free && position == 1 && name_fits(child_at(parent, gap), step))
			return gap;
	}
	return NO_GAP;
}

/* The octets of a document with a new child at that gap. */
static struct span inserted(
	struct world *world, const xmlNode *parent, long gap, struct span body, size_t *at_out)
{
	const struct noted_element *element = noted(world, parent);
	const xmlNode *before = gap ? child_at(parent, gap - 1) : NULL;
	const xmlNode *after = child_at(parent, gap);
	if (element->empty_tag) {
		struct span opened = arena_format(
			world->arena, ">%.*s</%.*s>", SPAN_ARG(body), SPAN_ARG(element->name));
		*at_out = element->end - 1;
		return joined(world, element->end - 2, opened, element->end);
	}
	if (!after)
		*at_out = element->content_end;
	else if (before && is_element(before))
		*at_out = noted(world, before)->end;
	else
		*at_out = noted(world, after)->start;
	return joined(world, *at_out, body, *at_out);
}

/* Would the selector choose the element that begins there? */
static bool oracle_chooses(struct world *world, struct span octets, size_t start)
{
	struct conflict why = { .arena = world->arena };
	struct xml_document *judged;
	struct scan scan = { .document = octets };
	struct tag tag;
	size_t number = 0;
	CHECK(world, xml_parse(&judged, octets, &limits, &why));
	enum scan_event event;
	while ((event = scan_next(&scan, &tag)) != SCAN_END && tag.start < start)
		number += event == SCAN_OPEN;
	const xmlDoc *tree = xml_tree(judged);
	const xmlNode *node = tree_walk(tree, &world->oracle, world->oracle.count);
	bool chooses = node && number_of(tree, node) == number;
	xml_free(&judged);
	return chooses;
}

/* --- elements --- */

/* An element that the last step may choose; prefixes are those of the document, whatever they mean
 * there. */
static struct span random_body(struct world *world)
{
	static const char *const inside[] = { "", "x", "<a/>", "<!-- -->&amp;", "<a><b i=''/></a>",
		"<![CDATA[</a>]]>", "\r\n" };
	const struct oracle_step *step = &world->oracle.steps[world->oracle.count - 1];
	struct buffer text = { .arena = world->arena };
	struct span none = SPAN("");
	const char *local = chance(90) && !step->any ? step->local : PICK(locals);
	const char *content = PICK(inside);
	buffer_format(&text, "<%s", local);
	if (chance(70)) {
		buffer_text(&text, " xmlns=\"");
		buffer_xml(&text, chance(90) ? span_of(step->space) : none);
		buffer_octet(&text, '"');
	}
	if (step->has_attribute && chance(90)) {
		bool spaced = *step->key_space && strcmp(step->key, "lang");
		if (spaced) {
			buffer_text(&text, " xmlns:w='");
			buffer_xml(&text, span_of(step->key_space));
			buffer_octet(&text, '\'');
		}
		buffer_format(&text, " %s%s=\"",
			spaced                      ? "w:"
			: strcmp(step->key, "lang") ? ""
						    : "xml:",
			step->key);
		buffer_xml(&text, span_of(chance(90) ? step->value : "other"));
		buffer_octet(&text, '"');
	}
	buffer_format(&text, ">%s</%s>", content, local);
	return buffer_span(&text);
}

static struct span expected_put(struct world *world, const xmlNode *parent, struct span body,
	size_t *at_out, bool *created_out)
{
	const struct oracle_step *step = &world->oracle.steps[world->oracle.count - 1];
	xmlNode *child = NULL;
	size_t count = tree_step(parent, step, &child);
	*created_out = !count;
	if (count == 1) {
		*at_out = noted(world, child)->start;
		return joined(world, *at_out, body, noted(world, child)->end);
	}
	long gap = count || parent->type != XML_ELEMENT_NODE ? NO_GAP : gap_for(parent, step);
	if (gap == NO_GAP)
		return (struct span){ NULL, 0 };
	return inserted(world, parent, gap, body, at_out);
}

static void check_put_element(struct world *world)
{
	struct conflict why = { .arena = world->arena };
	struct edit_result result;
	struct span body = random_body(world);
	bool created = false;
	size_t at = 0;
	const xmlNode *parent = tree_walk(world->tree, &world->oracle, world->oracle.count - 1);
	bool done = edit_put(
		world->arena, world->selector, world->octets, body, &limits, &result, &why);
	tally.refused[why.kind]++;
	CHECK(world, (why.kind == CONFLICT_NO_PARENT) == (parent == NULL));
	if (!parent)
		return;
	struct span wanted = expected_put(world, parent, body, &at, &created);
	bool possible = wanted.data && oracle_chooses(world, wanted, at);
	CHECK(world, done == possible);
	CHECK(world, done || why.kind == CONFLICT_CANNOT_INSERT);
	if (!done)
		return;
	CHECK(world, span_equal(result.document, wanted) && result.created == created);
	CHECK(world, span_equal(result.component, body));
	tally.created += created;
	tally.replaced += !created;
}

static void check_delete_element(struct world *world, xmlNode *node)
{
	struct conflict why = { .arena = world->arena };
	struct edit_result result;
	bool absent;
	bool done =
		edit_delete(world->arena, world->selector, world->octets, &result, &why, &absent);
	CHECK(world, absent == (node == NULL));
	if (!node)
		return;
	struct span wanted =
		joined(world, noted(world, node)->start, SPAN(""), noted(world, node)->end);
	bool root = node->parent->type != XML_ELEMENT_NODE;
	struct oracle_step *last = &world->oracle.steps[world->oracle.count - 1];
	xmlNode *parent = node->parent, *next = node->next, *other;
	xmlUnlinkNode(node);
	bool again = tree_step(parent, last, &other) > 0;
	if (next)
		xmlAddPrevSibling(next, node);
	else
		xmlAddChild(parent, node);
	CHECK(world, done == !(root || again));
	CHECK(world, done || why.kind == CONFLICT_CANNOT_DELETE);
	CHECK(world, !done || span_equal(result.document, wanted));
	tally.deleted += done;
	tally.refused[why.kind] += !done;
}

/* --- attributes --- */

static bool has_prefix(const struct world *world, const xmlNode *node, const char *space)
{
	bool found = !*space || !strcmp(space, XML_NAMESPACE);
	xmlNs **list = xmlGetNsList(world->tree, node);
	for (size_t i = 0; list && list[i]; i++)
		found |= list[i]->prefix && !strcmp(space_of(list[i]), space);
	xmlFree(list);
	return found;
}

/* The attribute now means that, and the selector chooses it. */
static void check_new_value(
	struct world *world, struct span octets, const char *meant, size_t number)
{
	struct conflict why = { .arena = world->arena };
	struct xml_document *judged;
	CHECK(world, xml_parse(&judged, octets, &limits, &why));
	const xmlDoc *tree = xml_tree(judged);
	const xmlNode *node = tree_walk(tree, &world->oracle, world->oracle.count);
	CHECK(world, node && number_of(tree, node) == number);
	const xmlAttr *attribute = tree_attribute(node, world->oracle.key_space, world->oracle.key);
	CHECK(world, attribute && value_is(attribute, meant));
	xml_free(&judged);
}

/* Everything but start..end is as it was. */
static void check_outside(struct world *world, struct span octets, size_t start, size_t end)
{
	struct span suffix = span_from(world->octets, end);
	CHECK(world, octets.size >= start + suffix.size);
	CHECK(world, span_starts(octets, span_first(world->octets, start)));
	CHECK(world, span_ends(octets, suffix));
}

static void check_put_attribute(struct world *world, const xmlNode *node)
{
	struct conflict why = { .arena = world->arena };
	struct edit_result result;
	const struct oracle_selector *oracle = &world->oracle;
	const struct oracle_step *last = &oracle->steps[oracle->count - 1];
	const char *const *value = PICK(values);
	bool done = edit_put(world->arena, world->selector, world->octets, span_of(value[0]),
		&limits, &result, &why);
	tally.refused[why.kind]++;
	CHECK(world, (why.kind == CONFLICT_NO_PARENT) == (node == NULL));
	if (!node)
		return;
	const xmlAttr *old = tree_attribute(node, oracle->key_space, oracle->key);
	bool tested = last->has_attribute && !strcmp(last->key, oracle->key)
		      && !strcmp(last->key_space, oracle->key_space);
	bool possible = (old || has_prefix(world, node, oracle->key_space))
			&& !(tested && strcmp(last->value, value[1]));
	CHECK(world, done == possible);
	CHECK(world, done || why.kind == CONFLICT_CANNOT_INSERT);
	if (!done)
		return;
	CHECK(world, result.created == !old);
	const struct noted_element *element = noted(world, node);
	if (old)
		check_outside(world, result.document, noted_value(world, node, old)->value - 1,
			noted_value(world, node, old)->end);
	else
		check_outside(
			world, result.document, element->attributes_end, element->attributes_end);
	check_new_value(world, result.document, value[1], number_of(world->tree, node));
	tally.attribute_created += !old;
	tally.attribute_replaced += old != NULL;
}

static void check_delete_attribute(struct world *world, const xmlNode *node)
{
	struct conflict why = { .arena = world->arena };
	struct edit_result result;
	bool absent;
	const xmlAttr *old =
		node ? tree_attribute(node, world->oracle.key_space, world->oracle.key) : NULL;
	bool done =
		edit_delete(world->arena, world->selector, world->octets, &result, &why, &absent);
	CHECK(world, absent == (old == NULL) && done == (old != NULL));
	if (!old)
		return;
	const struct noted_attribute *attribute = noted_value(world, node, old);
	CHECK(world, span_equal(result.document,
			     joined(world, attribute->space, SPAN(""), attribute->end)));
	tally.attribute_deleted++;
}

/* --- the run --- */

static void begin_document(struct world *world)
{
	struct conflict why = { .arena = world->arena };
	seed_now = random_state;
	arena_reset(world->arena);
	world->written = (struct span){ NULL, 0 };
	world->oracle.standard = "";
	assert_true(random_document(&world->document, world->arena));
	world->octets = buffer_span(&world->document.text);
	CHECK(world, xml_parse(&world->judged, world->octets, &limits, &why));
	world->tree = xml_tree(world->judged);
	check_scan(world);
}

static void run_case(struct world *world)
{
	const struct bindings bindings = { oracle_bindings, 4 };
	const char *why;
	world->oracle = random_selector(world->tree);
	world->written = written_selector(world->arena, &world->oracle);
	CHECK(world, selector_parse(world->arena, world->written, &bindings,
			     span_of(world->oracle.standard), &world->selector, &why)
			     == SELECTOR_OK);
	xmlNode *node = check_find(world);
	if (world->oracle.terminal == ORACLE_NAMESPACES) {
		check_namespaces(world, node);
	} else if (world->oracle.terminal == ORACLE_ATTRIBUTE) {
		check_put_attribute(world, node);
		check_delete_attribute(world, node);
	} else {
		check_put_element(world);
		check_delete_element(world, node);
	}
}

static uint64_t from_environment(const char *name, uint64_t standard)
{
	uint64_t value;
	return parse_u64(span_of(getenv(name)), &value) && value ? value : standard;
}

static void octets_and_tree_agree(void **state __attribute__((unused)))
{
	size_t cases = from_environment("XCAPD_ORACLE_CASES", CASES);
	struct world *world = calloc(1, sizeof(*world));
	assert_non_null(world);
	world->arena = arena_new(1024 * 1024);
	random_state = from_environment("XCAPD_ORACLE_SEED", 0x9E3779B97F4A7C15);
	for (size_t done = 0; done < cases; done++) {
		if (done % CASES_EACH == 0)
			begin_document(world);
		run_case(world);
		if (done % CASES_EACH == CASES_EACH - 1 || done + 1 == cases)
			xml_free(&world->judged);
	}
	printf("%zu cases: chose %zu elements, %zu attributes, %zu sets of namespaces;\n"
	       "elements created %zu, replaced %zu, deleted %zu; attributes %zu, %zu, %zu;\n"
	       "refused: %zu no-parent, %zu cannot-insert, %zu cannot-delete\n",
		cases, tally.chosen, tally.attributes, tally.namespaces, tally.created,
		tally.replaced, tally.deleted, tally.attribute_created, tally.attribute_replaced,
		tally.attribute_deleted, tally.refused[CONFLICT_NO_PARENT],
		tally.refused[CONFLICT_CANNOT_INSERT], tally.refused[CONFLICT_CANNOT_DELETE]);
	assert_true(cases < CASES
		    || (tally.created > 100 && tally.replaced > 100 && tally.deleted > 100
			    && tally.attribute_created > 100));
	arena_free(&world->arena);
	free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(octets_and_tree_agree) };
	xml_start();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	xml_stop();
	return failed;
}
