/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notifier/xcap_diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LISTS "xmlns=\"urn:ietf:params:xml:ns:resource-lists\""
#define ROOT "http://xcap.example.com:8080/xcap-root"
#define JOE "sip:joe@example.com"

struct world {
	struct settings settings;
	struct notifier notifier;
	struct arena *arena;
};

static int begin(void **state)
{
	static struct world world;
	world = (struct world){ .arena = arena_new(1 << 20) };
	world.settings.notifier.max_entries = 5;
	world.settings.http.root = SPAN(ROOT);
	world.settings.http.root_origin = SPAN("http://xcap.example.com:8080");
	world.settings.http.root_path = SPAN("/xcap-root");
	world.settings.auth.realm = SPAN("example.com");
	world.notifier.settings = &world.settings;
	*state = &world;
	return usages_load(&world.notifier.usages, TEST_SOURCE_DIR "/auids",
		       TEST_SOURCE_DIR "/schemas", stderr)
		       ? 0
		       : -1;
}

static int end(void **state)
{
	struct world *world = *state;
	usages_unref(&world->notifier.usages);
	arena_free(&world->arena);
	return 0;
}

static unsigned read_list(struct world *world, const char *body, struct diff_list *out)
{
	struct package_answer answer = { .status = 200 };
	bool read = diff_list_read(&world->notifier, world->arena, span_of(body), out, &answer);
	assert_true(read == (answer.status == 200));
	assert_true(read || answer.why);
	return answer.status;
}

static const struct {
	const char *body;
	unsigned long status;
	const char *uris; /* each with a comma behind it */
} bodies[] = {
	{ "<resource-lists " LISTS
	  "><list><entry uri='a'/><entry uri=\"b/\"/></list></resource-lists>",
		200, "a,b/," },
	{ "<resource-lists " LISTS "/>", 200, "" },
	{ "<resource-lists " LISTS "><list/></resource-lists>", 200, "" },
	{ "<r:resource-lists xmlns:r=\"urn:ietf:params:xml:ns:resource-lists\"><r:list><r:entry "
	  "uri='a'/></r:list><r:list><r:entry uri='b'/></r:list></r:resource-lists>",
		200, "a,b," },
	{ "<resource-lists " LISTS
	  "><list><entry uri='a'/><entry uri='a'/></list></resource-lists>",
		200, "a," },
	{ "<resource-lists " LISTS "><list><entry uri='a&amp;b&#x20;'/></list></resource-lists>",
		200, "a&b ," },
	{ "<resource-lists " LISTS
	  "><list><entry/><entry x='1' uri='a'><display-name>n</display-name>"
	  "</entry></list></resource-lists>",
		200, "a," },
	{ "<resource-lists " LISTS "><list><list><entry uri='a'/></list><entry-ref ref='b'/>"
	  "<external anchor='c'/></list><entry uri='d'/></resource-lists>",
		200, "" },
	{ "<resource-lists " LISTS "><list><x:entry xmlns:x='urn:x' uri='a'/><entry xmlns='urn:y' "
	  "uri='b'/></list><x xmlns='urn:x'><list><entry uri='c'/></list></x></resource-lists>",
		200, "" },
	{ "<resource-lists " LISTS "><!-- c --><list><?p i?><entry uri='1'/><entry uri='2'/><entry "
	  "uri='3'/><entry uri='4'/><entry uri='5'/></list></resource-lists>",
		200, "1,2,3,4,5," },
	{ "<resource-lists " LISTS "><list><entry uri='1'/><entry uri='2'/><entry uri='3'/><entry "
	  "uri='4'/><entry uri='5'/><entry uri='6'/></list></resource-lists>",
		413, NULL },
	{ "<resource-lists><list><entry uri='a'/></list></resource-lists>", 400, NULL },
	{ "<lists " LISTS "/>", 400, NULL },
	{ "<resource-lists " LISTS "><list>", 400, NULL },
	{ "<!DOCTYPE a><resource-lists " LISTS "/>", 400, NULL },
	{ "", 400, NULL },
	{ "<resource-lists " LISTS ">\xff</resource-lists>", 400, NULL },
};

static void a_list_is_read(void **state)
{
	struct world *world = *state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct diff_list list = { 0 };
		struct buffer uris = { .arena = world->arena };
		buffer_text(&uris, "");
		if (read_list(world, bodies[i].body, &list) != bodies[i].status)
			fail_msg("%s", bodies[i].body);
		for (size_t k = 0; k < list.count; k++) {
			buffer_append(&uris, list.items[k]);
			buffer_octet(&uris, ',');
		}
		if (bodies[i].uris && strcmp(uris.data, bodies[i].uris))
			fail_msg("%s: %s", bodies[i].body, uris.data);
	}
}

static const struct principal joe = { ROLE_USER, { JOE, sizeof(JOE) - 1 } };
static const struct principal reader = { ROLE_READER, { "presence", 8 } };
static const struct principal admin = { ROLE_ADMIN, { "admin", 5 } };

#define MINE "resource-lists/users/" JOE "/"
#define HIS "resource-lists/users/sip:bob@example.com/"

static const struct {
	const struct principal *who;
	const char *raw;
	enum diff_kind kind;
	unsigned keys;
	enum watch_what what;
	const char *xui, *path; /* of the first key */
} targets[] = {
	{ &joe, MINE "index", DIFF_WHOLE, 1, WATCH_DOCUMENT, JOE, "index" },
	{ &joe, ROOT "/" MINE "index", DIFF_WHOLE, 1, WATCH_DOCUMENT, JOE, "index" },
	{ &joe, "HTTP://XCAP.example.com:8080/xcap-root/" MINE "index", DIFF_WHOLE, 1,
		WATCH_DOCUMENT, JOE, "index" },
	{ &joe, "/xcap-root/" MINE "index", DIFF_WHOLE, 1, WATCH_DOCUMENT, JOE, "index" },
	{ &joe, "resource-lists/users/joe/index", DIFF_WHOLE, 1, WATCH_DOCUMENT, JOE, "index" },
	{ &joe, "resource-lists/users/sip%3ajoe%40EXAMPLE.com/index", DIFF_WHOLE, 1, WATCH_DOCUMENT,
		JOE, "index" },
	{ &joe, "resource-lists/global/index", DIFF_WHOLE, 1, WATCH_DOCUMENT, "", "index" },
	{ &joe, HIS "index", DIFF_WHOLE, 0, 0, NULL, NULL },
	{ &reader, HIS "index", DIFF_WHOLE, 1, WATCH_DOCUMENT, "sip:bob@example.com", "index" },
	{ &joe, MINE "index/~~/resource-lists/list%5B1%5D", DIFF_PART, 1, WATCH_DOCUMENT, JOE,
		"index" },
	{ &joe, MINE "index/~~/resource-lists/list/@name", DIFF_PART, 1, WATCH_DOCUMENT, JOE,
		"index" },
	{ &joe, MINE "index/~~/a:b?xmlns(a=urn:c)", DIFF_PART, 1, WATCH_DOCUMENT, JOE, "index" },
	{ &joe, MINE "index/~~/a:b", DIFF_NOTHING, 0, 0, NULL, NULL },
	{ &joe, MINE "index/~~/a/namespace::*", DIFF_NOTHING, 0, 0, NULL, NULL },
	{ &joe, MINE "index/~~/", DIFF_NOTHING, 0, 0, NULL, NULL },
	{ &joe, MINE, DIFF_FOLDER, 1, WATCH_HOME, JOE, "" },
	{ &joe, MINE "a/b/", DIFF_FOLDER, 1, WATCH_FOLDER, JOE, "a/b" },
	{ &joe, HIS, DIFF_FOLDER, 0, 0, NULL, NULL },
	{ &joe, HIS "a/", DIFF_FOLDER, 0, 0, NULL, NULL },
	{ &joe, "resource-lists/", DIFF_FOLDER, 2, WATCH_HOME, JOE, "" },
	{ &joe, "resource-lists/users/", DIFF_FOLDER, 1, WATCH_HOME, JOE, "" },
	{ &joe, "resource-lists/global/", DIFF_FOLDER, 1, WATCH_HOME, "", "" },
	{ &reader, "resource-lists/", DIFF_FOLDER, 1, WATCH_USAGE, "", "" },
	{ &admin, "resource-lists/users/", DIFF_FOLDER, 1, WATCH_TREE, "", "" },
	{ &joe, "org.openmobilealliance.user-profile/users/", DIFF_FOLDER, 1, WATCH_TREE, "", "" },
	{ &joe, "", DIFF_NOTHING, 0, 0, NULL, NULL },
	{ &joe, "/", DIFF_NOTHING, 0, 0, NULL, NULL },
	{ &joe, ROOT "/", DIFF_NOTHING, 0, 0, NULL, NULL },
	{ &joe, "unheard-of/", DIFF_NOTHING, 0, 0, NULL, NULL },
	{ &joe, "resource-lists", DIFF_NOTHING, 0, 0, NULL, NULL },
	{ &joe, "resource-lists/users", DIFF_NOTHING, 0, 0, NULL, NULL },
	{ &joe, "../" MINE "index", DIFF_NOTHING, 0, 0, NULL, NULL },
	{ &joe, "http://elsewhere.com/xcap-root/" MINE "index", DIFF_NOTHING, 0, 0, NULL, NULL },
	{ &joe, "http://xcap.example.com:80801/xcap-root/" MINE "index", DIFF_NOTHING, 0, 0, NULL,
		NULL },
	{ &joe, MINE "%zz", DIFF_NOTHING, 0, 0, NULL, NULL },
	{ &joe, "mailto:joe@example.com", DIFF_NOTHING, 0, 0, NULL, NULL },
};

static void an_entry_means_what_its_reader_may_see(void **state)
{
	struct world *world = *state;
	for (size_t i = 0; i < COUNT(targets); i++) {
		struct diff_target target;
		assert_true(diff_target_read(&world->notifier, world->notifier.usages, world->arena,
			targets[i].who, span_of(targets[i].raw), &target));
		if (target.kind != targets[i].kind || target.key_count != targets[i].keys)
			fail_msg("%s: kind %d, %zu keys", targets[i].raw, (int)target.kind,
				target.key_count);
		assert_true(span_equal_text(target.raw, targets[i].raw));
		if (!target.key_count)
			continue;
		const struct watch_key *key = &target.keys[0];
		if (key->what != targets[i].what || !span_equal_text(key->id.xui, targets[i].xui)
			|| !span_equal_text(key->id.path, targets[i].path))
			fail_msg("%s: %d %.*s %.*s", targets[i].raw, (int)key->what,
				SPAN_ARG(key->id.xui), SPAN_ARG(key->id.path));
	}
}

/* Without memory it says so; nothing else comes of it. */
static void a_list_without_memory(void **state)
{
	struct world *world = *state;
	struct diff_target target;
	const char *raw = MINE "index/~~/resource-lists/list%5B@name=%22f%22%5D?xmlns(a=urn:c)";
	bool read = false;
	for (size_t nth = 1; !read; nth++) {
		arena_free(&world->arena);
		world->arena = arena_new(16);
		assert_true(nth < 1000);
		arena_fail_at(nth);
		read = diff_target_read(&world->notifier, world->notifier.usages, world->arena,
			&joe, span_of(raw), &target);
		arena_fail_at(0);
	}
	assert_int_equal(target.kind, DIFF_PART);
	unsigned status = 0;
	for (size_t nth = 1; status != 200; nth++) {
		struct diff_list list = { 0 };
		arena_free(&world->arena);
		world->arena = arena_new(16);
		assert_true(nth < 1000);
		arena_fail_at(nth);
		status = read_list(world, bodies[0].body, &list);
		arena_fail_at(0);
		assert_true(status == 200 || status == 503 || status == 400);
	}
}

int main(void)
{
	usages_start();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_list_is_read, begin, end),
		cmocka_unit_test_setup_teardown(an_entry_means_what_its_reader_may_see, begin, end),
		cmocka_unit_test_setup_teardown(a_list_without_memory, begin, end),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	usages_stop();
	return failed;
}
