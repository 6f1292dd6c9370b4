/* links: base xcap PkgConfig::LIBXML2 */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Patches between two versions (RFC 5261, RFC 5874): applied as a client would, they give the
 * canonical form of the present one. */
#include "patch_applier.h"
#include "xcap/diff.h"
#include "xcap/patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define TEST(name) static void name(void **state __attribute__((unused)))
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct arena *arena;
static const struct xml_limits limits = { 64, 256, 0 };
static const struct etag tags[2] = { { 7, 1 }, { 7, 2 } };

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

/* The operations; NULL when there is nothing to do. */
static const char *between(const char *former, const char *now)
{
	struct buffer ops = { .arena = arena };
	enum patch_result result =
		patch_between(arena, span_of(former), span_of(now), 100000, &limits, &ops);
	if (result == PATCH_SAME)
		return NULL;
	assert_int_equal(result, PATCH_MADE);
	return ops.data;
}

static const char *patched(const char *former, const char *ops)
{
	struct diff_writer diff;
	const char *why;
	diff_begin(&diff, arena, SPAN("http://xcap.example.com/root"), false);
	diff_document(&diff, SPAN("tests/users/sip:ann@example.com/index"), tags[0], tags[1],
		span_of(ops), false);
	struct span out = patch_apply(arena, span_of(former), diff_end(&diff), "document", &why);
	return why ? why : out.data;
}

static const char *canonical_of(const char *document)
{
	struct span out = canonical(arena, span_of(document));
	assert_non_null(out.data);
	return out.data;
}

/* --- the applier itself: each kind of operation --- */

struct example {
	const char *former, *operations, *now; /* now: an error's name if it is no document */
};

#define ROOT_X "<doc xmlns='urn:x' xmlns:z='urn:y'>"

static const struct example examples[] = {
	/* adding */
	{ "<doc>\n <note/>\n</doc>", "<add sel='doc'><foo id='e'>new</foo></add>",
		"<doc>\n <note/>\n<foo id='e'>new</foo></doc>" },
	{ "<doc> <foo/></doc>", "<add sel='doc/foo' pos='before'><!-- c --></add>",
		"<doc> <!-- c --><foo/></doc>" },
	{ "<doc><a/><b/></doc>", "<add sel='doc/a' pos='after'>t<?p q?></add>",
		"<doc><a/>t<?p q?><b/></doc>" },
	{ "<doc>t<a/></doc>", "<add sel='*' pos='prepend'><b/>u</add>", "<doc><b/>ut<a/></doc>" },
	{ "<doc>one<x/>two</doc>", "<add sel='*/text()[2]' pos='after'>new<y/>er</add>",
		"<doc>one<x/>twonew<y/>er</doc>" },
	{ "<doc><a/></doc>", "<add sel='*' pos='after'><!--c--></add>", "<doc><a/></doc><!--c-->" },
	{ "<doc><a/></doc>", "<add sel='*' pos='after'><b/></add>",
		"invalid-root-element-operation" },
	{ "<doc><a/></doc>", "<add sel='*/a' type='@user'>Bob</add>",
		"<doc><a user='Bob'/></doc>" },
	{ "<doc><a user='x'/></doc>", "<add sel='*/a' type='@user'>Bob</add>",
		"invalid-attribute-value" },
	{ "<doc><a/></doc>", "<add sel='*/a' type='@user'></add>", "invalid-attribute-value" },
	{ "<doc xmlns:q='urn:y'/>", "<add sel='*' type='@y:u' xmlns:y='urn:y'>1</add>",
		"<doc xmlns:q='urn:y' q:u='1'/>" },
	{ "<doc/>", "<add sel='doc' type='namespace::p'>urn:n</add>", "<doc xmlns:p='urn:n'/>" },
	/* replacing */
	{ "<doc><a i='1'/><a i='2'/></doc>", "<replace sel='doc/a[@i=\"2\"]'><b/></replace>",
		"<doc><a i='1'/><b/></doc>" },
	{ "<doc><a/></doc>", "<replace sel='doc/a'><b/><c/></replace>", "invalid-node-types" },
	{ "<doc><a/></doc>", "<replace sel='doc/a'>text</replace>", "invalid-node-types" },
	{ "<doc a='1'/>", "<replace sel='doc/@a'>new</replace>", "<doc a='new'/>" },
	{ "<doc a='1'/>", "<replace sel='doc/@a'/>", "<doc a=''/>" },
	{ "<doc xmlns:p='urn:n'><p:a/></doc>", "<replace sel='doc/namespace::p'>urn:m</replace>",
		"<doc xmlns:p='urn:m'><p:a/></doc>" },
	{ "<doc><!--a--></doc>", "<replace sel='doc/comment()[1]'><!--b--></replace>",
		"<doc><!--b--></doc>" },
	{ "<doc><?t a?></doc>",
		"<replace sel=\"doc/processing-instruction('t')\"><?t b?></replace>",
		"<doc><?t b?></doc>" },
	{ "<doc>a<b/>c</doc>", "<replace sel='doc/text()[2]'>d</replace>", "<doc>a<b/>d</doc>" },
	{ "<doc>a<b/>c</doc>", "<replace sel='doc/text()[2]'/>", "<doc>a<b/></doc>" },
	/* removing */
	{ "<doc>a<b/>c</doc>", "<remove sel='doc/b'/><replace sel='doc/text()'>e</replace>",
		"<doc>e</doc>" },
	{ "<doc> <b/> </doc>", "<remove sel='doc/b' ws='after'/>", "<doc> </doc>" },
	{ "<doc> <b/> <c/></doc>", "<remove sel='doc/b' ws='both'/>", "<doc><c/></doc>" },
	{ "<doc> <b/>x</doc>", "<remove sel='doc/b' ws='after'/>", "invalid-whitespace-directive" },
	{ "<doc> <b/></doc>", "<remove sel='doc/text()' ws='after'/>",
		"invalid-whitespace-directive" },
	{ "<doc a='1'/>", "<remove sel='doc/@a'/>", "<doc/>" },
	{ "<doc xmlns:p='urn:n'/>", "<remove sel='doc/namespace::p'/>", "<doc/>" },
	{ "<doc xmlns:p='urn:n'><p:a/></doc>", "<remove sel='doc/namespace::p'/>",
		"invalid-namespace-prefix" },
	{ "<doc><!--c-->\n</doc>", "<remove sel='doc/comment()[1]' ws='after'/>", "<doc/>" },
	{ "<doc><?t?></doc>", "<remove sel=\"doc/processing-instruction('t')\"/>", "<doc/>" },
	{ "<doc><a>t</a></doc>", "<remove sel='doc/a/text()[1]'/>", "<doc><a/></doc>" },
	{ "<doc/>", "<remove sel='doc'/>", "invalid-root-element-operation" },
	/* selecting */
	{ "<doc><a/><a/></doc>", "<remove sel='doc/a'/>", "unlocated-node" },
	{ "<doc><a/></doc>", "<remove sel='doc/b'/>", "unlocated-node" },
	{ "<doc><a/></doc>", "<remove sel='id(\"a\")'/>", "unsupported-id-function" },
	{ "<doc><a/></doc>", "<remove sel='p:doc/a'/>", "invalid-namespace-prefix" },
	{ "<doc><a><b>1</b></a><a><b>2</b></a></doc>", "<remove sel='*/a[b=\"2\"]'/>",
		"<doc><a><b>1</b></a></doc>" },
	{ "<doc><a>1</a><a>2</a></doc>", "<remove sel='/doc/*[.=\"1\"]'/>", "<doc><a>2</a></doc>" },
	{ "<doc><a/><b/><a i='2'/></doc>", "<remove sel='*/a[2][@i=\"2\"]'/>",
		"<doc><a/><b/></doc>" },
	/* namespaces: those of the diff locate; what is added takes the prefixes of the target */
	{ ROOT_X "<a/></doc>", "<remove sel='p:doc/p:a' xmlns:p='urn:x'/>", ROOT_X "</doc>" },
	{ ROOT_X "<a/></doc>", "<remove sel='doc/a' xmlns='urn:x'/>", ROOT_X "</doc>" },
	{ ROOT_X "<a/></doc>", "<remove sel='doc/a'/>", "unlocated-node" },
	{ ROOT_X "</doc>", "<add sel='*' xmlns:y='urn:y'><y:n y:k='1'/></add>",
		ROOT_X "<z:n z:k='1'/></doc>" },
	{ ROOT_X "</doc>", "<add sel='*'><y:n xmlns:y='urn:y'/></add>",
		ROOT_X "<y:n xmlns:y='urn:y'/></doc>" },
	{ "<doc xmlns:x='urn:n' xmlns:y='urn:n'/>", "<add sel='*' xmlns:xx='urn:n'><xx:a/></add>",
		"<doc xmlns:x='urn:n' xmlns:y='urn:n'><x:a/></doc>" },
	{ "<doc xmlns:x='urn:n' xmlns:y='urn:n'/>", "<add sel='*' xmlns:a='urn:n'><a:a/></add>",
		"<doc xmlns:x='urn:n' xmlns:y='urn:n'><x:a/></doc>" },
	{ "<doc xmlns:x='urn:n' xmlns:y='urn:n'/>", "<add sel='*' xmlns:y='urn:n'><y:a/></add>",
		"<doc xmlns:x='urn:n' xmlns:y='urn:n'><y:a/></doc>" },
	{ "<doc/>", "<add sel='*' xmlns:y='urn:n'><y:a/></add>", "invalid-namespace-uri" },
};

TEST(the_applier_does_what_rfc_5261_says)
{
	for (size_t i = 0; i < COUNT(examples); i++) {
		const struct example *this = &examples[i];
		struct span diff = arena_format(arena, "<diff>%s</diff>", this->operations);
		const char *why;
		struct span out = patch_apply(arena, span_of(this->former), diff, NULL, &why);
		if (*this->now == '<')
			assert_string_equal(why ? why : out.data, canonical_of(this->now));
		else
			assert_string_equal(why ? why : this->operations, this->now);
	}
}

TEST(operations_apply_one_after_the_other)
{
	const char *former = "<doc xmlns='urn:x' xmlns:z='urn:y'>\n"
			     "  <note>old</note>\n  <elem a='foo'>\n    <child/>\n  </elem>\n"
			     "  <elem a='bar'>\n    <z:child/>\n  </elem>\n</doc>";
	const char *diff = "<p:diff xmlns='urn:x' xmlns:y='urn:y' xmlns:p='urn:p'>\n"
			   "<p:add sel=\"doc/elem[@a='foo']\">  <!-- c -->\n"
			   "    <child id='e'><y:node/></child>\n  </p:add>\n"
			   "<p:replace sel='doc/note/text()'>new</p:replace>\n"
			   "<p:remove sel=\"*/elem[@a='bar']/y:child\" ws='both'/>\n"
			   "<p:add sel=\"*/elem[@a='bar']\" type='@b'>attr</p:add>\n</p:diff>";
	const char *now = "<doc xmlns='urn:x' xmlns:z='urn:y'>\n"
			  "  <note>new</note>\n  <elem a='foo'>\n    <child/>\n    <!-- c -->\n"
			  "    <child id='e'><z:node/></child>\n  </elem>\n"
			  "  <elem a='bar' b='attr'/>\n</doc>";
	const char *why;
	struct span out = patch_apply(arena, span_of(former), span_of(diff), NULL, &why);
	assert_null(why);
	assert_string_equal(out.data, canonical_of(now));
}

/* --- what is made --- */

static const struct {
	const char *former, *now, *operations; /* NULL: there is nothing to do */
} changes[] = {
	/* canonically the same (RFC 5874: <body-not-changed/>) */
	{ "<a i='1' j='2'/>", "<a j=\"2\"\n i='1'></a>", NULL },
	{ "<a>&lt;x</a>", "<?xml version='1.0'?>\n<a><![CDATA[<x]]></a>", NULL },
	{ "<a xmlns:p='urn:u'><b xmlns:p='urn:u'/></a>", "<a xmlns:p='urn:u'><b/></a>", NULL },
	{ "<a>x</a>", "<a>&#120;<![CDATA[]]></a>\n", NULL },
	/* attributes */
	{ "<a i='1'/>", "<a i='2'/>", "<d:replace sel=\"*/@i\">2</d:replace>" },
	{ "<a i='1'/>", "<a i=''/>", "<d:replace sel=\"*/@i\"/>" },
	{ "<a i='1'/>", "<a/>", "<d:remove sel=\"*/@i\"/>" },
	{ "<a/>", "<a i='&lt;&#10;&quot;'/>", "<d:add sel=\"*\" type=\"@i\">&lt;\n\"</d:add>" },
	{ "<a/>", "<a i=''/>", "<d:add sel=\"*\" type=\"@i\">-</d:add><d:replace sel=\"*/@i\"/>" },
	{ "<a/>", "<a xml:lang='de'/>", "<d:add sel=\"*\" type=\"@xml:lang\">de</d:add>" },
	{ "<a xmlns:p='urn:u' p:i='1'/>", "<a xmlns:p='urn:u' p:i='2'/>",
		"<d:replace xmlns:p=\"urn:u\" sel=\"*/@p:i\">2</d:replace>" },
	{ "<a xmlns:p='urn:u' xmlns:q='urn:u' p:i='1'/>",
		"<a xmlns:p='urn:u' xmlns:q='urn:u' q:i='1'/>",
		"<d:remove xmlns:p=\"urn:u\" sel=\"*/@p:i\"/>"
		"<d:add xmlns:q=\"urn:u\" sel=\"*\" type=\"@q:i\">1</d:add>" },
	/* declarations */
	{ "<a/>", "<a xmlns:p='urn:3&amp;4'/>",
		"<d:add sel=\"*\" type=\"namespace::p\">urn:3&amp;4</d:add>" },
	{ "<a xmlns:p='urn:u'/>", "<a/>", "<d:remove sel=\"*/namespace::p\"/>" },
	{ "<a xmlns:p='urn:u'/>", "<a xmlns:p='urn:v'/>",
		"<d:remove sel=\"*/namespace::p\"/>"
		"<d:add sel=\"*\" type=\"namespace::p\">urn:v</d:add>" },
	{ "<r xmlns:p='urn:u' xmlns:q='urn:u'><p:a b='1'/></r>",
		"<r xmlns:p='urn:u' xmlns:q='urn:u'><q:a b='1'/></r>",
		"<d:replace xmlns:q=\"urn:u\" sel=\"*/*[1]\"><q:a b=\"1\"/></d:replace>" },
	/* text */
	{ "<a>x</a>", "<a>y</a>", "<d:replace sel=\"*/text()[1]\">y</d:replace>" },
	{ "<a>x</a>", "<a/>", "<d:remove sel=\"*/text()[1]\"/>" },
	{ "<a/>", "<a>y&#13;</a>", "<d:add sel=\"*\">y&#13;</d:add>" },
	{ "<a>x<b/>y</a>", "<a>x<b/>z</a>", "<d:replace sel=\"*/text()[2]\">z</d:replace>" },
	/* elements */
	{ "<a><b/></a>", "<a><b/><c/></a>", "<d:add sel=\"*/*[1]\" pos=\"after\"><c/></d:add>" },
	{ "<a><b/></a>", "<a><c/><b/></a>", "<d:add sel=\"*/*[1]\" pos=\"before\"><c/></d:add>" },
	{ "<a>t</a>", "<a>t<c/></a>", "<d:add sel=\"*\"><c/></d:add>" },
	{ "<a>t</a>", "<a><c/>t</a>", "<d:add sel=\"*\" pos=\"prepend\"><c/></d:add>" },
	{ "<a> <b/> <c/> </a>", "<a> <c/> </a>", "<d:remove sel=\"*/*[1]\" ws=\"after\"/>" },
	{ "<a>x<b/>y</a>", "<a>xy</a>",
		"<d:replace sel=\"*/text()[1]\">xy</d:replace>"
		"<d:remove sel=\"*/text()[2]\"/><d:remove sel=\"*/*[1]\"/>" },
	{ "<a xmlns='urn:u'><b/></a>", "<a xmlns='urn:u'><b/><c i='1'/></a>",
		"<d:add xmlns=\"urn:u\" sel=\"*/*[1]\" pos=\"after\"><c i=\"1\"/></d:add>" },
	{ "<a xmlns='urn:u'><b/></a>", "<a xmlns='urn:u'><b/><c xmlns=''/></a>",
		"<d:add sel=\"*/*[1]\" pos=\"after\"><c xmlns=\"\"/></d:add>" },
	{ "<a xmlns:d='urn:u'/>", "<a xmlns:d='urn:u'><d:b/></a>",
		"<d0:add xmlns:d0=\"" DIFF_NAMESPACE
		"\" xmlns:d=\"urn:u\" sel=\"*\"><d:b/></d0:add>" },
	/* the ends agree in octets, but are not of one kind */
	{ "<r p='0123456789 0123456789 0123456789'><a/>A<x/>t--></r>",
		"<r p='0123456789 0123456789 0123456789'><a/>B<!--<x/>t--></r>",
		"<d:replace sel=\"*/text()[1]\">B</d:replace>"
		"<d:add sel=\"*/*[2]\" pos=\"before\"><!--<x/>t--></d:add>"
		"<d:remove sel=\"*/text()[2]\"/><d:remove sel=\"*/*[2]\"/>" },
	/* beside the root */
	{ "<!--x--><a/>", "<!--y--><a/>", "<d:replace sel=\"comment()[1]\"><!--y--></d:replace>" },
	{ "<a/>", "<?x y?><a/><!---->",
		"<d:add sel=\"*\" pos=\"before\"><?x y?></d:add>"
		"<d:add sel=\"*\" pos=\"after\"><!----></d:add>" },
	{ "<!--x--><a/>", "<a/><!--x-->",
		"<d:remove sel=\"comment()[1]\"/><d:add sel=\"*\" pos=\"after\"><!--x--></d:add>" },
};

TEST(each_kind_of_change_has_its_operation)
{
	for (size_t i = 0; i < COUNT(changes); i++) {
		const char *ops = between(changes[i].former, changes[i].now);
		assert_string_equal(
			ops ? ops : "-", changes[i].operations ? changes[i].operations : "-");
		assert_string_equal(
			ops ? patched(changes[i].former, ops) : canonical_of(changes[i].former),
			canonical_of(changes[i].now));
	}
}

static enum patch_result result_of(const char *former, const char *now, size_t most)
{
	struct buffer ops = { .arena = arena };
	enum patch_result result =
		patch_between(arena, span_of(former), span_of(now), most, &limits, &ops);
	assert_true(result == PATCH_MADE ? ops.size && ops.size <= most : !ops.size);
	return result;
}

TEST(what_cannot_be_said_is_not_said)
{
	assert_int_equal(result_of("<a/>", "<b/>", 1000), PATCH_IMPOSSIBLE);
	assert_int_equal(result_of("<a/>", "<a xmlns='urn:u'/>", 1000), PATCH_IMPOSSIBLE);
	assert_int_equal(result_of("<p:a xmlns:p='urn:u'/>", "<q:a xmlns:q='urn:u'/>", 1000),
		PATCH_IMPOSSIBLE);
	assert_int_equal(
		result_of("<a xmlns:p='urn:u'><p:b/></a>", "<a xmlns:p='urn:v'><p:b/></a>", 1000),
		PATCH_IMPOSSIBLE);
	assert_int_equal(result_of("<a><b/></a>", "<a><b/", 1000), PATCH_IMPOSSIBLE);
	assert_int_equal(result_of("<a i='1'/>", "<a i='2'/>", 34), PATCH_IMPOSSIBLE);
	assert_int_equal(result_of("<a i='1'/>", "<a i='2'/>", 35), PATCH_MADE);
	assert_int_equal(result_of("<a/>", "<a/>", 0), PATCH_SAME);
	assert_int_equal(result_of("<a/>", "<a />", 0), PATCH_SAME);
}

/* --- small changes of a big list --- */

enum { ENTRIES = 1000 };

struct list {
	size_t without, renamed, moved_to; /* entry numbers; 0: none */
	bool one_more;
};

static void write_entry(struct buffer *to, size_t number, const char *name)
{
	buffer_format(to,
		"\n    <entry uri=\"sip:user%zu@example.com\">\n"
		"      <display-name>%s %zu</display-name>\n    </entry>",
		number, name, number);
}

static const char *list_document(const struct list *list)
{
	struct buffer to = { .arena = arena };
	buffer_text(&to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			 "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">\n"
			 "  <list name=\"friends\">");
	for (size_t i = 1; i <= ENTRIES; i++) {
		if (i == list->moved_to)
			write_entry(&to, 10, "User");
		if (i != list->without && !(list->moved_to && i == 10))
			write_entry(&to, i, i == list->renamed ? "Someone" : "User");
	}
	if (list->one_more)
		write_entry(&to, ENTRIES + 1, "User");
	buffer_text(&to, "\n  </list>\n</resource-lists>\n");
	return to.data;
}

TEST(a_small_change_gives_a_small_patch)
{
	static const struct {
		struct list list;
		size_t most;
	} lists[] = {
		{ { .renamed = 500 }, 100 },
		{ { .without = 1 }, 100 },
		{ { .without = 500 }, 100 },
		{ { .without = ENTRIES }, 100 },
		{ { .one_more = true }, 300 },
		{ { .without = 7, .renamed = 990, .one_more = true }, 500 },
		{ { .moved_to = 600 }, 400 },
	};
	const char *former = list_document(&(struct list){ 0 });
	for (size_t i = 0; i < COUNT(lists); i++) {
		const char *now = list_document(&lists[i].list), *ops = between(former, now);
		assert_in_range(strlen(ops), 1, lists[i].most);
		assert_string_equal(patched(former, ops), canonical_of(now));
		ops = between(now, former);
		assert_in_range(strlen(ops), 1, 600);
		assert_string_equal(patched(now, ops), canonical_of(former));
	}
}

/* --- edits --- */

static const struct binding bound[] = { { { "p", 1 }, { "urn:p", 5 } } };

static const char *of_edit(const char *former, const char *now, const char *selector)
{
	struct buffer ops = { .arena = arena };
	struct patch_edit edit = { span_of(selector), { bound, 1 }, SPAN("urn:x") };
	enum patch_result result =
		patch_of_edit(arena, span_of(former), span_of(now), &edit, 100000, &limits, &ops);
	if (result == PATCH_SAME)
		return NULL;
	assert_int_equal(result, PATCH_MADE);
	return ops.data;
}

#define X(inside) "<a xmlns='urn:x' xmlns:q='urn:p'>" inside "</a>"

static const struct {
	const char *former, *now, *selector, *operations;
} edits[] = {
	{ X("<b/><c i='1'/>"), X("<b/><c i='2'>x</c>"), "a/c",
		"<d:replace xmlns=\"urn:x\" sel=\"*/*[2]\"><c i='2'>x</c></d:replace>" },
	{ X("<b/>\n<b/>"), X("<b/>\n<b/><q:c/>"), "a/p:c",
		"<d:add xmlns:q=\"urn:p\" sel=\"*/*[2]\" pos=\"after\"><q:c/></d:add>" },
	{ X("<b/>\n"), X("<b/>\n<q:c/>"), "a/p:c",
		"<d:add xmlns:q=\"urn:p\" sel=\"*\"><q:c/></d:add>" },
	{ X("<b/>\n<b/>t"), X("<b/><b k='1'/>\n<b/>t"), "a/b[2][@k=\"1\"]",
		"<d:add xmlns=\"urn:x\" sel=\"*/*[1]\" pos=\"after\"><b k='1'/></d:add>" },
	{ X("t<b/>"), X("t<b k='1'/><b/>"), "a/b[1][@k=\"1\"]",
		"<d:add xmlns=\"urn:x\" sel=\"*/*[1]\" pos=\"before\"><b k='1'/></d:add>" },
	{ X("<b />"), X("<b ><c/></b>"), "a/b/c",
		"<d:add xmlns=\"urn:x\" sel=\"*/*[1]\"><c/></d:add>" },
	{ X("t<b/>u"), X("tu"), "a/b", "<d:remove sel=\"*/*[1]\"/>" },
	{ X("<b i='1'/>"), X("<b i='&lt;&#9;'/>"), "a/b/@i",
		"<d:replace sel=\"*/*[1]/@i\">&lt;\t</d:replace>" },
	{ X("<b/>"), X("<b q:i='1'/>"), "a/b/@p:i",
		"<d:add xmlns:q=\"urn:p\" sel=\"*/*[1]\" type=\"@q:i\">1</d:add>" },
	{ X("<b q:i='1'/>"), X("<b/>"), "a/b/@p:i",
		"<d:remove xmlns:q=\"urn:p\" sel=\"*/*[1]/@q:i\"/>" },
	{ X("<b/>"), X("<b i=''/>"), "a/b/@i",
		"<d:add sel=\"*/*[1]\" type=\"@i\">-</d:add><d:replace sel=\"*/*[1]/@i\"/>" },
	{ X("<b/>"), X("<b/>"), "a/b", NULL },
	/* not that edit alone, or the root: compared */
	{ X("<b/><c/>"), X("<b i='1'/><c j='1'/>"), "a/b",
		"<d:add sel=\"*/*[1]\" type=\"@i\">1</d:add>"
		"<d:add sel=\"*/*[2]\" type=\"@j\">1</d:add>" },
	{ X("<b/>"), X("<b i='1'/>"), "a", "<d:add sel=\"*/*[1]\" type=\"@i\">1</d:add>" },
	{ X("<b/>"), X("<b i='1'/>"), "a/b[", "<d:add sel=\"*/*[1]\" type=\"@i\">1</d:add>" },
};

TEST(an_edit_becomes_one_operation)
{
	for (size_t i = 0; i < COUNT(edits); i++) {
		const char *ops = of_edit(edits[i].former, edits[i].now, edits[i].selector);
		assert_string_equal(
			ops ? ops : "-", edits[i].operations ? edits[i].operations : "-");
		assert_string_equal(
			ops ? patched(edits[i].former, ops) : canonical_of(edits[i].former),
			canonical_of(edits[i].now));
	}
}

TEST(a_long_element_put_for_a_similar_one_is_compared_with_it)
{
	struct buffer long_one = { .arena = arena };
	buffer_text(&long_one, "<b>");
	for (size_t i = 0; i < 100; i++)
		buffer_format(&long_one, "<c uri='%zu'/>", i);
	buffer_text(&long_one, "</b>");
	const char *former = arena_format(arena, "<a xmlns='urn:x'>%s</a>", long_one.data).data;
	const char *now = arena_format(
		arena, "<a xmlns='urn:x'>%.*s<d/></b></a>", (int)long_one.size - 4, long_one.data)
				  .data;
	assert_string_equal(of_edit(former, now, "a/b"),
		"<d:add xmlns=\"urn:x\" sel=\"*/*[1]/*[100]\" pos=\"after\"><d/></d:add>");
}

/* --- memory --- */

#define MUCH_FORMER                                                                     \
	"<a xmlns:p='urn:u' i='1' p:j='2'><b k='&lt;'>x<![CDATA[y]]></b>t<c/>u<!--c-->" \
	"<e uri='1'/><f xmlns:z='urn:3&amp;4'><z:g/></f></a>"
#define MUCH_NOW                                                  \
	"<a xmlns:p='urn:u' xmlns:q='urn:3&amp;4' i='2' p:k='3'>" \
	"<b k='&amp;' l=''>z<![CDATA[y]]></b><p:n/>t<!--d--><e uri='1'><m p:x=''/></e><q:h/></a>"

static void without_memory(bool edit)
{
	struct buffer ops;
	struct patch_edit facts = { SPAN("a/f"), { bound, 1 }, SPAN("") };
	enum patch_result result = PATCH_NO_MEMORY;
	for (size_t n = 1; result == PATCH_NO_MEMORY; n++) {
		struct arena *small = arena_new(1);
		assert_non_null(small);
		ops = (struct buffer){ .arena = small };
		arena_fail_at(n);
		result = edit ? patch_of_edit(small, SPAN(MUCH_FORMER), SPAN(MUCH_NOW), &facts,
				 9999, &limits, &ops)
			      : patch_between(small, SPAN(MUCH_FORMER), SPAN(MUCH_NOW), 9999,
				      &limits, &ops);
		arena_fail_at(0);
		if (result == PATCH_MADE)
			assert_string_equal(patched(MUCH_FORMER, ops.data), canonical_of(MUCH_NOW));
		arena_free(&small);
	}
	assert_int_equal(result, PATCH_MADE);
}

TEST(without_memory_there_is_no_patch)
{
	without_memory(false);
	without_memory(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_applier_does_what_rfc_5261_says),
		cmocka_unit_test(operations_apply_one_after_the_other),
		cmocka_unit_test(each_kind_of_change_has_its_operation),
		cmocka_unit_test(what_cannot_be_said_is_not_said),
		cmocka_unit_test(a_small_change_gives_a_small_patch),
		cmocka_unit_test(an_edit_becomes_one_operation),
		cmocka_unit_test(a_long_element_put_for_a_similar_one_is_compared_with_it),
		cmocka_unit_test(without_memory_there_is_no_patch),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
