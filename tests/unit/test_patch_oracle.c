/* links: base xcap PkgConfig::LIBXML2 */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Random documents and random edits: each patch, applied as RFC 5261 says, gives the canonical form
 * of the present version; what is said to be the same is canonically the same; what is said to be
 * impossible has a reason. Edits through selectors become one operation.
 *
 *     XCAPD_ORACLE_CASES=1000000 XCAPD_ORACLE_SEED=7 test_patch_oracle
 */
#include "patch_applier.h"
#include "random_selector.h"
#include "xcap/diff.h"
#include "xcap/edit.h"
#include "xcap/patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { CASES = 5000, CASES_EACH = 8, MOST = 1000000 };

/* One document and its versions to come. */
struct world {
	struct arena *arena;
	struct random_document document;
	struct span former, now;
	struct buffer ops;
};

static const struct xml_limits limits = { 64, 256, 0 };
static uint64_t seed_now;
static struct {
	size_t made, same, impossible, edits, fallbacks;
	size_t ops_octets, now_octets, adds, replaces, removes;
} tally;

#define CHECK(world, condition) check(world, condition, #condition, __LINE__)

static void check(const struct world *world, bool holds, const char *what, int line)
{
	if (holds)
		return;
	printf("line %d: %s; XCAPD_ORACLE_SEED=%llu\nformer: %.*s\nnow: %.*s\nops: %.*s\n", line,
		what, (unsigned long long)seed_now, SPAN_ARG(world->former), SPAN_ARG(world->now),
		SPAN_ARG(buffer_span(&world->ops)));
	fail();
}

/* --- changes of the octets --- */

struct piece {
	size_t start, end;
};

static struct piece random_element(struct span document)
{
	struct scan scan = { .document = document };
	struct tag tag, chosen = { 0 };
	size_t count = 0;
	struct piece piece = { 0, 0 };
	for (enum scan_event event; (event = scan_next(&scan, &tag)) < SCAN_END;)
		if (event == SCAN_OPEN && !below(++count))
			chosen = tag;
	piece.start = chosen.start;
	scan_element_end(document, &chosen, &piece.end);
	return piece;
}

/* A tag of any kind. */
static struct tag random_tag(struct span document, bool open)
{
	struct scan scan = { .document = document };
	struct tag tag, chosen = { 0 };
	size_t count = 0;
	for (enum scan_event event; (event = scan_next(&scan, &tag)) < SCAN_END;)
		if ((event == SCAN_OPEN || !open) && !below(++count))
			chosen = tag;
	return chosen;
}

static struct span joined(
	struct world *world, struct span text, size_t start, struct span middle, size_t end)
{
	struct buffer to = { .arena = world->arena };
	buffer_append(&to, span_first(text, start));
	buffer_append(&to, middle);
	buffer_append(&to, span_from(text, end));
	return buffer_span(&to);
}

static struct span octets_of(struct span document, struct piece piece)
{
	return (struct span){ document.data + piece.start, piece.end - piece.start };
}

static struct span random_piece(struct world *world, struct span document)
{
	static const char *const pieces[] = { "text", "  ", "\n", "<!--c-->", "<!---->", "<?pi?>",
		"<?pi more?>", "<![CDATA[<&]]>", "<a/>", "<a i='1'/>", "<b uri='u'>t</b>", "&amp;",
		"&#13;", "<a/>\n<b/>", "t<a/>t", "<p:c xmlns:p='urn:two' p:j=''/>",
		"<c xmlns='urn:one'/>", "<b xmlns=''><c/></b>", "<p:a q:k='&lt;'/>", "<q:b/>" };
	if (chance(30))
		return octets_of(document, random_element(document));
	(void)world;
	return span_of(PICK(pieces));
}

static struct span change_attributes(struct world *world, struct span document)
{
	static const char *const more[] = { " i='new'", " k=''", " xml:lang='en'", " p:i='1'",
		" q:j='&#10;&amp;'", " xmlns:p='urn:one'", " xmlns:q='urn:3&amp;4'",
		" xmlns:r='urn:two'", " xmlns='urn:one'", " xmlns=''", " id='7'" };
	struct tag tag = random_tag(document, true);
	struct attribute attribute, chosen = { 0 };
	size_t count = 0, past_name = tag.start + 1 + tag.name.size;
	size_t at = 0;
	while (scan_attribute(document, &tag, &at, &attribute))
		if (!below(++count))
			chosen = attribute;
	if (!count || chance(40))
		return joined(world, document, past_name, span_of(PICK(more)), past_name);
	if (chance(50))
		return joined(world, document, chosen.start, SPAN(""), chosen.end);
	struct span prefix; /* libxml2's C14N takes no namespace that is no absolute URI */
	const char *value = attribute_declares(&chosen, &prefix) ? PICK(namespaces_written)[1]
								 : PICK(values)[0];
	at = (size_t)(chosen.value.data - document.data);
	return joined(world, document, at, span_of(value), at + chosen.value.size);
}

static struct span change_octets(struct world *world, struct span document)
{
	struct piece piece = random_element(document);
	size_t at = random_tag(document, false).start, past = random_tag(document, false).end;
	struct span content = random_piece(world, document);
	switch (below(8)) {
	case 0:
		return joined(world, document, piece.start, SPAN(""), piece.end);
	case 1:
		return joined(world, document, piece.start, content, piece.end);
	case 2:
		return joined(world, document, piece.end, content, piece.end);
	case 3:
		return joined(world, document, at, content, at);
	case 4:
		return joined(world, document, past, content, past);
	case 5: /* an element goes elsewhere */
		if (piece.start <= at && at <= piece.end)
			return document;
		content = octets_of(document, piece);
		document = joined(world, document, piece.start, SPAN(""), piece.end);
		at -= at > piece.start ? content.size : 0;
		return joined(world, document, at, content, at);
	default:
		return change_attributes(world, document);
	}
}

static bool is_document(struct world *world, struct span octets)
{
	struct conflict why = { .arena = world->arena };
	struct xml_document *judged;
	bool good = xml_parse(&judged, octets, &limits, &why);
	xml_free(&judged);
	return good;
}

/* Some changes that leave a document; the same one now and then. */
static struct span changed(struct world *world, struct span former)
{
	size_t wanted = chance(70) ? 1 : 1 + below(10);
	struct span now = former;
	for (size_t tries = 0, done = 0; done < wanted && tries < 50; tries++) {
		struct span next = change_octets(world, now);
		if (!is_document(world, next))
			continue;
		now = next;
		done++;
	}
	return now;
}

/* --- what has to hold --- */

static void count_operations(struct span ops)
{
	tally.ops_octets += ops.size;
	for (size_t at; span_search(ops, SPAN(" sel="), &at); ops = span_from(ops, at + 1)) {
		tally.adds += at >= 3 && !memcmp(ops.data + at - 3, "add", 3);
		tally.replaces += at >= 7 && !memcmp(ops.data + at - 7, "replace", 7);
		tally.removes += at >= 6 && !memcmp(ops.data + at - 6, "remove", 6);
	}
}

static void check_made(struct world *world)
{
	struct diff_writer diff;
	const char *why;
	diff_begin(&diff, world->arena, SPAN("http://example.com/"), false);
	diff_document(&diff, SPAN("a"), (struct etag){ 1, 1 }, (struct etag){ 1, 2 },
		buffer_span(&world->ops), false);
	struct span out =
		patch_apply(world->arena, world->former, diff_end(&diff), "document", &why);
	struct span wanted = canonical(world->arena, world->now);
	CHECK(world, !why);
	CHECK(world, out.data && wanted.data && span_equal(out, wanted));
	CHECK(world, !span_equal(canonical(world->arena, world->former), wanted));
	count_operations(buffer_span(&world->ops));
	tally.now_octets += world->now.size;
}

/* Another name at the root, or another declaration there. */
static bool root_differs(struct world *world)
{
	xmlDoc *old = read_document(world->former), *now = read_document(world->now);
	const xmlNode *left = xmlDocGetRootElement(old), *right = xmlDocGetRootElement(now);
	bool differs = strcmp((const char *)left->name, (const char *)right->name) != 0;
	const xmlNs *a = left->nsDef, *b = right->nsDef;
	for (; a && b && !differs; a = a->next, b = b->next)
		differs = strcmp(or_empty(a->href), or_empty(b->href))
			  || strcmp(or_empty(a->prefix), or_empty(b->prefix));
	differs |= a || b || strcmp(space_of(left->ns), space_of(right->ns));
	xmlFreeDoc(old);
	xmlFreeDoc(now);
	return differs;
}

static void check_result(struct world *world, enum patch_result result)
{
	struct span former = canonical(world->arena, world->former);
	struct span now = canonical(world->arena, world->now);
	CHECK(world, result != PATCH_NO_MEMORY);
	CHECK(world, (result == PATCH_SAME) == span_equal(former, now));
	CHECK(world, (result == PATCH_MADE) == (world->ops.size > 0));
	if (result == PATCH_MADE)
		check_made(world);
	if (result == PATCH_IMPOSSIBLE)
		CHECK(world, root_differs(world));
	tally.made += result == PATCH_MADE;
	tally.same += result == PATCH_SAME;
	tally.impossible += result == PATCH_IMPOSSIBLE;
}

static void compare(struct world *world)
{
	world->ops = (struct buffer){ .arena = world->arena };
	check_result(world,
		patch_between(world->arena, world->former, world->now, MOST, &limits, &world->ops));
	if (!world->ops.size)
		return;
	struct buffer ops = { .arena = world->arena };
	CHECK(world,
		patch_between(world->arena, world->former, world->now, world->ops.size - 1, &limits,
			&ops) != PATCH_MADE
			|| ops.size < world->ops.size);
}

/* --- edits through selectors --- */

static size_t operation_count(struct span ops)
{
	size_t count = 0;
	for (size_t at; span_search(ops, SPAN(" sel=\""), &at); ops = span_from(ops, at + 1))
		count++;
	return count;
}

static bool random_edit(struct world *world, const struct selector *selector)
{
	static const char *const bodies[] = { "<a/>", "<b i='1'>x</b>", "<c xmlns='urn:one' j=''/>",
		"<a xmlns='urn:two'><b/></a>", "<a xmlns=''>&lt;</a>", "<b xmlns='urn:3&amp;4'/>" };
	struct conflict why = { .arena = world->arena };
	struct edit_result result;
	bool absent, put = chance(60);
	bool attribute = selector_terminal(selector) == SELECTOR_ATTRIBUTE;
	struct span body = span_of(attribute ? PICK(values)[0] : PICK(bodies));
	bool done =
		put ? edit_put(world->arena, selector, world->former, body, &limits, &result, &why)
		    : edit_delete(world->arena, selector, world->former, &result, &why, &absent);
	if (done)
		world->now = result.document;
	return done && !span_equal(world->former, world->now) && is_document(world, world->now);
}

static void edit(struct world *world, const xmlDoc *tree)
{
	struct oracle_selector oracle = random_selector(tree);
	const struct bindings bindings = { oracle_bindings, 4 };
	struct span written = written_selector(world->arena, &oracle);
	struct selector *selector;
	const char *why;
	if (oracle.terminal == ORACLE_NAMESPACES
		|| selector_parse(world->arena, written, &bindings, span_of(oracle.standard),
			   &selector, &why)
			   != SELECTOR_OK
		|| !random_edit(world, selector))
		return;
	struct patch_edit facts = { selector->text, bindings, span_of(oracle.standard) };
	world->ops = (struct buffer){ .arena = world->arena };
	enum patch_result result = patch_of_edit(
		world->arena, world->former, world->now, &facts, MOST, &limits, &world->ops);
	bool root = oracle.count == 1 && oracle.terminal == ORACLE_ELEMENT;
	size_t count = operation_count(buffer_span(&world->ops));
	tally.edits++;
	tally.fallbacks += root;
	CHECK(world, result != PATCH_SAME || root);
	CHECK(world, root || (result == PATCH_MADE && count >= 1 && count <= 2));
	if (result == PATCH_MADE
		&& !span_equal(canonical(world->arena, world->former),
			canonical(world->arena, world->now)))
		check_made(world);
}

/* --- the run --- */

static uint64_t from_environment(const char *name, uint64_t standard)
{
	uint64_t value;
	return parse_u64(span_of(getenv(name)), &value) && value ? value : standard;
}

static size_t depth_of(const xmlNode *node)
{
	size_t most = 0;
	for (const xmlNode *child = node->children; child; child = child->next) {
		size_t depth = is_element(child) ? depth_of(child) : 0;
		most = depth > most ? depth : most;
	}
	return most + 1;
}

static void run_document(struct world *world)
{
	struct conflict why = { .arena = world->arena };
	struct xml_document *judged;
	seed_now = random_state;
	arena_reset(world->arena);
	assert_true(random_document(&world->document, world->arena));
	world->former = buffer_span(&world->document.text);
	for (size_t i = 0; i < CASES_EACH; i++) {
		world->now = changed(world, world->former);
		compare(world);
		if (chance(50))
			world->former = world->now;
	}
	assert_true(xml_parse(&judged, world->former, &limits, &why));
	const xmlDoc *tree = xml_tree(judged);
	bool shallow = depth_of(xmlDocGetRootElement(tree)) <= STEPS_MOST;
	for (size_t i = 0; i < CASES_EACH && shallow; i++)
		edit(world, tree);
	xml_free(&judged);
	struct span first = arena_copy(world->arena, world->former);
	assert_true(random_document(&world->document, world->arena));
	world->former = first;
	world->now = buffer_span(&world->document.text);
	compare(world);
}

static void patches_give_what_they_were_made_from(void **state __attribute__((unused)))
{
	size_t cases = from_environment("XCAPD_ORACLE_CASES", CASES);
	struct world *world = calloc(1, sizeof(*world));
	assert_non_null(world);
	world->arena = arena_new(1024 * 1024);
	random_state = from_environment("XCAPD_ORACLE_SEED", 0x9E3779B97F4A7C15);
	for (size_t done = 0; done < cases; done += 2 * CASES_EACH + 1)
		run_document(world);
	printf("%zu made, %zu the same, %zu impossible; of edits %zu made, %zu at the root;\n"
	       "%zu adds, %zu replaces, %zu removes; %zu octets for documents of %zu\n",
		tally.made, tally.same, tally.impossible, tally.edits, tally.fallbacks, tally.adds,
		tally.replaces, tally.removes, tally.ops_octets, tally.now_octets);
	assert_true(cases < CASES
		    || (tally.made > 1000 && tally.same > 20 && tally.impossible > 20
			    && tally.edits > 200));
	arena_free(&world->arena);
	free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(
		patches_give_what_they_were_made_from) };
	xml_start();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	xml_stop();
	return failed;
}
