/* links: usages xcap base */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/usage_world.h"

static struct usages *set;

static const struct usage *shipped(const char *auid)
{
	const struct usage *usage = usages_find(set, span_of(auid));
	assert_non_null(usage);
	return usage;
}

static void check_span(struct span found, const char *wanted)
{
	if (!span_equal_text(found, wanted))
		fail_msg("<%.*s> instead of <%s>", SPAN_ARG(found), wanted);
}

static void the_shipped_usages_are_what_their_rfcs_say(void **state)
{
	static const struct {
		const char *auid, *media_type, *space;
		bool generated;
	} wanted[] = {
		{ "org.openmobilealliance.pres-rules", "application/auth-policy+xml",
			"urn:ietf:params:xml:ns:common-policy", false },
		{ "pres-rules", "application/auth-policy+xml", "urn:ietf:params:xml:ns:pres-rules",
			false },
		{ "resource-lists", "application/resource-lists+xml",
			"urn:ietf:params:xml:ns:resource-lists", false },
		{ "rls-services", "application/rls-services+xml",
			"urn:ietf:params:xml:ns:rls-services", false },
		{ "xcap-caps", "application/xcap-caps+xml", "urn:ietf:params:xml:ns:xcap-caps",
			true },
	};
	(void)state;
	assert_true(usages_count(set) >= COUNT(wanted));
	for (size_t i = 0; i < COUNT(wanted); i++) {
		const struct usage *usage = shipped(wanted[i].auid);
		check_span(usage_auid(usage), wanted[i].auid);
		check_span(usage_media_type(usage), wanted[i].media_type);
		check_span(usage_default_namespace(usage), wanted[i].space);
		struct doc_id id = { usage_auid(usage), TREE_USERS, SPAN(JOE), SPAN("index") };
		assert_int_equal(
			usage_generated(usage, &id) == GENERATED_CAPABILITIES, wanted[i].generated);
	}
}

static void usages_are_ordered_by_auid(void **state)
{
	(void)state;
	for (size_t i = 1; i < usages_count(set); i++)
		assert_true(span_compare(usage_auid(usages_at(set, i - 1)),
				    usage_auid(usages_at(set, i)))
			    < 0);
	assert_null(usages_at(set, usages_count(set)));
}

static void an_unknown_auid_is_nothing(void **state)
{
	static const char *const unknown[] = { "", "resource-list", "resource-lists/", "Pres-Rules",
		"zzz", "a" };
	(void)state;
	for (size_t i = 0; i < COUNT(unknown); i++)
		assert_null(usages_find(set, span_of(unknown[i])));
}

/* --- naming --- */

static void documents_stand_where_the_usage_has_them(void **state)
{
	static const struct {
		const char *auid;
		enum tree tree;
		const char *path;
		enum conflict_kind kind; /* CONFLICT_NONE: allowed */
	} cases[] = {
		{ "resource-lists", TREE_USERS, "index", CONFLICT_NONE },
		{ "resource-lists", TREE_USERS, "buddies-resource-list.xml", CONFLICT_NONE },
		{ "resource-lists", TREE_USERS, "folder/index", CONFLICT_NO_PARENT },
		{ "resource-lists", TREE_GLOBAL, "index", CONFLICT_NONE },
		{ "pres-rules", TREE_USERS, "presrules", CONFLICT_NONE },
		{ "pres-rules", TREE_GLOBAL, "index", CONFLICT_NO_PARENT },
		{ "pres-rules", TREE_USERS, "a/b/c", CONFLICT_NO_PARENT },
		{ "rls-services", TREE_USERS, "mine", CONFLICT_NONE },
		{ "rls-services", TREE_GLOBAL, "index", CONFLICT_NONE },
		{ "rls-services", TREE_GLOBAL, "other", CONFLICT_CONSTRAINT_FAILURE },
		{ "xcap-caps", TREE_GLOBAL, "index", CONFLICT_NONE },
		{ "xcap-caps", TREE_GLOBAL, "caps", CONFLICT_CONSTRAINT_FAILURE },
		{ "xcap-caps", TREE_USERS, "index", CONFLICT_NO_PARENT },
		{ "org.openmobilealliance.pres-rules", TREE_USERS, "pres-rules", CONFLICT_NONE },
		{ "org.openmobilealliance.pres-rules", TREE_USERS, "index", CONFLICT_NONE },
	};
	struct arena *arena = arena_new(0);
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct doc_id id = { span_of(cases[i].auid), cases[i].tree,
			cases[i].tree == TREE_USERS ? SPAN(JOE) : SPAN(""),
			span_of(cases[i].path) };
		struct conflict why = { .arena = arena };
		bool allowed = usage_allows_name(shipped(cases[i].auid), &id, &why);
		if (allowed != (cases[i].kind == CONFLICT_NONE) || why.kind != cases[i].kind)
			fail_msg("%s %s: kind %d", cases[i].auid, cases[i].path, why.kind);
		if (!allowed)
			assert_true(why.phrase.size > 0);
	}
	arena_free(&arena);
}

#define NAMES_DEFINITION                                                                     \
	"<usage xmlns='urn:xcapd:usage' auid='names' media-type='application/names+xml'\n"   \
	" default-namespace='urn:names'><alias>com.example.names</alias>\n"                  \
	"<content judge='off' most='1K'><root element='names'/></content>\n"                 \
	"<tree name='users'><document name='icons/mine'/><document pattern='by-*/g-*.xml'/>" \
	"</tree><tree name='global' folders='yes' read='owner' write='any'/></usage>"

static void names_may_be_patterns_and_have_folders(void **state)
{
	static const struct {
		enum tree tree;
		const char *path;
		enum conflict_kind kind;
	} cases[] = {
		{ TREE_USERS, "icons/mine", CONFLICT_NONE },
		{ TREE_USERS, "icons/other", CONFLICT_CONSTRAINT_FAILURE },
		{ TREE_USERS, "mine", CONFLICT_CONSTRAINT_FAILURE },
		{ TREE_USERS, "sounds/mine", CONFLICT_NO_PARENT },
		{ TREE_USERS, "by-id/g-1.xml", CONFLICT_NONE },
		{ TREE_USERS, "by-/g-.xml", CONFLICT_NONE },
		{ TREE_USERS, "by-id/g-1.xml.xml", CONFLICT_NONE },
		{ TREE_USERS, "by-id/g-1.xm", CONFLICT_CONSTRAINT_FAILURE },
		{ TREE_USERS, "by-a/b/g-1.xml", CONFLICT_NO_PARENT },
		{ TREE_USERS, "by-id/g-1/2.xml", CONFLICT_NO_PARENT },
		{ TREE_GLOBAL, "any/where/at/all", CONFLICT_NONE },
	};
	struct folder folder;
	struct arena *arena = arena_new(0);
	(void)state;
	folder_open(&folder);
	folder_write(&folder, "names.xml", SPAN(NAMES_DEFINITION));
	struct usages *own = load(folder.path, SCHEMAS);
	const struct usage *usage = usages_at(own, 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct doc_id id = { SPAN("names"), cases[i].tree,
			cases[i].tree == TREE_USERS ? SPAN(JOE) : SPAN(""),
			span_of(cases[i].path) };
		struct conflict why = { .arena = arena };
		usage_allows_name(usage, &id, &why);
		if (why.kind != cases[i].kind)
			fail_msg("%s: kind %d", cases[i].path, why.kind);
	}
	usages_unref(&own);
	folder_close(&folder);
	arena_free(&arena);
}

static void an_alias_finds_the_usage_itself(void **state)
{
	struct folder folder;
	(void)state;
	folder_open(&folder);
	folder_write(&folder, "names.xml", SPAN(NAMES_DEFINITION));
	struct usages *own = load(folder.path, SCHEMAS);
	const struct usage *usage = usages_find(own, SPAN("com.example.names"));
	assert_non_null(usage);
	assert_ptr_equal(usage, usages_find(own, SPAN("names")));
	check_span(usage_auid(usage), "names");
	assert_int_equal(usages_count(own), 1);
	assert_int_equal(usage_size_cap(usage), 1024);
	usages_unref(&own);
	folder_close(&folder);
}

/* --- access --- */

static const struct principal joe = { ROLE_USER, { JOE, sizeof(JOE) - 1 } };
static const struct principal bob = { ROLE_USER, { "sip:bob@example.com", 19 } };
static const struct principal reader = { ROLE_READER, { "rls", 3 } };
static const struct principal admin = { ROLE_ADMIN, { "admin", 5 } };

static void access_follows_the_default_policy_and_its_exceptions(void **state)
{
	enum { R = 1, W = 2 };
	static const struct {
		const char *auid;
		enum tree tree;
		int joe, bob, reader, admin; /* joe is the owner in the users tree */
	} cases[] = {
		{ "resource-lists", TREE_USERS, R | W, 0, R, R | W },
		{ "resource-lists", TREE_GLOBAL, R, R, R, R | W },
		{ "pres-rules", TREE_USERS, R | W, 0, R, R | W },
		{ "org.openmobilealliance.pres-rules", TREE_USERS, R | W, 0, R, R | W },
		{ "rls-services", TREE_USERS, R | W, 0, R, R | W },
		{ "rls-services", TREE_GLOBAL, 0, 0, R, R }, /* RFC 4826 §4.4.9 */
		{ "xcap-caps", TREE_GLOBAL, R, R, R, R },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct usage *usage = shipped(cases[i].auid);
		struct doc_id id = { span_of(cases[i].auid), cases[i].tree,
			cases[i].tree == TREE_USERS ? joe.name : SPAN(""), SPAN("index") };
		const struct principal *who[] = { &joe, &bob, &reader, &admin };
		const int wanted[] = { cases[i].joe, cases[i].bob, cases[i].reader,
			cases[i].admin };
		for (size_t j = 0; j < COUNT(who); j++) {
			int found = (usage_permits(usage, who[j], &id, ACCESS_READ) ? R : 0)
				    | (usage_permits(usage, who[j], &id, ACCESS_WRITE) ? W : 0);
			if (found != wanted[j])
				fail_msg("%s, tree %d, principal %zu: %d instead of %d",
					cases[i].auid, cases[i].tree, j, found, wanted[j]);
		}
	}
}

static void a_definition_may_open_or_close_a_tree(void **state)
{
	struct folder folder;
	(void)state;
	folder_open(&folder);
	folder_write(&folder, "names.xml", SPAN(NAMES_DEFINITION));
	struct usages *own = load(folder.path, SCHEMAS);
	struct doc_id id = { SPAN("names"), TREE_GLOBAL, SPAN(""), SPAN("a") };
	assert_false(usage_permits(usages_at(own, 0), &joe, &id, ACCESS_READ)); /* nobody owns it */
	assert_true(usage_permits(usages_at(own, 0), &joe, &id, ACCESS_WRITE));
	assert_false(usage_permits(usages_at(own, 0), &reader, &id, ACCESS_WRITE));
	usages_unref(&own);
	folder_close(&folder);
}

/* --- capabilities --- */

static const struct doc_id caps_id = { { "xcap-caps", 9 }, TREE_GLOBAL, { "", 0 }, { "index", 5 } };

static bool holds(struct span text, const char *part)
{
	return span_search(text, span_of(part), NULL);
}

static void capabilities_list_what_is_loaded_and_are_valid(void **state)
{
	static const char *const parts[] = { "<auid>resource-lists</auid>",
		"<auid>rls-services</auid>", "<auid>pres-rules</auid>",
		"<auid>org.openmobilealliance.pres-rules</auid>", "<auid>xcap-caps</auid>",
		"<namespace>urn:ietf:params:xml:ns:xcap-caps</namespace>",
		"<namespace>urn:ietf:params:xml:ns:resource-lists</namespace>",
		"<namespace>urn:ietf:params:xml:ns:rls-services</namespace>",
		"<namespace>urn:ietf:params:xml:ns:common-policy</namespace>",
		"<namespace>urn:ietf:params:xml:ns:pres-rules</namespace>" };
	struct arena *arena = arena_new(0);
	struct span body, rest;
	struct etag etag;
	(void)state;
	assert_true(usage_generate(set, shipped("xcap-caps"), arena, &caps_id, &body, &etag));
	for (size_t i = 0; i < COUNT(parts); i++) {
		size_t at;
		if (!span_search(body, span_of(parts[i]), &at))
			fail_msg("no %s", parts[i]);
		rest = span_from(body, at + 1);
		assert_false(holds(rest, parts[i]));
	}
	assert_false(holds(body, "http://www.w3.org/XML/1998/namespace"));
	check_accepted(judge_as(set, arena, &caps_id, body), "xcap-caps");
	assert_true(etag.number != 0);
	arena_free(&arena);
}

static void there_is_no_other_generated_document(void **state)
{
	struct doc_id id = caps_id;
	struct arena *arena = arena_new(0);
	struct span body;
	struct etag etag;
	(void)state;
	id.path = SPAN("other");
	assert_false(usage_generate(set, shipped("xcap-caps"), arena, &id, &body, &etag));
	id = (struct doc_id){ SPAN("xcap-caps"), TREE_USERS, SPAN(JOE), SPAN("index") };
	assert_false(usage_generate(set, shipped("xcap-caps"), arena, &id, &body, &etag));
	id.auid = SPAN("resource-lists");
	assert_false(usage_generate(set, shipped("resource-lists"), arena, &id, &body, &etag));
	arena_free(&arena);
}

static struct etag etag_of(struct usages *of)
{
	struct arena *arena = arena_new(0);
	struct span body;
	struct etag etag;
	assert_true(usage_generate(
		of, usages_find(of, SPAN("xcap-caps")), arena, &caps_id, &body, &etag));
	arena_free(&arena);
	return etag;
}

static void the_capabilities_etag_moves_with_what_is_loaded_only(void **state)
{
	struct folder folder;
	struct arena *arena = arena_new(0);
	(void)state;
	struct usages *again = load_shipped();
	assert_true(etag_equal(etag_of(set), etag_of(again)));
	usages_unref(&again);
	folder_open(&folder);
	folder_write(&folder, "xcap-caps.xml", read_file(arena, DEFINITIONS "/xcap-caps.xml"));
	struct usages *few = load(folder.path, SCHEMAS);
	assert_false(etag_equal(etag_of(set), etag_of(few)));
	usages_unref(&few);
	folder_close(&folder);
	arena_free(&arena);
}

static void aliases_and_further_namespaces_are_advertised(void **state)
{
	struct folder folder;
	struct arena *arena = arena_new(0);
	struct span body;
	struct etag etag;
	(void)state;
	folder_open(&folder);
	folder_write(&folder, "xcap-caps.xml", read_file(arena, DEFINITIONS "/xcap-caps.xml"));
	folder_write(&folder, "names.xml",
		with(arena, SPAN(NAMES_DEFINITION), "</alias>",
			"</alias><advertise>urn:a&amp;b</advertise>"));
	struct usages *own = load(folder.path, SCHEMAS);
	assert_true(usage_generate(
		own, usages_find(own, SPAN("xcap-caps")), arena, &caps_id, &body, &etag));
	assert_true(holds(body, "<auid>com.example.names</auid>"));
	assert_true(holds(body, "<namespace>urn:names</namespace>"));
	assert_true(holds(body, "<namespace>urn:a&amp;b</namespace>"));
	check_accepted(judge_as(own, arena, &caps_id, body), "xcap-caps");
	usages_unref(&own);
	folder_close(&folder);
	arena_free(&arena);
}

/* --- life --- */

static void the_last_reference_frees_the_set(void **state)
{
	struct usages *first = load_shipped();
	(void)state;
	struct usages *second = usages_ref(first);
	usages_unref(&first);
	assert_null(first);
	check_span(usage_auid(usages_find(second, SPAN("pres-rules"))), "pres-rules");
	usages_unref(&second);
	assert_null(second);
	usages_unref(&second);
}

static void judging_says_so_when_memory_runs_out(void **state)
{
	struct arena *scratch = arena_new(0);
	struct span body = document(scratch, "rls-services/rfc4826-4.3.xml");
	struct doc_id id = { SPAN("rls-services"), TREE_USERS, SPAN(JOE), SPAN("index") };
	bool accepted = false;
	(void)state;
	for (size_t nth = 1; !accepted; nth++) {
		struct arena *arena = arena_new(16);
		struct conflict why = { .arena = arena };
		struct verdict verdict;
		arena_fail_at(nth);
		accepted = usage_accepts(
			shipped("rls-services"), arena, &id, body, &usual, &verdict, &why);
		arena_fail_at(0);
		if (!accepted)
			assert_int_equal(why.kind, CONFLICT_NONE);
		assert_true(nth < 1000);
		arena_free(&arena);
	}
	arena_free(&scratch);
}

static void loading_says_so_when_memory_runs_out(void **state)
{
	struct usages *loaded = NULL;
	(void)state;
	for (size_t nth = 1; !loaded; nth++) {
		char *text = NULL;
		size_t size = 0;
		FILE *problems = open_memstream(&text, &size);
		arena_fail_at(nth);
		usages_load(&loaded, DEFINITIONS, SCHEMAS, problems);
		arena_fail_at(0);
		fclose(problems);
		if (!loaded)
			assert_true(size > 0);
		free(text);
		assert_true(nth < 1000);
	}
	usages_unref(&loaded);
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
		cmocka_unit_test(the_shipped_usages_are_what_their_rfcs_say),
		cmocka_unit_test(usages_are_ordered_by_auid),
		cmocka_unit_test(an_unknown_auid_is_nothing),
		cmocka_unit_test(documents_stand_where_the_usage_has_them),
		cmocka_unit_test(names_may_be_patterns_and_have_folders),
		cmocka_unit_test(an_alias_finds_the_usage_itself),
		cmocka_unit_test(access_follows_the_default_policy_and_its_exceptions),
		cmocka_unit_test(a_definition_may_open_or_close_a_tree),
		cmocka_unit_test(capabilities_list_what_is_loaded_and_are_valid),
		cmocka_unit_test(there_is_no_other_generated_document),
		cmocka_unit_test(the_capabilities_etag_moves_with_what_is_loaded_only),
		cmocka_unit_test(aliases_and_further_namespaces_are_advertised),
		cmocka_unit_test(the_last_reference_frees_the_set),
		cmocka_unit_test(judging_says_so_when_memory_runs_out),
		cmocka_unit_test(loading_says_so_when_memory_runs_out),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
