/* links: auth */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is asking (CONTRACT.md HTTP, CLIENTS.md 1 to 3 and 13; RFC 7616, RFC 7617). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/auth_world.h"

static const struct client alice = { .name = "alice", .password = "wonder:land" };
static const struct client mallory = { .name = "alice", .password = "guess" };
static const struct span none = { NULL, 0 };

static int start(void **state)
{
	*state = world_begin();
	return 0;
}

static int stop(void **state)
{
	world_end(*state);
	return 0;
}

static const char *text_of(struct world *world, struct span text)
{
	return arena_text(world->arena, text);
}

static struct span basic(struct world *world, const char *login)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789+/";
	struct buffer out = { .arena = world->arena };
	buffer_text(&out, "Basic ");
	uint32_t bits = 0;
	int held = 0;
	for (; *login; login++) {
		bits = bits << 8 | (unsigned char)*login;
		for (held += 8; held >= 6; held -= 6)
			buffer_octet(&out, digits[bits >> (held - 6) & 63]);
	}
	if (held)
		buffer_octet(&out, digits[bits << (6 - held) & 63]);
	return buffer_span(&out);
}

/* A header with one part of it replaced. */
static struct span edited(struct world *world, struct span header, const char *from, const char *to)
{
	size_t at = 0;
	assert_true(span_search(header, span_of(from), &at));
	return arena_format(world->arena, "%.*s%s%.*s", (int)at, header.data, to,
		SPAN_ARG(span_from(header, at + strlen(from))));
}

/* --- challenges --- */

static void by_default_there_is_one_challenge_with_md5(void **state)
{
	struct world *world = *state;
	struct span values[4];
	assert_int_equal(
		auth_challenge(world->auth, world->arena, &world->request, false, values), 1);
	size_t at = 0;
	struct span head = SPAN("Digest realm=\"example.com\", nonce=\"");
	struct span tail = SPAN("\", qop=\"auth\", algorithm=MD5");
	assert_true(span_starts(values[0], head));
	assert_true(span_ends(values[0], tail));
	struct span nonce = span_from(values[0], head.size);
	assert_true(span_find(nonce, '"', &at));
	assert_int_equal(head.size + at + tail.size, values[0].size);

	assert_int_equal(
		auth_challenge(world->auth, world->arena, &world->request, true, values), 1);
	assert_true(span_ends(values[0], SPAN(", qop=\"auth\", algorithm=MD5, stale=true")));
}

static void challenges_come_in_the_configured_order_basic_last(void **state)
{
	struct world *world = *state;
	struct span values[4];
	world->settings.auth.algorithms[0] = DIGEST_SHA256;
	world->settings.auth.algorithms[1] = DIGEST_MD5;
	world->settings.auth.algorithm_count = 2;
	world->settings.auth.schemes = SCHEME_DIGEST | SCHEME_BASIC;
	world->request.tls = true;
	world->request.realm = SPAN("a \"b\\c\"");
	assert_int_equal(
		auth_challenge(world->auth, world->arena, &world->request, true, values), 3);
	assert_true(span_starts(values[0], SPAN("Digest realm=\"a \\\"b\\\\c\\\"\", nonce=\"")));
	assert_true(span_ends(values[0], SPAN("algorithm=SHA-256, stale=true")));
	assert_true(span_ends(values[1], SPAN("algorithm=MD5, stale=true")));
	assert_string_equal(
		text_of(world, values[2]), "Basic realm=\"a \\\"b\\\\c\\\"\", charset=\"UTF-8\"");
}

static void basic_is_offered_over_tls_or_loopback_only(void **state)
{
	static const struct {
		unsigned schemes;
		bool tls;
		const char *peer;
		size_t count;
	} rows[] = {
		{ SCHEME_BASIC, false, "192.0.2.1", 0 },
		{ SCHEME_BASIC, true, "192.0.2.1", 1 },
		{ SCHEME_BASIC, false, "127.0.0.1", 1 },
		{ SCHEME_BASIC, false, "127.9.9.9", 1 },
		{ SCHEME_BASIC, false, "128.0.0.1", 0 },
		{ SCHEME_DIGEST, true, "127.0.0.1", 1 },
		{ SCHEME_DIGEST | SCHEME_BASIC, false, "192.0.2.1", 1 },
		{ SCHEME_DIGEST | SCHEME_BASIC, false, "127.0.0.1", 2 },
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct span values[4];
		world->settings.auth.schemes = rows[i].schemes;
		world->request.tls = rows[i].tls;
		world_peer(world, rows[i].peer);
		assert_int_equal(
			auth_challenge(world->auth, world->arena, &world->request, false, values),
			rows[i].count);
		enum auth_result result = world_send(world, basic(world, "alice:wonder:land"));
		bool taken = rows[i].schemes & SCHEME_BASIC
			     && rows[i].count == (rows[i].schemes & SCHEME_DIGEST ? 2 : 1);
		assert_int_equal(result, taken ? AUTH_KNOWN : AUTH_CHALLENGE);
	}
}

static void the_realm_is_the_users_domain_or_that_of_the_host(void **state)
{
	static const struct {
		enum tree tree;
		const char *xui, *host, *realm;
	} rows[] = {
		{ TREE_USERS, "sip:alice@example.net", "example.com", "example.net" },
		{ TREE_USERS, "sip:alice@example.com", "example.net", "example.com" },
		{ TREE_USERS, "sip:alice@elsewhere.org", "example.net", "example.com" },
		{ TREE_USERS, "tel:+1555", "example.net", "example.com" },
		{ TREE_USERS, "", "example.net", "example.net" },
		{ TREE_GLOBAL, "", "example.net", "example.net" },
		{ TREE_GLOBAL, "", "EXAMPLE.Net", "example.net" },
		{ TREE_GLOBAL, "", "example.net:8080", "example.net" },
		{ TREE_GLOBAL, "", "example.net.:8080", "example.net" },
		{ TREE_GLOBAL, "", " example.net ", "example.net" },
		{ TREE_GLOBAL, "", "xcap.example.net", "example.com" },
		{ TREE_GLOBAL, "", "[::1]:8080", "example.com" },
		{ TREE_GLOBAL, "", "[2001:db8::5]:80", "2001:db8::5" },
		{ TREE_GLOBAL, "", "[2001:DB8::5]", "2001:db8::5" },
		{ TREE_GLOBAL, "", "[", "example.com" },
		{ TREE_GLOBAL, "", ":", "example.com" },
		{ TREE_GLOBAL, "", ".", "example.com" },
		{ TREE_GLOBAL, "", "", "example.com" },
		{ TREE_GLOBAL, "", NULL, "example.com" },
	};
	struct world *world = *state;
	struct span domains[] = { SPAN("example.com"), SPAN("example.net"), SPAN("2001:db8::5") };
	world->settings.auth.domains.items = domains;
	world->settings.auth.domains.count = 3;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct doc_id id = { .tree = rows[i].tree, .xui = span_of(rows[i].xui) };
		struct span realm = auth_realm(&world->settings, &id, span_of(rows[i].host));
		assert_string_equal(text_of(world, realm), rows[i].realm);
	}
	assert_string_equal(text_of(world, auth_realm(&world->settings, NULL, SPAN("example.net"))),
		"example.net");
}

/* --- without credentials --- */

static void a_trusted_reader_needs_none_unless_it_forwards(void **state)
{
	struct world *world = *state;
	world_peer(world, "10.9.1.1");
	assert_int_equal(world_send(world, none), AUTH_KNOWN);
	assert_int_equal(world->who.role, ROLE_READER);
	assert_true(span_equal_text(world->who.name, "trusted-reader"));
	world->request.forwarded = true;
	assert_int_equal(world_send(world, none), AUTH_CHALLENGE);
	world->request.forwarded = false;
	world_peer(world, "10.8.1.1");
	assert_int_equal(world_send(world, none), AUTH_CHALLENGE);
	assert_false(world->answer.stale);
	world->request.peer = NULL;
	assert_int_equal(world_send(world, none), AUTH_CHALLENGE);
}

static void from_a_trusted_address_credentials_decide(void **state)
{
	struct world *world = *state;
	world_peer(world, "10.9.1.1");
	assert_int_equal(world_login(world, &alice), AUTH_KNOWN);
	assert_int_equal(world->who.role, ROLE_USER);
	assert_int_equal(world_login(world, &mallory), AUTH_CHALLENGE);
	assert_int_equal(world_send(world, SPAN("Bearer x")), AUTH_CHALLENGE);
	assert_int_equal(world_send(world, SPAN("")), AUTH_MALFORMED);
	assert_null(world->who.name.data);
}

/* --- Digest --- */

static void what_a_client_may_not_know_is_challenged_and_not_counted(void **state)
{
	static const struct client clients[] = {
		{ .name = "alice", .password = "wonder:land", .realm = "example.net" },
		{ .name = "alice", .password = "wonder:land", .realm = "Example.com" },
		{ .name = "alice", .password = "wonder:land", .algorithm = "SHA-256" },
		{ .name = "alice", .password = "wonder:land", .algorithm = "MD5-sess" },
		{ .name = "alice", .password = "wonder:land", .algorithm = "SHA-512-256" },
		{ .name = "alice", .password = "wonder:land", .more = ", userhash=true" },
		{ .name = "alice", .password = "wonder:land", .more = ", userhash=\"TRUE\"" },
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(clients) / sizeof(*clients); i++) {
		assert_int_equal(world_login(world, &clients[i]), AUTH_CHALLENGE);
		assert_false(world->answer.stale);
	}
	assert_int_equal(world_send(world, SPAN("Bearer abc")), AUTH_CHALLENGE);
	assert_int_equal(
		world_send(
			world, SPAN("Digest username=\"alice\", realm=\"example.com\", uri=\"/\", "
				    "nonce=\"n\", response=\"00\"")),
		AUTH_CHALLENGE); /* no qop: RFC 2069 */
	struct span good = world_sign(world, &alice);
	world->settings.auth.schemes = SCHEME_BASIC;
	assert_int_equal(world_send(world, good), AUTH_CHALLENGE);
	world->settings.auth.schemes = SCHEME_DIGEST;
	assert_int_equal(auth_failures(world->auth), 0);
	assert_int_equal(world_login(world, &alice), AUTH_KNOWN);
}

static void several_algorithms_are_taken_when_several_are_offered(void **state)
{
	static const char *const algorithms[] = { NULL, "MD5", "md5", "\"MD5\"", "SHA-256",
		"sha-256" };
	struct world *world = *state;
	world->settings.auth.algorithms[0] = DIGEST_SHA256;
	world->settings.auth.algorithms[1] = DIGEST_MD5;
	world->settings.auth.algorithm_count = 2;
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(*algorithms); i++) {
		struct client client = alice;
		client.algorithm = algorithms[i];
		assert_int_equal(world_login(world, &client), AUTH_KNOWN);
	}
	world->settings.auth.algorithm_count = 1;
	assert_int_equal(world_login(world, &alice), AUTH_CHALLENGE); /* none named: MD5 */
}

static void headers_nobody_could_mean_are_malformed(void **state)
{
	struct world *world = *state;
	struct client client = alice;
	client.uri = "/xcap-root/resource-lists/users/sip:bob@example.com/index";
	assert_int_equal(world_login(world, &client), AUTH_MALFORMED);
	struct span good = world_sign(world, &alice);
	world->request.authorization = good;
	world->request.authorizations = 2;
	assert_int_equal(auth_identify(world->auth, world->arena, &world->request, &world->who,
				 &world->answer),
		AUTH_MALFORMED);
	assert_int_equal(world_send(world, SPAN("Digest")), AUTH_MALFORMED);
	static const char *const parts[] = { "realm=\"example.com\", qop=auth, nc=00000001",
		"realm=\"example.com\", qop=auth, cnonce=c",
		"realm=\"example.com\", qop=auth, cnonce=c, nc=00000001" };
	for (size_t i = 0; i < 3; i++) /* no cnonce, no nc, a short response */
		assert_int_equal(
			world_send(world, arena_format(world->arena,
						  "Digest username=a, nonce=n, response=00, "
						  "uri=\"%.*s\", %s",
						  SPAN_ARG(world->request.target), parts[i])),
			AUTH_MALFORMED);
	assert_int_equal(auth_failures(world->auth), 0);
	assert_int_equal(world_send(world, good), AUTH_KNOWN);
}

static void the_uri_may_be_written_as_real_clients_write_it(void **state)
{
	static const struct {
		const char *target, *uri;
	} rows[] = {
		{ "/r/a/~~/b%5b@n=%22x%22%5d", "/r/a/~~/b[@n=\"x\"]" },
		{ "/r/a/~~/b[@n=\"x\"]", "/r/a/~~/b[@n=\"x\"]" },
		{ "/r/a/users/sip%3Aalice%40example.com/index",
			"/r/a/users/sip:alice@example.com/index" },
		{ "/r/a", "http://example.com/r/a" },
		{ "http://example.com/r/a", "/r/a" },
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct client client = alice;
		world->request.target = span_of(rows[i].target);
		client.uri = rows[i].uri;
		assert_int_equal(world_login(world, &client), AUTH_KNOWN);
	}
}

/* RFC 3261 §22.4: whatever the Request-URI has become on the way. */
static void over_sip_the_uri_is_the_one_that_was_hashed(void **state)
{
	struct world *world = *state;
	struct client client = alice;
	client.uri = "sip:alice@example.com";
	world->request.method = SPAN("SUBSCRIBE");
	world->request.target = SPAN("sip:alice@192.0.2.7:5060;transport=tcp");
	assert_int_equal(world_login(world, &client), AUTH_MALFORMED);

	world->request.any_target = true;
	client.nonce = world_nonce(world);
	assert_int_equal(world_login(world, &client), AUTH_KNOWN);
	assert_int_equal(world_login(world, &client), AUTH_CHALLENGE);
	assert_true(world->answer.stale);
	client.nc = "00000002";
	assert_int_equal(world_login(world, &client), AUTH_KNOWN);

	client.nonce = NULL;
	client.uri = "sip:\\\"bob\"@example.com";
	assert_int_equal(world_login(world, &client), AUTH_KNOWN);
	struct span signed_for_bob = world_sign(world, &client);
	size_t at;
	assert_true(span_search(signed_for_bob, SPAN("bob"), &at));
	((char *)(uintptr_t)signed_for_bob.data)[at] = 'r';
	assert_int_equal(world_send(world, signed_for_bob), AUTH_CHALLENGE);
	assert_false(world->answer.stale);
}

static void method_password_and_cnonce_are_all_covered(void **state)
{
	struct world *world = *state;
	struct span header = world_sign(world, &alice);
	world->request.method = SPAN("DELETE");
	assert_int_equal(world_send(world, header), AUTH_CHALLENGE);
	world->request.method = SPAN("GET");
	assert_int_equal(
		world_send(world, edited(world, header, "c0ffee", "c0ffef")), AUTH_CHALLENGE);
	world->settings.limits.login_failures = 0;
	assert_int_equal(
		world_send(world, edited(world, header, "00000001", "00000002")), AUTH_CHALLENGE);
	assert_false(world->answer.stale);
	assert_int_equal(auth_failures(world->auth), 3);
	assert_int_equal(world_send(world, header), AUTH_KNOWN);
}

static void a_nonce_serves_many_requests_each_count_once(void **state)
{
	struct world *world = *state;
	struct client client = alice;
	client.nonce = world_nonce(world);
	static const char *const counts[] = { "00000001", "00000003", "00000002", "000000ff" };
	for (size_t i = 0; i < 4; i++) {
		client.nc = counts[i];
		world->request.target = i % 2 ? SPAN("/xcap-root/a") : SPAN("/xcap-root/b");
		assert_int_equal(world_login(world, &client), AUTH_KNOWN);
		assert_int_equal(world_login(world, &client), AUTH_CHALLENGE);
		assert_true(world->answer.stale);
	}
	client.nc = "00000004"; /* fell out of the window */
	assert_int_equal(world_login(world, &client), AUTH_CHALLENGE);
	assert_true(world->answer.stale);
	assert_int_equal(auth_failures(world->auth), 0);
}

static void a_wrong_password_uses_up_no_count(void **state)
{
	struct world *world = *state;
	struct client right = alice, wrong = mallory;
	right.nonce = wrong.nonce = world_nonce(world);
	assert_int_equal(world_login(world, &wrong), AUTH_CHALLENGE);
	assert_false(world->answer.stale);
	assert_int_equal(world_login(world, &right), AUTH_KNOWN);
}

static void an_old_or_foreign_nonce_is_stale_only_for_the_right_password(void **state)
{
	struct world *world = *state;
	world->settings.limits.login_failures = 0;
	struct client right = alice, wrong = mallory;
	right.nonce = wrong.nonce = world_nonce(world);
	world->request.now_ms += NONCE_LIFETIME_MS + 1;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(world_login(world, &right), AUTH_CHALLENGE);
		assert_true(world->answer.stale);
		assert_int_equal(world_login(world, &wrong), AUTH_CHALLENGE);
		assert_false(world->answer.stale);
		right.nonce = wrong.nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
	}
	assert_int_equal(auth_failures(world->auth), 2);
}

static void a_nonce_of_another_realm_is_stale(void **state)
{
	struct world *world = *state;
	struct client client = { .name = "sip:alice@example.com", .password = "wonder:land" };
	client.nonce = world_nonce(world);
	world->request.realm = world->domains[1];
	assert_int_equal(world_login(world, &client), AUTH_CHALLENGE);
	assert_true(world->answer.stale);
}

static void quotes_in_the_uri_may_be_escaped_and_names_too(void **state)
{
	struct world *world = *state;
	world->request.target = SPAN("/r/a/~~/b[@n=\"x\"]");
	struct span header = world_sign(world, &alice);
	header = edited(world, header, "b[@n=\"x\"]", "b[@n=\\\"x\\\"]");
	header = edited(world, header, "username=\"alice\"", "username=\"a\\lice\"");
	assert_int_equal(world_send(world, header), AUTH_KNOWN);
	header = edited(
		world, world_sign(world, &alice), "username=\"alice\"", "username*=UTF-8''%61lice");
	assert_int_equal(world_send(world, header), AUTH_KNOWN);
}

static void a_response_in_capitals_is_the_same(void **state)
{
	struct world *world = *state;
	char *header = arena_text(world->arena, world_sign(world, &alice));
	for (char *at = strstr(header, "response=\"") + 10; *at != '"'; at++)
		*at = *at >= 'a' ? (char)(*at - 'a' + 'A') : *at;
	assert_int_equal(world_send(world, span_of(header)), AUTH_KNOWN);
}

/* --- Basic --- */

static void basic_takes_every_form_of_name_and_colons_in_passwords(void **state)
{
	static const struct {
		const char *login, *who; /* who NULL: refused */
	} rows[] = {
		{ "alice:wonder:land", "sip:alice@example.com" },
		{ "alice@example.com:wonder:land", "sip:alice@example.com" },
		{ "sip:alice@example.com:wonder:land", "sip:alice@example.com" },
		{ "admin:secret", "admin" },
		{ "alice:wonder", NULL },
		{ "alice:", NULL },
		{ ":wonder:land", NULL },
		{ "nobody:wonder:land", NULL },
		{ "alice:looking-glass", NULL },
	};
	struct world *world = *state;
	world->settings.limits.login_failures = 0;
	world->settings.auth.schemes = SCHEME_BASIC;
	world->request.tls = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		enum auth_result result = world_send(world, basic(world, rows[i].login));
		assert_int_equal(result, rows[i].who ? AUTH_KNOWN : AUTH_CHALLENGE);
		if (rows[i].who)
			assert_true(span_equal_text(world->who.name, rows[i].who));
	}
	assert_int_equal(world_send(world, SPAN("Basic !")), AUTH_MALFORMED);
	world->request.realm = world->domains[1];
	assert_int_equal(world_send(world, basic(world, "alice:looking-glass")), AUTH_KNOWN);
	assert_true(span_equal_text(world->who.name, "sip:alice@example.net"));
}

/* --- failures --- */

static void past_the_limit_the_right_password_waits_too(void **state)
{
	struct world *world = *state;
	struct span fresh = world_sign(world, &alice);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(world_login(world, &mallory), AUTH_CHALLENGE);
		assert_int_equal(world->answer.retry_after, 0);
	}
	assert_int_equal(world_login(world, &mallory), AUTH_LIMITED);
	assert_int_equal(world->answer.retry_after, 60);
	world->request.now_ms += 20000;
	assert_int_equal(world_send(world, fresh), AUTH_LIMITED);
	assert_int_equal(world->answer.retry_after, 40);
	assert_null(world->who.name.data);
	assert_int_equal(auth_failures(world->auth), 3);
	const struct client bob = { .name = "bob", .password = "builder" };
	assert_int_equal(world_login(world, &bob), AUTH_KNOWN);
	world_peer(world, "192.0.2.77");
	assert_int_equal(world_login(world, &alice), AUTH_KNOWN);
	world_peer(world, "192.0.2.1");
	world->request.now_ms += 40000;
	assert_int_equal(world_send(world, fresh), AUTH_KNOWN);
}

static void names_that_nobody_has_are_limited_alike(void **state)
{
	struct world *world = *state;
	const struct client nobody = { .name = "nobody", .password = "x" };
	for (int i = 0; i < 3; i++) {
		assert_int_equal(world_login(world, &nobody), AUTH_CHALLENGE);
		assert_string_equal(world->answer.why, "wrong name or password");
	}
	assert_int_equal(world_login(world, &nobody), AUTH_LIMITED);
}

static void logins_that_were_merely_stale_are_not_failures(void **state)
{
	struct world *world = *state;
	struct client client = alice;
	client.nonce = "stale";
	for (int i = 0; i < 10; i++) {
		assert_int_equal(world_login(world, &client), AUTH_CHALLENGE);
		assert_int_equal(world_send(world, none), AUTH_CHALLENGE);
	}
	assert_int_equal(world_login(world, &alice), AUTH_KNOWN);
}

static void no_answer_lets_a_secret_out(void **state)
{
	struct world *world = *state;
	world->settings.auth.schemes = SCHEME_DIGEST | SCHEME_BASIC;
	world->request.tls = true;
	assert_int_equal(world_send(world, basic(world, "alice:hunter2")), AUTH_CHALLENGE);
	assert_null(strstr(world->answer.why, "hunter2"));
	assert_null(strstr(world->answer.why, "alice"));
}

static void without_memory_nobody_is_let_in_by_mistake(void **state)
{
	struct world *world = *state;
	world->settings.limits.login_failures = 0;
	world->request.authorization = edited(
		world, world_sign(world, &alice), "username=\"alice\"", "username=\"\\alice\"");
	world->request.authorizations = 1;
	enum auth_result result = AUTH_BROKEN;
	size_t nth = 0;
	while (result != AUTH_KNOWN && ++nth < 100) {
		struct arena *small = arena_new(64);
		struct span values[4];
		assert_true(small && arena_alloc(small, 60));
		arena_fail_at(nth);
		result = auth_identify(
			world->auth, small, &world->request, &world->who, &world->answer);
		size_t count = auth_challenge(world->auth, small, &world->request, false, values);
		arena_fail_at(0);
		arena_free(&small);
		assert_true(
			result == AUTH_BROKEN || result == AUTH_CHALLENGE || result == AUTH_KNOWN);
		assert_true(result == AUTH_KNOWN || !world->who.name.data);
		assert_true(result == AUTH_KNOWN || !count);
	}
	assert_int_equal(result, AUTH_KNOWN);
	assert_true(nth > 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(by_default_there_is_one_challenge_with_md5),
		TEST(challenges_come_in_the_configured_order_basic_last),
		TEST(basic_is_offered_over_tls_or_loopback_only),
		TEST(the_realm_is_the_users_domain_or_that_of_the_host),
		TEST(a_trusted_reader_needs_none_unless_it_forwards),
		TEST(from_a_trusted_address_credentials_decide),
		TEST(what_a_client_may_not_know_is_challenged_and_not_counted),
		TEST(several_algorithms_are_taken_when_several_are_offered),
		TEST(headers_nobody_could_mean_are_malformed),
		TEST(the_uri_may_be_written_as_real_clients_write_it),
		TEST(over_sip_the_uri_is_the_one_that_was_hashed),
		TEST(method_password_and_cnonce_are_all_covered),
		TEST(a_nonce_serves_many_requests_each_count_once),
		TEST(a_wrong_password_uses_up_no_count),
		TEST(an_old_or_foreign_nonce_is_stale_only_for_the_right_password),
		TEST(a_nonce_of_another_realm_is_stale),
		TEST(quotes_in_the_uri_may_be_escaped_and_names_too),
		TEST(a_response_in_capitals_is_the_same),
		TEST(basic_takes_every_form_of_name_and_colons_in_passwords),
		TEST(past_the_limit_the_right_password_waits_too),
		TEST(names_that_nobody_has_are_limited_alike),
		TEST(logins_that_were_merely_stale_are_not_failures),
		TEST(no_answer_lets_a_secret_out),
		TEST(without_memory_nobody_is_let_in_by_mistake),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
