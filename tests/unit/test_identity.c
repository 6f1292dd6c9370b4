/* links: xcapd_core */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROXY "192.0.2.1"
#define ALICE "sip:alice@example.com"

/* A store with alice, bob, somebody with a number and an admin; proxies at 192.0.2.0/24 and ::1. */
struct world {
	char folder[32];
	struct arena *arena;
	struct store *store;
	struct settings settings;
	struct span domains[1];
	struct network networks[2];
	struct forwarding forwarding;
	struct sockaddr_storage peer, room;
};

static int world_begin(void **state)
{
	const struct user users[] = { { SPAN(ALICE), ROLE_USER, NULL, 0 },
		{ SPAN("sip:bob@example.com"), ROLE_USER, NULL, 0 },
		{ SPAN("sip:chief@example.com"), ROLE_ADMIN, NULL, 0 },
		{ SPAN("sip:far@elsewhere.org"), ROLE_USER, NULL, 0 },
		{ SPAN("tel:+15551234"), ROLE_USER, NULL, 0 } };
	struct world *world = calloc(1, sizeof(*world));
	strcpy(world->folder, "/tmp/identity-XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	const struct store_settings store = { .path = world->folder,
		.max_size = 16 << 20,
		.create = true,
		.history_versions = 1,
		.feed_keep_ms = 1000 };
	assert_int_equal(store_open(&world->store, &store), STORE_OK);
	assert_int_equal(
		store_users_put(world->store, users, sizeof(users) / sizeof(users[0]), NULL),
		STORE_OK);
	world->arena = arena_new(65536);
	world->domains[0] = SPAN("example.com");
	world->settings.auth.realm = world->domains[0];
	world->settings.auth.domains = (struct span_list){ world->domains, 1 };
	assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.0", &world->networks[0].base), 1);
	world->networks[0].bits = 120;
	assert_int_equal(inet_pton(AF_INET6, "::1", &world->networks[1].base), 1);
	world->networks[1].bits = 128;
	world->settings.auth.trusted = (struct network_list){ world->networks, 2 };
	*state = world;
	return 0;
}

static int world_end(void **state)
{
	struct world *world = *state;
	char command[64];
	store_close(&world->store);
	arena_free(&world->arena);
	snprintf(command, sizeof(command), "rm -rf %s", world->folder);
	assert_int_equal(system(command), 0);
	free(world);
	return 0;
}

static const struct sockaddr *address(struct sockaddr_storage *out, const char *text)
{
	struct sockaddr_in *v4 = (void *)out;
	struct sockaddr_in6 *v6 = (void *)out;
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
		out->ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
		out->ss_family = AF_INET6;
	return (const struct sockaddr *)out;
}

static void header(struct world *world, const char *name, const char *value)
{
	forwarding_header(world->arena, &world->forwarding, span_of(name), span_of(value));
}

static enum identity_result identify(
	struct world *world, const char *peer, const char *owner, struct principal *who)
{
	*who = (struct principal){ ROLE_ADMIN, SPAN("untouched") };
	return identity_asserted(world->arena, world->store, &world->settings, &world->forwarding,
		address(&world->peer, peer), span_of(owner), who);
}

static enum identity_result asserted(
	struct world *world, const char *value, const char *owner, struct principal *who)
{
	world->forwarding = (struct forwarding){ 0 };
	header(world, "X-3GPP-Asserted-Identity", value);
	return identify(world, PROXY, owner, who);
}

/* --- who --- */

static void a_trusted_proxy_says_who_it_is(void **state)
{
	static const struct {
		const char *value, *owner, *name;
	} rows[] = {
		{ "\"" ALICE "\"", ALICE, ALICE },
		{ ALICE, "", ALICE },
		{ "  " ALICE "  ", "", ALICE },
		{ "alice@EXAMPLE.com", "", ALICE },
		{ "\"alice\"", "", ALICE },
		{ "\"sip:\\alice@example.com\"", "", ALICE },
		{ "\"tel:+1-555-1234\"", "", "tel:+15551234" },
		/* several names of one person: that of the home asked for, else the first of ours
		 */
		{ "\"tel:+15551234\", \"" ALICE "\"", ALICE, ALICE },
		{ "\"tel:+15551234\", \"" ALICE "\"", "sip:bob@example.com", "tel:+15551234" },
		{ "\"tel:+15551234\",\"" ALICE "\"", "", "tel:+15551234" },
		{ "sip:nobody@example.com," ALICE, "", ALICE },
		{ "sip:far@elsewhere.org," ALICE, "", ALICE },
		{ "\"no, one\"," ALICE, "", ALICE },
		{ ",," ALICE ",", "", ALICE },
	};
	struct principal who;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
			asserted(*state, rows[i].value, rows[i].owner, &who), IDENTITY_KNOWN);
		assert_true(span_equal_text(who.name, rows[i].name));
		assert_int_equal(who.role, ROLE_USER);
	}
}

static void both_headers_say_it(void **state)
{
	struct world *world = *state;
	struct principal who;
	header(world, "x-xcap-ASSERTED-identity", "\"" ALICE "\"");
	assert_int_equal(identify(world, PROXY, "", &who), IDENTITY_KNOWN);
	assert_true(span_equal_text(who.name, ALICE));
}

static void an_asserted_admin_is_a_user(void **state)
{
	struct principal who;
	assert_int_equal(asserted(*state, "sip:chief@example.com", "", &who), IDENTITY_KNOWN);
	assert_int_equal(who.role, ROLE_USER);
}

static void nobody_else_is_believed(void **state)
{
	static const char *const peers[] = { "192.0.3.1", "127.0.0.1", "2001:db8::1", "::2",
		"::ffff:192.0.3.1" };
	struct world *world = *state;
	struct principal who;
	header(world, "X-3GPP-Asserted-Identity", ALICE);
	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		assert_int_equal(identify(world, peers[i], ALICE, &who), IDENTITY_NONE);
		assert_true(span_equal_text(who.name, "untouched"));
	}
	assert_int_equal(identify(world, "::ffff:192.0.2.9", ALICE, &who), IDENTITY_KNOWN);
	assert_int_equal(identify(world, "::1", ALICE, &who), IDENTITY_KNOWN);
}

static void a_hint_asserts_nothing(void **state)
{
	struct world *world = *state;
	struct principal who;
	header(world, "X-3GPP-Intended-Identity", ALICE);
	header(world, "P-Asserted-Identity", ALICE);
	header(world, "From", ALICE);
	assert_int_equal(identify(world, PROXY, ALICE, &who), IDENTITY_NONE);
}

static void strangers_are_told_apart_from_nonsense(void **state)
{
	static const struct {
		const char *value;
		enum identity_result result;
	} rows[] = {
		{ "sip:nobody@example.com", IDENTITY_STRANGER },
		{ "sip:far@elsewhere.org", IDENTITY_STRANGER },
		{ "admin", IDENTITY_STRANGER },
		{ "", IDENTITY_STRANGER },
		{ "\"\"", IDENTITY_STRANGER },
		{ "\"" ALICE, IDENTITY_MALFORMED },
		{ "a\"b", IDENTITY_MALFORMED },
		{ ALICE ", a\"b", IDENTITY_MALFORMED },
		{ "\"a\"b\"", IDENTITY_MALFORMED },
		{ "a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a," ALICE, IDENTITY_MALFORMED },
	};
	struct principal who;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(asserted(*state, rows[i].value, ALICE, &who), rows[i].result);
		assert_true(span_equal_text(who.name, "untouched"));
	}
}

/* One of them may be the client's, passed on by a proxy that only adds. */
static void two_fields_are_refused(void **state)
{
	struct world *world = *state;
	struct principal who;
	header(world, "X-3GPP-Asserted-Identity", ALICE);
	header(world, "X-XCAP-Asserted-Identity", ALICE);
	assert_int_equal(identify(world, PROXY, ALICE, &who), IDENTITY_MALFORMED);
	world->forwarding = (struct forwarding){ 0 };
	header(world, "X-3GPP-Asserted-Identity", ALICE);
	header(world, "X-3GPP-Asserted-Identity", ALICE);
	assert_int_equal(identify(world, PROXY, ALICE, &who), IDENTITY_MALFORMED);
}

static void without_memory_nobody_is_known(void **state)
{
	struct world *world = *state;
	struct principal who;
	enum identity_result result = IDENTITY_NONE;
	for (size_t nth = 1; result != IDENTITY_KNOWN; nth++) {
		struct arena *small = arena_new(64);
		world->forwarding = (struct forwarding){ 0 };
		header(world, "X-3GPP-Asserted-Identity", "\"" ALICE "\"");
		arena_fail_at(nth);
		result = identity_asserted(small, world->store, &world->settings,
			&world->forwarding, address(&world->peer, PROXY), SPAN(ALICE), &who);
		arena_fail_at(0);
		assert_int_not_equal(result, IDENTITY_NONE);
		arena_free(&small);
	}
}

/* --- where from --- */

static const char *client(struct world *world, const char *peer)
{
	static char text[ADDRESS_TEXT];
	address_text(forwarding_client(&world->settings, &world->forwarding,
			     address(&world->peer, peer), &world->room),
		text);
	return text;
}

static void the_rightmost_untrusted_hop_is_the_client(void **state)
{
	static const struct {
		const char *value, *client;
	} rows[] = {
		{ "203.0.113.7", "203.0.113.7" },
		{ "10.0.0.1, 203.0.113.7", "203.0.113.7" },
		{ "127.0.0.1,203.0.113.7,192.0.2.8, 192.0.2.9", "203.0.113.7" },
		{ "203.0.113.7:4711", "203.0.113.7" },
		{ "2001:db8::7", "2001:db8::7" },
		{ "[2001:db8::7]:4711", "2001:db8::7" },
		{ "::ffff:203.0.113.7", "203.0.113.7" },
		{ "192.0.2.8, 192.0.2.9", "192.0.2.8" },
		/* what cannot be read hides what is left of it */
		{ "203.0.113.7, unknown, 192.0.2.9", "192.0.2.9" },
		{ "203.0.113.7, unknown", PROXY },
		{ "203.0.113.7,", PROXY },
		{ "", PROXY },
		{ "localhost", PROXY },
		{ "[2001:db8::7", PROXY },
		{ "[2001:db8::7]x", PROXY },
		{ "203.0.113.7:http", PROXY },
		/* a client's quote does not swallow what the proxy appends */
		{ "10.0.0.1:\", 203.0.113.7", "203.0.113.7" },
		{ "203.0.113.7777777777777777777777777777777777777777777", PROXY },
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		world->forwarding = (struct forwarding){ 0 };
		header(world, "X-Forwarded-For", rows[i].value);
		assert_string_equal(client(world, PROXY), rows[i].client);
	}
}

static void addresses_are_written_as_the_library_does(void **state)
{
	static const char *const rows[] = { "0.0.0.0", "255.255.255.255", "9.10.99.100",
		"127.0.0.1", "192.0.2.205", "2001:db8::7", "::1" };
	struct world *world = *state;
	char text[ADDRESS_TEXT];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		address_text(address(&world->peer, rows[i]), text);
		assert_string_equal(text, rows[i]);
	}
}

static void forwarded_says_the_same(void **state)
{
	static const struct {
		const char *value, *client;
	} rows[] = {
		{ "for=203.0.113.7", "203.0.113.7" },
		{ "For=\"[2001:db8::7]:4711\"", "2001:db8::7" },
		{ "proto=https; for=203.0.113.7;by=192.0.2.9", "203.0.113.7" },
		{ "for=10.0.0.1, for=203.0.113.7;host=\"a,b;for=10.0.0.2\", for=192.0.2.8",
			"203.0.113.7" },
		{ "for=203.0.113.7, for=_hidden", PROXY },
		{ "for=unknown, for=192.0.2.8", "192.0.2.8" },
		{ "for=203.0.113.7, proto=https", PROXY },
		{ "for=\"203.0.113.7", PROXY },
		{ "for=10.0.0.1;x=\", for=203.0.113.7", PROXY },
		{ "for=10.0.0.1;x=\"\\\", for=203.0.113.7", PROXY },
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		world->forwarding = (struct forwarding){ 0 };
		header(world, "Forwarded", rows[i].value);
		assert_string_equal(client(world, PROXY), rows[i].client);
	}
}

static void several_fields_are_one_list(void **state)
{
	struct world *world = *state;
	header(world, "X-Forwarded-For", "10.0.0.1");
	header(world, "x-forwarded-for", "203.0.113.7");
	header(world, "X-Forwarded-For", "192.0.2.8");
	assert_string_equal(client(world, PROXY), "203.0.113.7");
}

static void only_what_both_say_is_believed(void **state)
{
	struct world *world = *state;
	header(world, "X-Forwarded-For", "203.0.113.7");
	header(world, "Forwarded", "for=\"203.0.113.7:99\"");
	assert_string_equal(client(world, PROXY), "203.0.113.7");
	header(world, "Forwarded", "for=203.0.113.8");
	assert_string_equal(client(world, PROXY), PROXY);
}

static void from_others_the_peer_is_the_client(void **state)
{
	struct world *world = *state;
	assert_string_equal(client(world, PROXY), PROXY);
	header(world, "X-Forwarded-For", "203.0.113.7");
	assert_string_equal(client(world, "198.51.100.1"), "198.51.100.1");
	assert_string_equal(client(world, "::ffff:198.51.100.1"), "198.51.100.1");
	assert_string_equal(client(world, "2001:db8::1"), "2001:db8::1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_begin, world_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_trusted_proxy_says_who_it_is),
		TEST(both_headers_say_it),
		TEST(an_asserted_admin_is_a_user),
		TEST(nobody_else_is_believed),
		TEST(a_hint_asserts_nothing),
		TEST(strangers_are_told_apart_from_nonsense),
		TEST(two_fields_are_refused),
		TEST(without_memory_nobody_is_known),
		TEST(the_rightmost_untrusted_hop_is_the_client),
		TEST(addresses_are_written_as_the_library_does),
		TEST(forwarded_says_the_same),
		TEST(several_fields_are_one_list),
		TEST(only_what_both_say_is_believed),
		TEST(from_others_the_peer_is_the_client),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
