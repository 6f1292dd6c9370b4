/* links: base xcap PkgConfig::LIBXML2 */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Bodies of type application/xcap-diff+xml (RFC 5874 §3 and figure 1, RFC 5875 §4.6 and §4.7). */
#include "xcap/diff.h"
#include "xcap/xml.h"

#include <libxml/tree.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEST(name) static void name(void **state __attribute__((unused)))
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define FIRST "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define ROOT "http://xcap.example.com/root"
#define OPEN FIRST "<d:xcap-diff xmlns:d=\"" DIFF_NAMESPACE "\" xcap-root=\"" ROOT "/\">\n"
#define CLOSE "</d:xcap-diff>\n"

static struct arena *arena;
static struct diff_writer diff;
static const struct xml_limits limits = { 64, 256, 0 };
static const struct etag none = { 0, 0 };

static int begin(void **state __attribute__((unused)))
{
	xml_start();
	arena = arena_new(64 * 1024);
	return !arena;
}

static int end(void **state __attribute__((unused)))
{
	arena_free(&arena);
	xml_stop();
	return 0;
}

static void start(void)
{
	diff_begin(&diff, arena, SPAN(ROOT), false);
}

/* What stands between the root's tags. */
static const char *items(void)
{
	struct span body = diff_end(&diff);
	assert_true(span_starts(body, SPAN(OPEN)) && span_ends(body, SPAN(CLOSE)));
	body = span_from(body, sizeof(OPEN) - 1);
	return arena_text(arena, span_first(body, body.size - (sizeof(CLOSE) - 1)));
}

static const char *tag_text(struct etag etag)
{
	char text[ETAG_TEXT_MAX];
	etag_text(etag, text);
	return arena_text(arena, span_of(text));
}

TEST(nothing_to_tell_is_an_empty_body)
{
	start();
	assert_string_equal(items(), "");
	diff_begin(&diff, arena, SPAN("https://example.com/?a&b/"), true);
	assert_string_equal(diff_end(&diff).data,
		FIRST "<xcap-diff xmlns=\"" DIFF_NAMESPACE
		      "\" xcap-root=\"https://example.com/?a&amp;b/\">\n</xcap-diff>\n");
}

TEST(a_document_is_created_removed_or_changed)
{
	struct etag old = { 7, 1 }, now = { 7, 22 };
	const char *was = tag_text(old), *is = tag_text(now);
	struct span sel = SPAN("a/users/sip:ann@example.com/index");
	start();
	diff_document(&diff, sel, none, now, (struct span){ NULL, 0 }, false);
	diff_document(&diff, sel, old, none, (struct span){ NULL, 0 }, false);
	diff_document(&diff, sel, old, now, (struct span){ NULL, 0 }, false);
	diff_document(&diff, sel, old, now, SPAN("<d:remove sel=\"*/@i\"/>"), false);
	diff_document(&diff, sel, old, now, (struct span){ NULL, 0 }, true);
	assert_string_equal(
		items(), arena_format(arena,
				 "<d:document new-etag=\"%s\" sel=\"%s\"/>\n"
				 "<d:document sel=\"%s\" previous-etag=\"%s\"/>\n"
				 "<d:document new-etag=\"%s\" sel=\"%s\" previous-etag=\"%s\"/>\n"
				 "<d:document new-etag=\"%s\" sel=\"%s\" previous-etag=\"%s\">"
				 "<d:remove sel=\"*/@i\"/></d:document>\n"
				 "<d:document new-etag=\"%s\" sel=\"%s\" previous-etag=\"%s\">"
				 "<d:body-not-changed/></d:document>\n",
				 is, sel.data, sel.data, was, is, sel.data, was, is, sel.data, was,
				 is, sel.data, was)
				 .data);
}

TEST(a_plain_body_has_the_default_namespace)
{
	struct etag old = { 7, 1 }, now = { 7, 22 };
	diff_begin(&diff, arena, SPAN("http://127.0.0.1:8080/"), true);
	diff_document(&diff, SPAN("a/global/index"), old, now, (struct span){ NULL, 0 }, false);
	diff_document(&diff, SPAN("a/global/index"), old, now, (struct span){ NULL, 0 }, true);
	diff_element(&diff, SPAN("a/~~/b"), false, SPAN(""), NULL);
	diff_attribute(&diff, SPAN("a/~~/b/@c"), true, SPAN("<"), NULL);
	assert_string_equal(diff_end(&diff).data,
		arena_format(arena,
			FIRST "<xcap-diff xmlns=\"" DIFF_NAMESPACE
			      "\" xcap-root=\"http://127.0.0.1:8080/\">\n"
			      "<document new-etag=\"%s\" sel=\"a/global/index\" "
			      "previous-etag=\"%s\"/>\n"
			      "<document new-etag=\"%s\" sel=\"a/global/index\" "
			      "previous-etag=\"%s\"><body-not-changed/></document>\n"
			      "<element sel=\"a/~~/b\" exists=\"false\"/>\n"
			      "<attribute sel=\"a/~~/b/@c\">&lt;</attribute>\n</xcap-diff>\n",
			tag_text(now), tag_text(old), tag_text(now), tag_text(old))
			.data);
}

TEST(a_selection_stays_as_it_is_but_for_xml)
{
	start();
	diff_document(&diff, SPAN("a/users/sip%3Aann%40x/i?xmlns(p=urn:p)&\"<'"), none,
		(struct etag){ 7, 1 }, (struct span){ NULL, 0 }, false);
	assert_non_null(
		strstr(items(), "sel=\"a/users/sip%3Aann%40x/i?xmlns(p=urn:p)&amp;&quot;&lt;'\""));
}

/* --- components --- */

static const struct binding bound[] = { { { "p", 1 }, { "urn:p", 5 } },
	{ { "q", 1 }, { "urn:q", 5 } } };
static const struct bindings bindings = { bound, COUNT(bound) };

static struct selector *selector_of(const char *node)
{
	struct selector *selector;
	const char *why;
	assert_int_equal(
		selector_parse(arena, span_of(node), &bindings, SPAN("urn:x"), &selector, &why),
		SELECTOR_OK);
	return selector;
}

#define DOCUMENT                                                                     \
	"<a xmlns='urn:x' xmlns:p='urn:p' xmlns:u='urn:&lt;unused' xmlns:d='urn:d'>" \
	"<b i='1'>R&amp;D<c xmlns=''/></b>\n<p:b><d:e j='&lt;&#10;'/></p:b>"         \
	"<f xmlns='urn:f' xmlns:z='urn:z'><z:g u:k=''/></f><h xmlns=''/><h/><h/></a>"

static const struct {
	const char *node, *items;
} components[] = {
	{ "a/b", "<d:element xmlns=\"urn:x\" sel=\"S\"><b i='1'>R&amp;D<c xmlns=''/></b>"
		 "</d:element>\n" },
	{ "a/p:b",
		"<d0:element xmlns:d0=\"" DIFF_NAMESPACE "\" xmlns:d=\"urn:d\" xmlns:p=\"urn:p\" "
		"sel=\"S\"><p:b><d:e j='&lt;&#10;'/></p:b></d0:element>\n" },
	{ "a/*[3]", "<d:element xmlns=\"urn:x\" xmlns:u=\"urn:&lt;unused\" sel=\"S\">"
		    "<f xmlns='urn:f' xmlns:z='urn:z'><z:g u:k=''/></f></d:element>\n" },
	{ "a/*[4]", "<d:element xmlns=\"urn:x\" sel=\"S\"><h xmlns=''/></d:element>\n" },
	{ "a/none", "<d:element sel=\"S\" exists=\"false\"/>\n" },
	{ "a/h", "<d:element sel=\"S\" exists=\"false\"/>\n" },
	{ "a/b/@i", "<d:attribute sel=\"S\">1</d:attribute>\n" },
	{ "a/p:b/*/@j", "<d:attribute sel=\"S\">&lt;&#10;</d:attribute>\n" },
	{ "a/*/@i", "<d:attribute sel=\"S\" exists=\"false\"/>\n" },
	{ "a/b/@k", "<d:attribute sel=\"S\" exists=\"false\"/>\n" },
};

static void tell(const struct selector *selector)
{
	struct diff_part part;
	assert_true(diff_find(arena, selector, SPAN(DOCUMENT), &part));
	if (selector_terminal(selector) == SELECTOR_ATTRIBUTE)
		diff_attribute(&diff, SPAN("S"), part.exists, part.octets, NULL);
	else
		diff_element(&diff, SPAN("S"), part.exists, part.octets, &part.in_scope);
}

TEST(a_component_is_told_with_the_namespaces_it_uses)
{
	for (size_t i = 0; i < COUNT(components); i++) {
		start();
		tell(selector_of(components[i].node));
		assert_string_equal(items(), components[i].items);
	}
}

static const char *space_of(const xmlNs *ns)
{
	return ns && ns->href ? (const char *)ns->href : "";
}

/* Elements and attributes, with their namespaces and prefixes. */
static void same_names(const xmlNode *a, const xmlNode *b)
{
	assert_string_equal(
		a->name ? (const char *)a->name : "", b->name ? (const char *)b->name : "");
	if (a->type != XML_ELEMENT_NODE)
		return;
	assert_string_equal(space_of(a->ns), space_of(b->ns));
	assert_true(xmlStrEqual(a->ns ? a->ns->prefix : NULL, b->ns ? b->ns->prefix : NULL));
	const xmlAttr *left = a->properties, *right = b->properties;
	for (; left && right; left = left->next, right = right->next)
		assert_string_equal(space_of(left->ns), space_of(right->ns));
	assert_true(!left && !right);
	const xmlNode *x = a->children, *y = b->children;
	for (; x && y; x = x->next, y = y->next)
		same_names(x, y);
	assert_true(!x && !y);
}

static const xmlNode *nth_element(const xmlNode *parent, size_t n)
{
	const xmlNode *child = parent->children;
	while (child->type != XML_ELEMENT_NODE || --n)
		child = child->next;
	return child;
}

TEST(a_copied_element_means_what_it_meant)
{
	struct conflict why = { .arena = arena };
	struct xml_document *source, *body;
	assert_true(xml_parse(&source, SPAN(DOCUMENT), &limits, &why));
	const xmlNode *root = xml_tree(source)->children;
	for (size_t n = 1; n <= 4; n++) {
		start();
		tell(selector_of(arena_format(arena, "*/*[%zu]", n).data));
		assert_true(xml_parse(&body, diff_end(&diff), &limits, &why));
		const xmlNode *element = nth_element(xml_tree(body)->children, 1);
		assert_string_equal(space_of(element->ns), DIFF_NAMESPACE);
		same_names(nth_element(element, 1), nth_element(root, n));
		xml_free(&body);
	}
	xml_free(&source);
}

TEST(what_is_too_large_has_no_child)
{
	start();
	diff_element(&diff, SPAN("S"), true, (struct span){ NULL, 0 }, NULL);
	diff_attribute(&diff, SPAN("S"), true, SPAN(""), &bindings);
	assert_string_equal(items(),
		"<d:element sel=\"S\"/>\n<d:attribute xmlns:p=\"urn:p\" xmlns:q=\"urn:q\" "
		"sel=\"S\"></d:attribute>\n");
}

TEST(a_document_is_selected_by_its_path)
{
	struct doc_id id = { SPAN("resource-lists"), TREE_USERS, SPAN("sip:ann@example.com"),
		SPAN("my lists/index?") };
	assert_string_equal(diff_sel(arena, &id).data,
		"resource-lists/users/sip:ann@example.com/my%20lists/index%3F");
	id = (struct doc_id){ SPAN("xcap-caps"), TREE_GLOBAL, SPAN(""), SPAN("index") };
	assert_string_equal(diff_sel(arena, &id).data, "xcap-caps/global/index");
}

/* --- memory --- */

static struct span much(struct arena *small, const struct selector *selector)
{
	struct diff_writer writer;
	struct diff_part part;
	diff_begin(&writer, small, SPAN(ROOT), false);
	if (!diff_find(small, selector, SPAN(DOCUMENT), &part))
		return (struct span){ NULL, 0 };
	for (size_t i = 0; i < 20; i++)
		diff_element(&writer, SPAN("S"), part.exists, part.octets, &part.in_scope);
	return diff_end(&writer);
}

TEST(without_memory_there_is_no_body)
{
	const struct selector *selector = selector_of("a/p:b");
	struct span body = { NULL, 0 }, whole = much(arena, selector);
	for (size_t n = 1; !body.data; n++) {
		struct arena *small = arena_new(1);
		assert_non_null(small);
		arena_fail_at(n);
		body = much(small, selector);
		arena_fail_at(0);
		assert_true(!body.data || span_equal(body, whole));
		assert_in_range(n, 1, 1000);
		arena_free(&small);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_to_tell_is_an_empty_body),
		cmocka_unit_test(a_document_is_created_removed_or_changed),
		cmocka_unit_test(a_plain_body_has_the_default_namespace),
		cmocka_unit_test(a_selection_stays_as_it_is_but_for_xml),
		cmocka_unit_test(a_component_is_told_with_the_namespaces_it_uses),
		cmocka_unit_test(a_copied_element_means_what_it_meant),
		cmocka_unit_test(what_is_too_large_has_no_child),
		cmocka_unit_test(a_document_is_selected_by_its_path),
		cmocka_unit_test(without_memory_there_is_no_body),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
