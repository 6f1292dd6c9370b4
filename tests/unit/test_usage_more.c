/* links: usages xcap base */
/* SPDX-License-Identifier: BSD-2-Clause */
/* What a definition may bring along: a stylesheet, templates, views, aliases of names, what claims
 * show. */
#include "unit/usage_world.h"

#define XSL(inside)                                                                         \
	"<xsl:stylesheet version='1.0' xmlns:xsl='http://www.w3.org/1999/XSL/Transform'>\n" \
	"<xsl:param name='xui'/><xsl:param name='path'/>\n" inside "</xsl:stylesheet>"
#define DEFINITION(content, tree, rules)                                           \
	"<usage xmlns='urn:xcapd:usage' auid='a' media-type='application/a+xml'\n" \
	" default-namespace='urn:a'>\n" content "\n" tree "\n" rules "</usage>"
#define SHEET "<content judge='lax' stylesheet='a.xsl'><root element='a'/></content>"
#define PLAIN "<content judge='lax'><root element='a'/></content>"
#define USERS "<tree name='users'/>"

static struct usages *shipped;

static struct usages *set_of(const char *definition, const char *extra_name, const char *extra)
{
	struct folder folder;
	folder_open(&folder);
	folder_write(&folder, "a.xml", span_of(definition));
	if (extra)
		folder_write(&folder, extra_name, span_of(extra));
	struct usages *set = load(folder.path, SCHEMAS);
	folder_close(&folder);
	return set;
}

/* --- stylesheets --- */

static void a_stylesheet_says_what_is_wrong(void **state)
{
	(void)state;
	struct arena *arena = arena_new(0);
	struct usages *set = set_of(DEFINITION(SHEET, USERS, ""), "a.xsl",
		XSL("<xsl:template match='/*'>"
		    "<xsl:if test='@bad'><constraint-failure phrase='{@bad} of {$xui} "
		    "{$path}'/></xsl:if>"
		    "<xsl:if test='@twice'><uniqueness-failure phrase='p'><exists field='a/@x'>"
		    "<alt-value>y</alt-value></exists></uniqueness-failure></xsl:if>"
		    "<xsl:if test='@odd'><whatever/></xsl:if></xsl:template>"));
	check_accepted(judge(set, arena, "a", SPAN("<a xmlns='urn:a'>text</a>")), "well");
	check_refused(judge(set, arena, "a", SPAN("<a xmlns='urn:a' bad='it&apos;s \"so\"'/>")),
		"bad", CONFLICT_CONSTRAINT_FAILURE, "it's \"so\" of " JOE " index");
	struct judgement twice = judge(set, arena, "a", SPAN("<a xmlns='urn:a' twice=''/>"));
	check_refused(twice, "twice", CONFLICT_UNIQUENESS_FAILURE, "p");
	assert_true(span_equal_text(twice.why.fields->field, "a/@x"));
	assert_int_equal(twice.why.fields->alternative_count, 1);
	assert_true(span_equal_text(twice.why.fields->alternatives[0], "y"));
	check_refused(judge(set, arena, "a", SPAN("<a xmlns='urn:a' odd=''/>")), "odd",
		CONFLICT_CONSTRAINT_FAILURE, "a rule of this usage does not hold");
	usages_unref(&set);
	arena_free(&arena);
}

/* A loop, a deep recursion and a search without end are cut short; what a stylesheet would read or
 * write is not there. */
static void a_stylesheet_is_fenced(void **state)
{
	static const char *const evil[] = {
		"<xsl:template match='/*'><xsl:call-template name='n'/></xsl:template>"
		"<xsl:template name='n'><xsl:call-template name='n'/></xsl:template>",
		"<xsl:template match='/*'><xsl:if test='count(//b[count(//b[count(//b[count(//b) "
		"> 1]) > 1]) > 1]) > 1'/></xsl:template>",
		"<xsl:template match='/*'><xsl:copy-of select=\"document('/etc/passwd')\"/>"
		"<xsl:if test=\"not(document('a.xml'))\"><constraint-failure/></xsl:if>"
		"</xsl:template>",
	};
	(void)state;
	struct arena *arena = arena_new(0);
	struct buffer body = { .arena = arena };
	buffer_text(&body, "<a xmlns='urn:a'>");
	for (size_t i = 0; i < 3000; i++)
		buffer_text(&body, "<b xmlns=''/>");
	buffer_text(&body, "</a>");
	for (size_t i = 0; i < COUNT(evil); i++) {
		const char *sheet = arena_format(arena, XSL("%s"), evil[i]).data;
		struct usages *set = set_of(DEFINITION(SHEET, USERS, ""), "a.xsl", sheet);
		check_refused(judge(set, arena, "a", buffer_span(&body)), evil[i],
			CONFLICT_CONSTRAINT_FAILURE, "");
		usages_unref(&set);
	}
	arena_free(&arena);
}

static void a_stylesheet_cannot_write(void **state)
{
	(void)state;
	struct arena *arena = arena_new(0);
	const char *sheet = "<xsl:stylesheet version='1.1' extension-element-prefixes='e'"
			    " xmlns:xsl='http://www.w3.org/1999/XSL/Transform'"
			    " xmlns:e='http://exslt.org/common'><xsl:template match='/*'>"
			    "<e:document href='/tmp/xcapd-stylesheet-wrote'>x</e:document>"
			    "<xsl:document href='/tmp/xcapd-stylesheet-wrote'>x</xsl:document>"
			    "</xsl:template></xsl:stylesheet>";
	struct usages *set = set_of(DEFINITION(SHEET, USERS, ""), "a.xsl", sheet);
	judge(set, arena, "a", SPAN("<a xmlns='urn:a'/>"));
	assert_int_not_equal(access("/tmp/xcapd-stylesheet-wrote", F_OK), 0);
	usages_unref(&set);
	arena_free(&arena);
}

/* --- what is told of bad definitions --- */

static void a_bad_companion_is_told_with_file_and_line(void **state)
{
#define TEMPLATE "<tree name='users'><document name='d' template='a.template'/></tree>"
	static const struct {
		const char *definition, *name, *file, *problem;
	} cases[] = {
		{ DEFINITION(SHEET, USERS, ""), NULL, NULL, "a.xsl: No such file" },
		{ DEFINITION(SHEET, USERS, ""), "a.xsl", "<a>", "a.xsl:1: " },
		{ DEFINITION(SHEET, USERS, ""), "a.xsl", "<a/>", "a.xsl" },
		{ DEFINITION(SHEET, USERS, ""), "a.xsl",
			XSL("<xsl:template match='/*'>\n<xsl:if test='('/></xsl:template>"),
			"a.xsl:4: " },
		{ DEFINITION(SHEET, USERS, ""), "a.xsl", XSL("<xsl:include href='b.xsl'/>"),
			"a.xsl" },
		{ DEFINITION(PLAIN, TEMPLATE, ""), NULL, NULL, "a.template: No such file" },
		{ DEFINITION(PLAIN, TEMPLATE, ""), "a.template", "\n<b/>",
			"a.template:2: element b: the root" },
		{ DEFINITION(PLAIN, TEMPLATE, "<rules><claim element='a' scope='s'/></rules>"),
			"a.template", "<a xmlns='urn:a'>sip:x</a>",
			"a.template: a template cannot" },
		{ DEFINITION(PLAIN, "<tree name='users'>\n<document pattern='*' alias='b'/></tree>",
			  ""),
			NULL, NULL, "a.xml:5: element document: an alias or template needs" },
		{ DEFINITION("<content judge='lax'><root element='a'/>\n<extension "
			     "schema='rpid.xsd'/></content>",
			  USERS, ""),
			NULL, NULL, "a.xml:3: element content: only a strict judge" },
		{ DEFINITION(PLAIN,
			  "<tree name='users' generated='claims'><document name='a'/></tree>", ""),
			NULL, NULL, "a.xml:2: element usage: generated=\"claims\" needs" },
		{ DEFINITION(PLAIN, USERS, "<notifies event='presence' effect='joy'/>"), NULL, NULL,
			"a.xml:5: element notifies, attribute effect: " },
		{ DEFINITION("<content judge='strict' schema='pidf.xsd'><root element='a'/>"
			     "<extension schema='none.xsd'/></content>",
			  USERS, ""),
			NULL, NULL, "a.xml:3: schema none.xsd: No such file" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct folder folder;
		struct usages *set;
		char *text = NULL;
		size_t size;
		folder_open(&folder);
		folder_write(&folder, "a.xml", span_of(cases[i].definition));
		if (cases[i].name)
			folder_write(&folder, cases[i].name, span_of(cases[i].file));
		FILE *problems = open_memstream(&text, &size);
		bool loaded = usages_load(&set, folder.path, SCHEMAS, problems);
		fclose(problems);
		if (loaded || strncmp(text, folder.path, strlen(folder.path)) != 0
			|| !strstr(text, cases[i].problem))
			fail_msg("%zu: <%s> instead of <%s>", i, text, cases[i].problem);
		free(text);
		folder_close(&folder);
	}
}

static void a_draft_takes_the_place_of_its_namesake(void **state)
{
	(void)state;
	struct folder here, there;
	struct usages *set;
	char path[160];
	folder_open(&here);
	folder_open(&there);
	folder_write(&here, "a.xml", SPAN("<broken"));
	folder_write(&there, "a.xml", span_of(DEFINITION(SHEET, USERS, "")));
	folder_write(&there, "a.xsl", span_of(XSL("")));
	snprintf(path, sizeof(path), "%s/a.xml", there.path);
	assert_true(usages_load_draft(&set, here.path, SCHEMAS, path, stderr));
	assert_int_equal(usages_count(set), 1);
	usages_unref(&set);
	folder_close(&here);
	folder_close(&there);
}

/* --- names, templates --- */

static void an_alias_of_a_name_is_the_same_document(void **state)
{
	(void)state;
	struct doc_id id = { SPAN("org.etsi.ngn.simservs"), TREE_USERS, SPAN(JOE),
		SPAN("simservs") };
	const struct usage *usage = usages_find(shipped, id.auid);
	usage_canonical(usage, &id);
	assert_true(span_equal_text(id.auid, "simservs.ngn.etsi.org"));
	assert_true(span_equal_text(id.path, "simservs.xml"));
	struct doc_id other = { SPAN("a"), TREE_USERS, SPAN(JOE), SPAN("simservs.xm") };
	usage_canonical(usage, &other);
	assert_true(span_equal_text(other.path, "simservs.xm"));
}

static void a_template_is_there_for_its_document_alone(void **state)
{
	(void)state;
	struct arena *arena = arena_new(0);
	struct etag etag;
	struct doc_id id = { SPAN("simservs.ngn.etsi.org"), TREE_USERS, SPAN(JOE),
		SPAN("simservs.xml") };
	const struct usage *usage = usages_find(shipped, id.auid);
	struct span body = usage_template(usage, &id, &etag);
	assert_non_null(body.data);
	assert_true(etag.number != 0);
	check_accepted(judge_as(shipped, arena, &id, body), "the template");
	id.path = SPAN("other.xml");
	assert_null(usage_template(usage, &id, &etag).data);
	id.auid = SPAN("resource-lists");
	assert_null(usage_template(usages_find(shipped, id.auid), &id, &etag).data);
	arena_free(&arena);
}

/* --- views --- */

#define ICON(type, data)                                                                \
	"<content xmlns='urn:oma:xml:prs:pres-content'><mime-type>" type "</mime-type>" \
	"<encoding>base64</encoding><data>" data "</data></content>"

static void a_view_is_what_accept_asks_for(void **state)
{
	static const struct {
		const char *accept, *body, *octets; /* NULL: the document */
	} cases[] = {
		{ "image/png", ICON("image/png", "YWJj"), "abc" },
		{ "IMAGE/PNG", ICON("image/png", "YWJj"), NULL },
		{ "image/*", ICON("image/png", "YWI="), "ab" },
		{ "image/*", ICON("image/png", "YQ=="), "a" },
		{ "text/html, image/*;q=0.5", ICON("image/gif", "\n YW\n Jj \n"), "abc" },
		{ "*/*;q=0.1, image/png ; q=0.001", ICON("image/png", "YWJj"), "abc" },
		{ "image/png;q=0", ICON("image/png", "YWJj"), NULL },
		{ "image/*, image/png;q=0", ICON("image/png", "YWJj"), NULL },
		{ "image/png;q=0.0000", ICON("image/png", "YWJj"), NULL },
		{ "image/jpeg", ICON("image/png", "YWJj"), NULL },
		{ "*/*", ICON("image/png", "YWJj"), NULL },
		{ "image/*;q=0.4, application/vnd.oma.pres-content+xml", ICON("image/png", "YWJj"),
			NULL },
		{ "image/*", ICON("text/html", "YWJj"), NULL },
		{ "image/*", ICON("image/svg+xml", "YWJj"), NULL },
		{ "image/*", ICON("image/png", "YWJ"), NULL },
		{ "image/*", ICON("image/png", "Y=Jj"), NULL },
		{ "image/*", ICON("image/png", "Y==="), NULL },
		{ "image/*", ICON("image/png", "YW-j"), NULL },
		{ "image/*", "<content xmlns='urn:oma:xml:prs:pres-content'/>", NULL },
		{ "", ICON("image/png", "YWJj"), NULL },
		{ ",;,image/;;q=,=", ICON("image/png", "YWJj"), NULL },
	};
	(void)state;
	const struct usage *usage = usages_find(shipped, SPAN("oma_status-icon"));
	struct arena *arena = arena_new(0);
	assert_true(usage_has_view(usage));
	assert_false(usage_has_view(usages_find(shipped, SPAN("resource-lists"))));
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span type, octets;
		bool viewed = usage_view(usage, arena, span_of(cases[i].accept),
			span_of(cases[i].body), &type, &octets);
		if (viewed != (cases[i].octets != NULL)
			|| (viewed && !span_equal_text(octets, cases[i].octets)))
			fail_msg("%zu: Accept: %s", i, cases[i].accept);
	}
	arena_free(&arena);
}

/* --- what claims show --- */

#define RLS "urn:ietf:params:xml:ns:rls-services"
#define RL "urn:ietf:params:xml:ns:resource-lists"

static void a_service_stands_by_itself_with_the_namespaces_it_needs(void **state)
{
	static const struct {
		const char *body, *content;
	} cases[] = {
		{ "<rls-services xmlns='" RLS
		  "'><service uri='sip:a'><list/></service></rls-services>",
			"<service uri='sip:a'><list/></service>\n" },
		{ "<s:rls-services xmlns:s='" RLS
		  "' xmlns:n='urn:n'><s:service uri='sip:a'><s:list/>"
		  "</s:service></s:rls-services>",
			"<s:service xmlns=\"\" xmlns:s='" RLS
			"' uri='sip:a'><s:list/></s:service>\n" },
		{ "<rls-services xmlns='" RLS "' xmlns:l=\"" RL "\"><!-- <service/> -->"
		  "<service xmlns:x='urn:x' uri='sip:a'><list><l:entry uri='sip:b'/></list>"
		  "</service></rls-services>",
			"<service xmlns:l=\"" RL "\" xmlns:x='urn:x' uri='sip:a'><list>"
			"<l:entry uri='sip:b'/></list></service>\n" },
		{ "<s:rls-services xmlns:s='" RLS "' xmlns='urn:d'><s:service xmlns='" RLS
		  "' uri='sip:a'><list/></s:service></s:rls-services>",
			"<s:service xmlns:s='" RLS "' xmlns='" RLS
			"' uri='sip:a'><list/></s:service>\n" },
		{ "<s:rls-services xmlns:s='" RLS
		  "' xmlns='urn:&quot;d&amp;'><s:service uri='sip:a'>"
		  "<s:list/></s:service></s:rls-services>",
			"<s:service xmlns=\"urn:&quot;d&amp;\" xmlns:s='" RLS
			"' uri='sip:a'><s:list/></s:service>\n" },
	};
	(void)state;
	struct arena *arena = arena_new(0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct judgement found =
			judge(shipped, arena, "rls-services", span_of(cases[i].body));
		check_accepted(found, cases[i].body);
		assert_int_equal(found.verdict.claim_count, 1);
		if (!span_equal_text(found.verdict.claims[0].content, cases[i].content))
			fail_msg("<%.*s> instead of <%s>",
				SPAN_ARG(found.verdict.claims[0].content), cases[i].content);
	}
	struct doc_id other = { SPAN("rls-services"), TREE_USERS, SPAN(JOE), SPAN("other") };
	struct judgement hidden = judge_as(shipped, arena, &other, span_of(cases[0].body));
	check_accepted(hidden, "another document");
	assert_int_equal(hidden.verdict.claims[0].content.size, 0);
	arena_free(&arena);
}

static void declarations_made_explicit_do_not_blow_a_document_up(void **state)
{
	(void)state;
	struct arena *arena = arena_new(0);
	struct buffer body = { .arena = arena };
	buffer_text(&body, "<rls-services xmlns='" RLS "' xmlns:l='" RL "' xmlns:long='urn:");
	for (size_t i = 0; i < 100000; i++)
		buffer_octet(&body, 'x');
	buffer_text(&body, "'>");
	for (size_t i = 0; i < 1000; i++)
		buffer_format(&body,
			"<service uri='sip:%zu'><list><l:entry uri='long:x'/></list></service>", i);
	buffer_text(&body, "</rls-services>");
	check_refused(judge(shipped, arena, "rls-services", buffer_span(&body)), "blown up",
		CONFLICT_CONSTRAINT_FAILURE, "element service: with its namespace");
	arena_free(&arena);
}

static void a_claim_tells_the_user_it_would_collide_with(void **state)
{
	static const struct {
		const char *uri, *user;
	} cases[] = {
		{ "sip:bob@example.com", "sip:bob@example.com" },
		{ "sip%3Abob%40EXAMPLE.com;a=b?c", "sip:bob@example.com" },
		{ "tel:+1-555", "tel:+1555" },
	};
	(void)state;
	struct arena *arena = arena_new(0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span body = arena_format(arena,
			"<rls-services xmlns='" RLS "'><service uri='%s'><list/></service>"
			"</rls-services>",
			cases[i].uri);
		struct judgement found = judge(shipped, arena, "rls-services", body);
		check_accepted(found, cases[i].uri);
		if (!span_equal_text(found.verdict.claims[0].user, cases[i].user))
			fail_msg("%s: %.*s", cases[i].uri, SPAN_ARG(found.verdict.claims[0].user));
	}
	arena_free(&arena);
}

static void a_selector_for_one_service_is_one_look_up(void **state)
{
	static const struct {
		const char *node, *value; /* NULL: all are needed */
	} cases[] = {
		{ "rls-services/service%5B@uri=%22sip:A@Example.com%22%5D", "sip:A@example.com" },
		{ "rls-services/service%5B@uri=%22x%22%5D/packages/package%5B1%5D", "x" },
		{ "rls-services/service%5B@uri=%22x%22%5D/@uri", "x" },
		{ "rls-services/service%5B1%5D%5B@uri=%22x%22%5D", NULL },
		{ "rls-services/*%5B@uri=%22x%22%5D", NULL },
		{ "rls-services/service%5B@url=%22x%22%5D", NULL },
		{ "rls-services/service", NULL },
		{ "rls-services", NULL },
		{ "services/service%5B@uri=%22x%22%5D", NULL },
	};
	(void)state;
	struct arena *arena = arena_new(0);
	const struct usage *usage = usages_find(shipped, SPAN("rls-services"));
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct bindings none = { NULL, 0 };
		struct selector *selector;
		const char *why;
		struct span value;
		assert_int_equal(selector_parse(arena, span_of(cases[i].node), &none,
					 usage_default_namespace(usage), &selector, &why),
			SELECTOR_OK);
		bool one = usage_shown_one(usage, arena, selector, &value);
		if (one != (cases[i].value != NULL)
			|| (one && !span_equal_text(value, cases[i].value)))
			fail_msg("%s", cases[i].node);
	}
	arena_free(&arena);
}

/* --- notices --- */

static void what_a_change_means_for_others_is_data(void **state)
{
	static const struct {
		const char *auid, *effects;
	} cases[] = {
		{ "resource-lists", "presence lists presence authorization " },
		{ "rls-services", "presence services " },
		{ "pres-rules", "presence authorization " },
		{ "org.openmobilealliance.pres-rules", "presence authorization " },
		{ "pidf-manipulation", "presence composition " },
		{ "org.openmobilealliance.pres-content", "presence icon " },
		{ "simservs.ngn.etsi.org", "simservs telephony " },
		{ "xcap-caps", "" },
	};
	(void)state;
	struct arena *arena = arena_new(0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct notice *notices;
		struct buffer text = { .arena = arena };
		buffer_text(&text, "");
		size_t count =
			usage_notices(usages_find(shipped, span_of(cases[i].auid)), &notices);
		for (size_t j = 0; j < count; j++)
			buffer_format(&text, "%.*s %.*s ", SPAN_ARG(notices[j].event),
				SPAN_ARG(notices[j].effect));
		assert_string_equal(text.data, cases[i].effects);
	}
	arena_free(&arena);
}

static int start(void **state)
{
	start_usages(state);
	shipped = load_shipped();
	return 0;
}

static int stop(void **state)
{
	usages_unref(&shipped);
	return stop_usages(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stylesheet_says_what_is_wrong),
		cmocka_unit_test(a_stylesheet_is_fenced),
		cmocka_unit_test(a_stylesheet_cannot_write),
		cmocka_unit_test(a_bad_companion_is_told_with_file_and_line),
		cmocka_unit_test(a_draft_takes_the_place_of_its_namesake),
		cmocka_unit_test(an_alias_of_a_name_is_the_same_document),
		cmocka_unit_test(a_template_is_there_for_its_document_alone),
		cmocka_unit_test(a_view_is_what_accept_asks_for),
		cmocka_unit_test(a_service_stands_by_itself_with_the_namespaces_it_needs),
		cmocka_unit_test(declarations_made_explicit_do_not_blow_a_document_up),
		cmocka_unit_test(a_claim_tells_the_user_it_would_collide_with),
		cmocka_unit_test(a_selector_for_one_service_is_one_look_up),
		cmocka_unit_test(what_a_change_means_for_others_is_data),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
