/* links: usages xcap base */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/usage_world.h"

#include <time.h>

static struct usages *set;

#define LISTS(inside)                                                     \
	"<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'\n" \
	" xmlns:x='urn:x'>" inside "</resource-lists>"
#define SERVICES(inside)                                                            \
	"<rls-services xmlns='urn:ietf:params:xml:ns:rls-services'\n"               \
	" xmlns:rl='urn:ietf:params:xml:ns:resource-lists' xmlns:x='urn:x'>" inside \
	"</rls-services>"

/* --- uniqueness --- */

struct uniqueness {
	const char *auid, *body;
	const char *fields[3]; /* none: accepted */
};

static void check_fields(const struct uniqueness *one, struct arena *arena)
{
	struct span body = span_of(one->body);
	struct judgement found = judge(set, arena, one->auid, body);
	check_refused(found, one->body, CONFLICT_UNIQUENESS_FAILURE, "line 2, element ");
	const struct conflict_field *field = found.why.fields;
	for (size_t i = 0; one->fields[i]; i++, field = field->next) {
		assert_non_null(field);
		if (!span_equal_text(field->field, one->fields[i]))
			fail_msg("<%.*s> instead of <%s>", SPAN_ARG(field->field), one->fields[i]);
		chosen(arena, usages_find(set, span_of(one->auid)), field->field, body);
	}
	assert_null(field);
}

static void check_uniqueness(const struct uniqueness *cases, size_t count)
{
	struct arena *arena = arena_new(0);
	for (size_t i = 0; i < count; i++)
		if (cases[i].fields[0])
			check_fields(&cases[i], arena);
		else
			check_accepted(judge(set, arena, cases[i].auid, span_of(cases[i].body)),
				cases[i].body);
	arena_free(&arena);
}

/* RFC 4826 §3.4.5: strings compare, siblings count. */
static void values_must_differ_among_siblings_only(void **state)
{
	static const struct uniqueness cases[] = {
		{ "resource-lists", LISTS("<list/><list/>"), { NULL } },
		{ "resource-lists", LISTS("<list name=''/><list/>"), { NULL } },
		{ "resource-lists", LISTS("<list name=''/><list name=''/>"),
			{ "resource-lists/list%5B2%5D/@name" } },
		{ "resource-lists", LISTS("<list name='a'/><list name='A'/>"), { NULL } },
		{ "resource-lists", LISTS("<list name='a'><list name='a'/></list>"), { NULL } },
		{ "resource-lists",
			LISTS("<list><entry uri='a'/></list><list><entry uri='a'/></list>"),
			{ NULL } },
		{ "resource-lists",
			LISTS("<list><entry uri='sip:a@b'/><entry uri='sip:a%40b'/></list>"),
			{ NULL } },
		{ "resource-lists",
			LISTS("<list><entry uri='sip:a@b'/><entry uri='sip:a@B'/></list>"),
			{ NULL } },
		{ "resource-lists",
			LISTS("<list><entry uri='sip:a@b'/><entry uri='sip:&#97;@b'/></list>"),
			{ "resource-lists/list/entry%5B2%5D/@uri" } },
		{ "resource-lists",
			LISTS("<list><entry uri='a&amp;b'/><entry uri='a&#38;b'/></list>"),
			{ "resource-lists/list/entry%5B2%5D/@uri" } },
		{ "resource-lists",
			LISTS("<list/><list><entry uri='a'/><entry-ref ref='a'/><entry uri='a'/>"
			      "<entry-ref ref='a'/></list>"),
			{ "resource-lists/list%5B2%5D/entry%5B2%5D/@uri",
				"resource-lists/list%5B2%5D/entry-ref%5B2%5D/@ref" } },
		{ "resource-lists",
			LISTS("<list><external anchor='http://a/b'/><external anchor='http://a/b'/>"
			      "</list>"),
			{ "resource-lists/list/external%5B2%5D/@anchor" } },
		{ "resource-lists",
			LISTS("<list><entry uri='a'/><entry uri='a'/><entry uri='a'/></list>"),
			{ "resource-lists/list/entry%5B2%5D/@uri",
				"resource-lists/list/entry%5B3%5D/@uri" } },
	};
	(void)state;
	check_uniqueness(cases, COUNT(cases));
}

/* RFC 4826 §4.4.5. */
static void services_and_their_lists_differ_from_their_siblings(void **state)
{
	static const struct uniqueness cases[] = {
		{ "rls-services",
			SERVICES("<service uri='a'><list><rl:entry uri='a'/><rl:entry "
				 "uri='a'/></list>"
				 "</service>"),
			{ "rls-services/service/list/a:entry%5B2%5D/@uri"
			  "?xmlns(a=urn:ietf:params:xml:ns:resource-lists)" } },
		{ "rls-services",
			SERVICES("<service uri='a'><list name='a'><rl:list name='a'/>"
				 "<rl:list name='a'/></list></service>"),
			{ "rls-services/service/list/a:list%5B2%5D/@name"
			  "?xmlns(a=urn:ietf:params:xml:ns:resource-lists)" } },
		{ "rls-services",
			SERVICES("<service uri='a'><list name='a'/></service>"
				 "<service uri='b'><list name='a'/></service>"),
			{ NULL } },
		{ "rls-services",
			SERVICES("<service uri='a'><list/></service><service "
				 "uri='a'><list/></service>"),
			{ "rls-services/service%5B2%5D/@uri" } },
		{ "rls-services",
			SERVICES("<service uri='sip:a@b'><list/></service>"
				 "<service uri='sip%3Aa@B'><list/></service>"),
			{ "rls-services/service%5B2%5D/@uri" } },
	};
	(void)state;
	check_uniqueness(cases, COUNT(cases));
}

static void a_field_chooses_the_offender_wherever_it_stands(void **state)
{
	static const struct {
		const char *auid, *body, *value;
	} cases[] = {
		{ "resource-lists",
			LISTS("<list><entry uri='a'><x:y><z xmlns=''/><z xmlns=''><list "
			      "xmlns='urn:x'/></z></x:y></entry><entry uri='a'/></list>"),
			"a" },
		{ "rls-services",
			SERVICES("<!-- <service/> --><service uri='s'><list><rl:list/><rl:list>"
				 "<rl:display-name>n</rl:display-name><rl:entry uri='a'/><?p?>"
				 "<rl:entry uri='b'/><rl:entry uri='c'/><rl:entry "
				 "uri='b'/></rl:list>"
				 "</list></service>"),
			"b" },
	};
	struct arena *arena = arena_new(0);
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span body = span_of(cases[i].body);
		struct judgement found = judge(set, arena, cases[i].auid, body);
		check_refused(found, cases[i].body, CONFLICT_UNIQUENESS_FAILURE, "line 2");
		struct span value = chosen(arena, usages_find(set, span_of(cases[i].auid)),
			found.why.fields->field, body);
		assert_true(span_equal_text(value, cases[i].value));
	}
	arena_free(&arena);
}

/* A usage whose rules reach into other namespaces, and into none. */
#define ODD_DEFINITION                                                                \
	"<usage xmlns='urn:xcapd:usage' auid='odd' media-type='application/odd+xml'"  \
	" default-namespace='urn:odd' xmlns:p='urn:(p)^ &amp;' xmlns:q='urn:q'>"      \
	"<content judge='lax'><root element='odd'/></content><tree name='users'/>"    \
	"<rules><unique element='p:item' attribute='q:key'/><unique element='word'/>" \
	"<uri element='q:link' form='absolute'/></rules></usage>"

static void fields_bind_the_prefixes_they_need(void **state)
{
	static const struct {
		const char *body, *field, *value;
	} cases[] = {
		{ "<odd xmlns='urn:odd' xmlns:i='urn:(p)^ &amp;' xmlns:k='urn:q'>"
		  "<i:item k:key='1'/><i:item key='1'/><i:item k:key='1'/></odd>",
			"odd/a:item%5B3%5D/@b:key?xmlns(a=urn:%5E(p%5E)%5E%5E%20%26)xmlns(b=urn:q)",
			"1" },
		{ "<odd xmlns='urn:odd'><word>a</word><box><word>b</word><word><![CDATA[b]]></word>"
		  "</box></odd>",
			"odd/box/word%5B2%5D", "<word><![CDATA[b]]></word>" },
		{ "<odd xmlns='urn:odd' xmlns:o='urn:odd'><none xmlns=''/><none xmlns=''><o:word/>"
		  "<o:word/></none></odd>",
			"odd/*%5B2%5D/word%5B2%5D", "<o:word/>" },
		{ "<odd xmlns='urn:odd'><gr\xC3\xBC\xC3\x9F><word>a</word><word>a</word>"
		  "</gr\xC3\xBC\xC3\x9F></odd>",
			"odd/gr%C3%BC%C3%9F/word%5B2%5D", "<word>a</word>" },
	};
	struct folder folder;
	struct arena *arena = arena_new(0);
	(void)state;
	folder_open(&folder);
	folder_write(&folder, "odd.xml", SPAN(ODD_DEFINITION));
	struct usages *own = load(folder.path, SCHEMAS);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span body = span_of(cases[i].body);
		struct judgement found = judge(own, arena, "odd", body);
		check_refused(found, cases[i].body, CONFLICT_UNIQUENESS_FAILURE, "line 1");
		struct span field = found.why.fields->field;
		if (!span_equal_text(field, cases[i].field))
			fail_msg("<%.*s> instead of <%s>", SPAN_ARG(field), cases[i].field);
		struct span value = chosen(arena, usages_at(own, 0), field, body);
		if (!span_equal_text(value, cases[i].value))
			fail_msg("<%.*s> instead of <%s>", SPAN_ARG(value), cases[i].value);
	}
	check_refused(judge(own, arena, "odd",
			      SPAN("<odd xmlns='urn:odd'>\n<l xmlns='urn:q'/><link "
				   "xmlns='urn:q'>a/b</link></odd>")),
		"a link", CONFLICT_CONSTRAINT_FAILURE,
		"line 2, element link: must be an absolute URI");
	usages_unref(&own);
	folder_close(&folder);
	arena_free(&arena);
}

/* --- URIs --- */

static void references_are_relative_paths_and_anchors_absolute(void **state)
{
	static const struct {
		const char *inside;
		bool accepted;
	} cases[] = {
		{ "<entry-ref ref='resource-lists/users/sip:bill@example.com/index/~~/a'/>", true },
		{ "<entry-ref ref='resource-lists/users/sip%3Abill%40example.com/index'/>", true },
		{ "<entry-ref ref='a'/>", true },
		{ "<entry-ref ref=' a '/>", true }, /* xs:anyURI collapses white space */
		{ "<entry-ref ref=''/>", false },
		{ "<entry-ref ref='a b'/>", false },
		{ "<entry-ref ref='/resource-lists/users/a/index'/>", false },
		{ "<entry-ref ref='%2Fresource-lists/users/a/index'/>", false },
		{ "<entry-ref ref='//host/resource-lists'/>", false },
		{ "<entry-ref ref='http://host/resource-lists'/>", false },
		{ "<entry-ref ref='http%3A//host/resource-lists'/>", false },
		{ "<entry-ref ref='sip:a@b'/>", false },
		{ "<entry-ref ref='?a'/>", false },
		{ "<entry-ref ref='#a'/>", false },
		{ "<external anchor='http://xcap.example.org/resource-lists/users/a/index'/>",
			true },
		{ "<external anchor='https://xcap.example.org'/>", true },
		{ "<external anchor='HTTP://xcap.example.org/'/>", true },
		{ "<external anchor='http%3A//xcap.example.org/a'/>", true },
		{ "<external anchor='http://'/>", false },
		{ "<external anchor='http:///a'/>", false },
		{ "<external anchor='http:a'/>", false },
		{ "<external anchor='ftp://a/b'/>", false },
		{ "<external anchor='httpx://a/b'/>", false },
		{ "<external anchor='resource-lists/users/a/index'/>", false },
		{ "<external anchor=''/>", false },
		{ "<external/>", false },
	};
	struct arena *arena = arena_new(0);
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span body =
			with(arena, SPAN(LISTS("<list>INSIDE</list>")), "INSIDE", cases[i].inside);
		struct judgement found = judge(set, arena, "resource-lists", body);
		if (cases[i].accepted)
			check_accepted(found, cases[i].inside);
		else
			check_refused(found, cases[i].inside, CONFLICT_CONSTRAINT_FAILURE,
				"line 2, element e");
	}
	arena_free(&arena);
}

/* RFC 4826 §4.4.5. The XCAP root may be any. */
static void a_resource_list_lies_in_its_owners_home(void **state)
{
	static const struct {
		const char *uri;
		bool users, global; /* accepted in that tree */
	} cases[] = {
		{ "http://x.org/resource-lists/users/sip:joe@example.com/index", true, true },
		{ "https://x.org/r/oo/t/resource-lists/users/sip:joe@example.com/index/~~/a", true,
			true },
		{ "http://x.org/resource-lists/users/sip%3Ajoe%40example.com/index", true, true },
		{ "http%3A//x.org/resource-lists/users/sip%3Ajoe%40example.com/index", true, true },
		{ "http%3A%2F%2Fx.org%2Fresource-lists%2Fusers%2Fsip%3Ajoe%40example.com%2Findex",
			true, true },
		{ "http://x.org/resource-lists/users/joe@example.com/index", true, true },
		{ "http://x.org/resource-lists/users/joe/index", true, true },
		{ "http://x.org/resource-lists/users/sip:joe@EXAMPLE.com/index", true, true },
		{ "http://x.org/%72esource-lists/%75sers/sip:joe@example.com/index", true, true },
		{ "http://x.org/users/mine/resource-lists/users/joe/index", true, true },
		{ "\n http://x.org/resource-lists/users/joe/index \n", true, true },
		{ "http://x.org/resource-lists/users/sip:bob@example.com/index", false, true },
		{ "http://x.org/resource-lists/users/sip:joe@example.org/index", false, true },
		{ "http://x.org/resource-lists/users/sip:Joe@example.com/index", false, true },
		{ "http://x.org/resource-lists/users/bob/resource-lists/users/joe/index", false,
			true },
		{ "http://x.org/resource-lists/users/bob/../joe/index", false, true },
		{ "http://x.org/resource-lists/users/../users/joe/index", false, false },
		{ "http://x.org/resource-lists/users/%2E%2E/joe/index", false, false },
		{ "http://x.org/a/../resource-lists/users/joe/index", false, false },
		{ "http://x.org/resource-lists/users//index", false, true },
		{ "http://x.org/resource-lists/users", false, true },
		{ "http://x.org/resource-lists/global/index", false, false },
		{ "http://x.org/resource-lists/joe/index", false, false },
		{ "http://x.org/pres-rules/users/joe/index", false, false },
		{ "http://x.org/pres-rules/users/joe/resource-lists/users/joe/index", false,
			false },
		{ "http://x.org/root/~~/resource-lists/users/joe/index", false, false },
		{ "http://x.org/root?resource-lists/users/joe/index", false, false },
		{ "http://x.org/root#/resource-lists/users/joe/index", false, false },
		{ "http://resource-lists/users/joe/index", false, false },
		{ "http://x.org", false, false },
		{ "resource-lists/users/joe/index", false, false },
		{ "sip:joe@example.com", false, false },
		{ "", false, false },
	};
	struct arena *arena = arena_new(0);
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span body = with(arena,
			SPAN(SERVICES("<service uri='sip:s@example.com'>"
				      "<resource-list>URI</resource-list></service>")),
			"URI", cases[i].uri);
		struct doc_id global = { SPAN("rls-services"), TREE_GLOBAL, SPAN(""),
			SPAN("index") };
		struct judgement users = judge(set, arena, "rls-services", body);
		if (users.accepted != cases[i].users)
			fail_msg("%s in users: %.*s", cases[i].uri, SPAN_ARG(users.why.phrase));
		if (!users.accepted)
			check_refused(users, cases[i].uri, CONFLICT_CONSTRAINT_FAILURE,
				"line 2, element resource-list: ");
		struct judgement found = judge_as(set, arena, &global, body);
		if (found.accepted != cases[i].global)
			fail_msg("%s in global: %.*s", cases[i].uri, SPAN_ARG(found.why.phrase));
	}
	arena_free(&arena);
}

/* --- claims --- */

static void services_claim_their_uris_in_one_spelling(void **state)
{
	static const struct {
		const char *uri, *value;
	} cases[] = {
		{ "sip:friends@example.com", "sip:friends@example.com" },
		{ "SIP:friends@Example.COM", "sip:friends@example.com" },
		{ "sip%3Afriends%40example.com", "sip:friends@example.com" },
		{ "sip:%66riends@example.com", "sip:friends@example.com" },
		{ "sip:Friends@example.com", "sip:Friends@example.com" },
		{ "sip:friends@example.com;Transport=UDP;a=b",
			"sip:friends@example.com;a=b;transport=udp" },
		{ "sip:friends@example.com?subject=x", "sip:friends@example.com" },
		{ "sip:friends@example.com;user=phone?a=b", "sip:friends@example.com;user=phone" },
		{ "tel:+1555", "tel:+1555" },
		{ "pres:a@B", "pres:a@b" },
		{ " sip:a@b ", "sip:a@b" },
	};
	struct arena *arena = arena_new(0);
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span body = with(arena,
			SPAN(SERVICES("<service uri='URI'><list/></service>"
				      "<service uri='other'><list/></service>")),
			"URI", cases[i].uri);
		struct judgement found = judge(set, arena, "rls-services", body);
		check_accepted(found, cases[i].uri);
		assert_int_equal(found.verdict.claim_count, 2);
		assert_true(span_equal_text(found.verdict.claims[0].scope, "service-uri"));
		if (!span_equal_text(found.verdict.claims[0].value, cases[i].value))
			fail_msg("%s: %.*s", cases[i].uri, SPAN_ARG(found.verdict.claims[0].value));
	}
	arena_free(&arena);
}

static void other_usages_claim_nothing(void **state)
{
	struct arena *arena = arena_new(0);
	(void)state;
	struct judgement found =
		judge(set, arena, "resource-lists", SPAN(LISTS("<list><entry uri='a'/></list>")));
	check_accepted(found, "a list");
	assert_int_equal(found.verdict.claim_count, 0);
	arena_free(&arena);
}

static void a_taken_uri_is_told_with_its_place_and_others_to_try(void **state)
{
	struct arena *arena = arena_new(0);
	struct conflict why = { .arena = arena };
	struct claim claim = { .scope = SPAN("service-uri"),
		.value = SPAN("sip:friends@example.com") };
	struct span body =
		SPAN(SERVICES("<service uri='a'><list/></service>\n"
			      "<service uri='sip%3Afriends%40example.com'><list/></service>"));
	(void)state;
	const struct usage *usage = usages_find(set, SPAN("rls-services"));
	usage_taken(usage, arena, body, &claim, NULL, NULL, &why);
	assert_int_equal(why.kind, CONFLICT_UNIQUENESS_FAILURE);
	assert_true(span_starts(why.phrase, SPAN("line 3, element service, attribute uri: ")));
	assert_true(span_equal_text(why.fields->field, "rls-services/service%5B2%5D/@uri"));
	assert_true(span_equal_text(
		chosen(arena, usage, why.fields->field, body), "sip%3Afriends%40example.com"));
	assert_true(why.fields->alternative_count >= 1);
	for (size_t i = 0; i < why.fields->alternative_count; i++) {
		struct span other = why.fields->alternatives[i];
		assert_true(span_starts(other, SPAN("sip:friends-")));
		assert_true(span_ends(other, SPAN("@example.com")));
		struct span again = with(arena, body, "sip%3Afriends%40example.com", other.data);
		check_accepted(judge(set, arena, "rls-services", again), other.data);
	}
	arena_free(&arena);
}

/* --- answers --- */

#define ERROR_DEFINITION                                                               \
	"<usage xmlns='urn:xcapd:usage' auid='xcap-error'"                             \
	" media-type='application/xcap-error+xml'"                                     \
	" default-namespace='urn:ietf:params:xml:ns:xcap-error'>"                      \
	"<content judge='strict' schema='xcap-error.xsd'><root element='xcap-error'/>" \
	"</content><tree name='users'/></usage>"

static void every_refusal_makes_a_valid_error_document(void **state)
{
	static const char *const bodies[] = {
		LISTS("<list><entry uri='a'/><entry uri='a'/></list>"),
		LISTS("<list name='&lt;&quot;'/><list name='&lt;&quot;'/>"),
		LISTS("<list><external/></list>"),
		LISTS("<bogus/>"),
		"<a>",
		"\xFF",
	};
	struct folder folder;
	struct arena *arena = arena_new(0);
	(void)state;
	folder_open(&folder);
	folder_write(&folder, "error.xml", SPAN(ERROR_DEFINITION));
	struct usages *own = load(folder.path, SCHEMAS);
	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct judgement found = judge(set, arena, "resource-lists", span_of(bodies[i]));
		assert_false(found.accepted);
		struct span body = conflict_body(arena, &found.why);
		check_accepted(judge(own, arena, "xcap-error", body), body.data);
	}
	usages_unref(&own);
	folder_close(&folder);
	arena_free(&arena);
}

/* --- size --- */

static struct span many_entries(struct arena *arena, size_t count, const char *last)
{
	struct buffer body = { .arena = arena };
	buffer_text(
		&body, "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list>\n");
	for (size_t i = 0; i < count; i++)
		buffer_format(&body,
			"<entry uri='sip:user%zu@example.com'><display-name>User %zu</display-name>"
			"</entry>\n",
			i, i);
	buffer_text(&body, last);
	buffer_text(&body, "</list></resource-lists>");
	assert_non_null(buffer_span(&body).data);
	return buffer_span(&body);
}

static void ten_thousand_entries_are_judged_and_one_duplicate_found(void **state)
{
	struct arena *arena = arena_new(0);
	(void)state;
	struct span body = many_entries(arena, 10000, "");
	clock_t start = clock();
	check_accepted(judge(set, arena, "resource-lists", body), "10,000 entries");
	double ms = (double)(clock() - start) * 1000 / CLOCKS_PER_SEC;
	assert_true(ms < 3000); /* 20 ms where nothing slows the run down */
	body = many_entries(arena, 10000, "<entry uri='sip:user4711@example.com'/>");
	struct judgement found = judge(set, arena, "resource-lists", body);
	check_refused(found, "a duplicate", CONFLICT_UNIQUENESS_FAILURE,
		"line 10002, element entry, attribute uri: the same value as on line 4713");
	assert_true(span_equal_text(
		found.why.fields->field, "resource-lists/list/entry%5B10001%5D/@uri"));
	arena_free(&arena);
}

static void many_duplicates_make_a_short_answer(void **state)
{
	struct arena *arena = arena_new(0);
	struct buffer body = { .arena = arena };
	size_t fields = 0;
	(void)state;
	buffer_text(&body, "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list>");
	for (size_t i = 0; i < 20000; i++)
		buffer_text(&body, "<entry uri='a'/>");
	buffer_text(&body, "</list></resource-lists>");
	struct judgement found = judge(set, arena, "resource-lists", buffer_span(&body));
	check_refused(found, "all the same", CONFLICT_UNIQUENESS_FAILURE, "line 1");
	for (const struct conflict_field *f = found.why.fields; f; f = f->next)
		fields++;
	assert_in_range(fields, 1, 16);
	arena_free(&arena);
}

static void a_document_over_the_usages_cap_is_refused(void **state)
{
	struct folder folder;
	struct arena *arena = arena_new(0);
	(void)state;
	folder_open(&folder);
	folder_write(&folder, "odd.xml",
		with(arena, SPAN(ODD_DEFINITION), "judge='lax'", "judge='lax' most='1K'"));
	struct usages *own = load(folder.path, SCHEMAS);
	char *text = arena_zero(arena, 1200);
	memset(text, ' ', 1199);
	struct span body = SPAN("<odd xmlns='urn:odd'/>");
	check_accepted(judge(own, arena, "odd", body), "small");
	body = arena_format(arena, "%.*s%s", SPAN_ARG(body), text);
	check_refused(judge(own, arena, "odd", body), "large", CONFLICT_CONSTRAINT_FAILURE, "");
	check_accepted(judge(own, arena, "odd", span_first(body, 1024)), "at the cap");
	usages_unref(&own);
	folder_close(&folder);
	arena_free(&arena);
}

static int start(void **state)
{
	start_usages(state);
	set = load_shipped();
	return 0;
}

static int stop(void **state)
{
	usages_unref(&set);
	return stop_usages(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_must_differ_among_siblings_only),
		cmocka_unit_test(services_and_their_lists_differ_from_their_siblings),
		cmocka_unit_test(a_field_chooses_the_offender_wherever_it_stands),
		cmocka_unit_test(fields_bind_the_prefixes_they_need),
		cmocka_unit_test(references_are_relative_paths_and_anchors_absolute),
		cmocka_unit_test(a_resource_list_lies_in_its_owners_home),
		cmocka_unit_test(services_claim_their_uris_in_one_spelling),
		cmocka_unit_test(other_usages_claim_nothing),
		cmocka_unit_test(a_taken_uri_is_told_with_its_place_and_others_to_try),
		cmocka_unit_test(every_refusal_makes_a_valid_error_document),
		cmocka_unit_test(ten_thousand_entries_are_judged_and_one_duplicate_found),
		cmocka_unit_test(many_duplicates_make_a_short_answer),
		cmocka_unit_test(a_document_over_the_usages_cap_is_refused),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
