/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/store_world.h"

#include "notifier/sip_message.h"
#include "notifier/subscription_private.h"
#include "notifier/xcap_diff.h"

#define MOST 60000
#define FOLDER "resource-lists/users/" ANN "/"
#define BODY(name)                                                                                \
	SPAN("<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list name=\"" name \
	     "\"/></resource-lists>")

/* One subscription to xcap-diff over a store, without SIP. */
struct phone {
	struct world *world;
	struct settings settings;
	struct notifier notifier;
	struct subscriptions all;
	struct subscription *subscription;
	struct diff_package *package;
	void *state;
	struct package_body body;
};

static const struct event_package *const xcap_diff = &xcap_diff_package;

static void phone_start(struct phone *phone)
{
	phone->settings.http.root = SPAN("http://x.org/xcap-root");
	phone->settings.http.root_origin = SPAN("http://x.org");
	phone->settings.http.root_path = SPAN("/xcap-root");
	phone->settings.auth.realm = SPAN("example.com");
	phone->settings.notifier.max_entries = 20;
	phone->settings.limits.depth = 64;
	phone->settings.limits.document = 1 << 20;
	phone->notifier.settings = &phone->settings;
	phone->notifier.store = phone->world->store;
	assert_true(loop_new(&phone->notifier.loop));
	assert_true(usages_load(&phone->notifier.usages, TEST_SOURCE_DIR "/auids",
		TEST_SOURCE_DIR "/schemas", stderr));
	phone->package = xcap_diff->start(&phone->notifier);
	assert_non_null(phone->package);
	phone->all.notifier = &phone->notifier;
}

static int begin(void **state)
{
	struct phone *phone = calloc(1, sizeof(*phone));
	const struct principal ann = { ROLE_USER, SPAN(ANN) };
	struct dialog dialog = { .text = strdup("") };
	phone->world = world_new();
	phone_start(phone);
	phone->subscription = subscription_new(&phone->all, &dialog, &ann, 0);
	assert_non_null(phone->subscription);
	*state = phone;
	return 0;
}

static int end(void **state)
{
	struct phone *phone = *state;
	if (phone->state)
		xcap_diff->end(phone->package, phone->state);
	table_remove(&phone->all.table, &phone->subscription->node);
	table_remove(&phone->all.people, &phone->subscription->person->node);
	timer_stop(phone->notifier.loop, &phone->subscription->timer);
	dialog_end(&phone->subscription->dialog);
	free(phone->subscription->person);
	free(phone->subscription);
	table_free(&phone->all.table);
	table_free(&phone->all.people);
	watches_free(&phone->package->watches);
	usages_unref(&phone->package->usages);
	arena_free(&phone->package->arena);
	free(phone->package);
	usages_unref(&phone->notifier.usages);
	loop_free(&phone->notifier.loop);
	world_end(&phone->world);
	free(phone);
	return 0;
}

static const struct sip_message *message_of(
	struct arena *arena, const char *mode, const char *const *uris)
{
	struct buffer list = { .arena = arena };
	buffer_text(
		&list, "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list>");
	for (; *uris; uris++)
		buffer_format(&list, "<entry uri=\"%s\"/>", *uris);
	buffer_text(&list, "</list></resource-lists>");
	struct span octets = arena_format(arena,
		"SUBSCRIBE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\n"
		"From: <sip:a@b>;tag=t\r\nTo: <sip:a@b>\r\nCall-ID: c\r\nCSeq: 1 SUBSCRIBE\r\n"
		"Contact: <sip:a@h>\r\nEvent: xcap-diff;diff-processing=%s\r\n"
		"Content-Type: application/resource-lists+xml\r\nContent-Length: %zu\r\n\r\n%s",
		mode, list.size, list.data);
	return sip_message_read(arena, octets, true);
}

static void subscribe(struct phone *phone, const char *mode, const char *const *uris)
{
	struct package_answer answer = xcap_diff->subscribe(phone->package, phone->subscription,
		message_of(phone->world->arena, mode, uris), phone->world->arena, &phone->state);
	assert_int_equal(answer.status, 200);
}

static struct span full(struct phone *phone)
{
	xcap_diff->full(phone->package, phone->state, phone->world->arena, MOST, &phone->body);
	assert_false(phone->body.failed);
	assert_true(phone->body.worth_telling);
	return phone->body.body;
}

static struct span news(struct phone *phone)
{
	xcap_diff->news(phone->package, phone->state, phone->world->arena, MOST, &phone->body);
	assert_false(phone->body.failed);
	return phone->body.body;
}

static void hear(struct phone *phone, struct etag etag)
{
	diff_state_change(phone->state, etag.number);
}

static size_t count_of(struct span text, const char *wanted)
{
	size_t count = 0, at;
	for (; span_search(text, span_of(wanted), &at); count++)
		text = span_from(text, at + 1);
	return count;
}

static const char *tag_of(struct phone *phone, struct etag etag)
{
	char text[ETAG_TEXT_MAX];
	etag_text(etag, text);
	return arena_format(phone->world->arena, "\"%s\"", text).data;
}

static const char *const folder[] = { FOLDER, NULL };

static void changes_are_told_once(void **state)
{
	struct phone *phone = *state;
	struct etag one = must_put(phone->world, ANN_INDEX, BODY("a"));
	subscribe(phone, "no-patching", folder);
	assert_int_equal(count_of(full(phone), tag_of(phone, one)), 1);
	xcap_diff->settled(phone->package, phone->state, true);
	struct etag two = must_put(phone->world, ANN_INDEX, BODY("b"));
	hear(phone, two);
	hear(phone, two);
	struct span said = news(phone);
	assert_int_equal(count_of(said, "<document"), 1);
	assert_int_equal(count_of(said, tag_of(phone, one)), 1);
	assert_int_equal(count_of(said, tag_of(phone, two)), 1);
	xcap_diff->settled(phone->package, phone->state, true);
	news(phone);
	assert_false(phone->body.worth_telling);
}

static void the_tag_of_news_is_that_of_all_of_it(void **state)
{
	static const char *const uris[] = { FOLDER, FOLDER "index/~~/resource-lists/list/@name",
		FOLDER "other", NULL };
	struct phone *phone = *state;
	struct package_body now;
	must_put(phone->world, ANN_INDEX, BODY("a"));
	subscribe(phone, "aggregate", uris);
	full(phone);
	xcap_diff->settled(phone->package, phone->state, true);
	for (int i = 0; i < 20; i++) {
		struct doc_id id = i % 3 ? ANN_INDEX : doc_of(LISTS, ANN, "other");
		struct etag etag =
			i % 5 == 4 ? must_remove(phone->world, ANN_INDEX)
				   : must_put(phone->world, id, i % 2 ? BODY("odd") : BODY("even"));
		hear(phone, etag);
		news(phone);
		uint64_t tag = phone->body.tag;
		xcap_diff->settled(phone->package, phone->state, true);
		assert_true(xcap_diff->current(
			phone->package, phone->state, phone->world->arena, &now));
		assert_true(now.tag == tag);
		if (i % 5 == 4)
			must_put(phone->world, ANN_INDEX, BODY("again"));
		xcap_diff->current(phone->package, phone->state, phone->world->arena, &now);
	}
}

/* More changes than are kept in memory: the feed has them all. */
static void nothing_is_forgotten_when_there_is_much(void **state)
{
	struct phone *phone = *state;
	struct etag etag = must_put(phone->world, ANN_INDEX, BODY("0"));
	subscribe(phone, "xcap-patching", folder);
	full(phone);
	xcap_diff->settled(phone->package, phone->state, true);
	size_t told = 0;
	for (int i = 0; i < 700; i++) {
		etag = must_put(phone->world, ANN_INDEX, i % 2 ? BODY("1") : BODY("2"));
		hear(phone, etag);
	}
	do {
		struct span said = news(phone);
		assert_true(said.size <= MOST);
		told += count_of(said, "<d:document");
		xcap_diff->settled(phone->package, phone->state, true);
	} while (phone->body.more);
	assert_int_equal(told, 700);
	assert_int_equal(count_of(phone->body.body, tag_of(phone, etag)), 1);
}

static void what_was_not_taken_is_in_the_whole_state(void **state)
{
	struct phone *phone = *state;
	struct doc_id other = doc_of(LISTS, ANN, "other");
	struct etag kept = must_put(phone->world, ANN_INDEX, BODY("a"));
	struct etag gone = must_put(phone->world, other, BODY("a"));
	subscribe(phone, "no-patching", folder);
	full(phone);
	xcap_diff->settled(phone->package, phone->state, true);
	hear(phone, must_remove(phone->world, other));
	news(phone);
	xcap_diff->settled(phone->package, phone->state, false);
	struct span said = full(phone);
	assert_int_equal(count_of(said, tag_of(phone, kept)), 1);
	assert_int_equal(count_of(said, arena_format(phone->world->arena, "previous-etag=%s",
						tag_of(phone, gone))
						.data),
		1);
	xcap_diff->settled(phone->package, phone->state, true);
	assert_int_equal(count_of(full(phone), "previous-etag"), 0);
}

static void a_feed_that_was_trimmed_is_made_up_for(void **state)
{
	struct phone *phone = *state;
	bool more = true;
	must_put(phone->world, ANN_INDEX, BODY("a"));
	subscribe(phone, "aggregate", folder);
	full(phone);
	xcap_diff->settled(phone->package, phone->state, true);
	for (int i = 0; i < 5; i++)
		hear(phone, must_put(phone->world, ANN_INDEX, i % 2 ? BODY("1") : BODY("2")));
	struct etag last = must_put(phone->world, doc_of(LISTS, ANN, "z"), BODY("z"));
	hear(phone, last);
	while (more)
		assert_int_equal(
			store_trim(phone->world->store, UINT64_MAX / 2, 1000, &more), STORE_OK);
	struct span said = news(phone);
	assert_int_equal(count_of(said, "<d:document") + count_of(said, "<document"), 2);
	assert_int_equal(count_of(said, "previous-etag"), 0);
	assert_int_equal(count_of(said, tag_of(phone, last)), 1);
}

static void a_restored_state_goes_on(void **state)
{
	struct phone *phone = *state;
	struct etag one = must_put(phone->world, ANN_INDEX, BODY("a"));
	subscribe(phone, "no-patching", folder);
	full(phone);
	xcap_diff->settled(phone->package, phone->state, true);
	const struct package_past past = { phone->body.mark, 0, phone->body.tag };
	struct buffer saved = { .arena = phone->world->arena };
	xcap_diff->save(phone->package, phone->state, &saved);
	xcap_diff->end(phone->package, phone->state);
	struct etag two = must_put(phone->world, ANN_INDEX, BODY("b"));
	assert_true(xcap_diff->restore(
		phone->package, phone->subscription, buffer_span(&saved), &past, &phone->state));
	hear(phone, one);
	hear(phone, two);
	struct span said = news(phone);
	assert_int_equal(count_of(said, tag_of(phone, one)), 1);
	assert_int_equal(count_of(said, tag_of(phone, two)), 1);
	for (size_t size = 0; size < saved.size; size++) {
		void *none = NULL;
		struct span cut = span_first(buffer_span(&saved), size);
		assert_false(
			xcap_diff->restore(phone->package, phone->subscription, cut, &past, &none));
	}
}

/* A body that cannot be made is made later, and is the same. */
static void without_memory_nothing_is_lost(void **state)
{
	static const char *const modes[] = { "no-patching", "xcap-patching", "aggregate" };
	static const char *const uris[] = { FOLDER, FOLDER "index/~~/resource-lists/list/@name",
		NULL };
	struct phone *phone = *state;
	for (size_t i = 0; i < 3; i++) {
		struct etag before = must_put(phone->world, ANN_INDEX, BODY("before"));
		subscribe(phone, modes[i], uris);
		full(phone);
		xcap_diff->settled(phone->package, phone->state, true);
		struct etag etag = must_put(phone->world, ANN_INDEX, BODY("after"));
		hear(phone, etag);
		phone->body.failed = true;
		for (size_t nth = 1; phone->body.failed; nth++) {
			struct arena *arena = arena_new(16);
			assert_true(nth < 1000);
			arena_fail_at(nth);
			xcap_diff->news(phone->package, phone->state, arena, MOST, &phone->body);
			arena_fail_at(0);
			if (!phone->body.failed) {
				assert_int_equal(
					count_of(phone->body.body, tag_of(phone, before)), 1);
				assert_int_equal(
					count_of(phone->body.body, tag_of(phone, etag)), 1);
				assert_int_equal(
					count_of(phone->body.body, ">after</d:attribute>"), 1);
			}
			arena_free(&arena);
		}
	}
}

int main(void)
{
	usages_start();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(changes_are_told_once, begin, end),
		cmocka_unit_test_setup_teardown(the_tag_of_news_is_that_of_all_of_it, begin, end),
		cmocka_unit_test_setup_teardown(
			nothing_is_forgotten_when_there_is_much, begin, end),
		cmocka_unit_test_setup_teardown(
			what_was_not_taken_is_in_the_whole_state, begin, end),
		cmocka_unit_test_setup_teardown(a_feed_that_was_trimmed_is_made_up_for, begin, end),
		cmocka_unit_test_setup_teardown(a_restored_state_goes_on, begin, end),
		cmocka_unit_test_setup_teardown(without_memory_nothing_is_lost, begin, end),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	usages_stop();
	return failed;
}
