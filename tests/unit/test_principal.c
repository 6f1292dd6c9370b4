/* links: base xcap */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/principal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ALICE SPAN("sip:alice@example.com")
#define DOMAIN SPAN("example.com")

static void check_digest(
	enum digest_algorithm algorithm, const struct span *parts, size_t count, const char *wanted)
{
	char hex[DIGEST_HEX_MAX];
	digest_hex(algorithm, parts, count, hex);
	assert_int_equal(strlen(wanted), digest_hex_size(algorithm));
	assert_memory_equal(hex, wanted, digest_hex_size(algorithm));
}

static void a_hash_is_that_of_the_joined_parts(void **state)
{
	(void)state;
	static const struct span empty = { NULL, 0 };
	const struct span abc[] = { SPAN("a"), empty, SPAN("bc") };
	check_digest(DIGEST_MD5, NULL, 0, "d41d8cd98f00b204e9800998ecf8427e");
	check_digest(DIGEST_MD5, abc, COUNT(abc), "900150983cd24fb0d6963f7d28e17f72");
	check_digest(DIGEST_SHA256, NULL, 0,
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check_digest(DIGEST_SHA256, abc, COUNT(abc),
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* RFC 7616 §3.9.1: Mufasa's response, from the HA1 that is made here. */
static const struct {
	enum digest_algorithm algorithm;
	const char *response;
} mufasa[] = {
	{ DIGEST_MD5, "8ca523f5e9506fed4657c9700eebdbec" },
	{ DIGEST_SHA256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1" },
};

static void the_digest_example_of_rfc_7616_comes_out(void **state)
{
	struct arena *arena = *state;
	const struct span realm = SPAN("http-auth@example.org");
	struct user user = { .name = SPAN("Mufasa"), .role = ROLE_ADMIN };
	assert_true(principal_credentials(
		arena, &user, SPAN("Circle of Life"), &realm, 1, SPAN("example.org")));
	assert_int_equal(user.count, DIGEST_ALGORITHMS);
	for (size_t i = 0; i < COUNT(mufasa); i++) {
		enum digest_algorithm algorithm = mufasa[i].algorithm;
		size_t size = digest_hex_size(algorithm);
		char ha1[DIGEST_HEX_MAX], ha2[DIGEST_HEX_MAX];
		const struct span request[] = { SPAN("GET:/dir/index.html") };
		assert_int_equal(user.credentials[i].algorithm, algorithm);
		hex_encode(user.credentials[i].ha1, size / 2, ha1);
		digest_hex(algorithm, request, 1, ha2);
		const struct span parts[] = {
			{ ha1, size },
			SPAN(":7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v:00000001:"
			     "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ:auth:"),
			{ ha2, size },
		};
		check_digest(algorithm, parts, COUNT(parts), mufasa[i].response);
	}
}

static const struct {
	const char *name;
	enum role role;
	const char *realm;
	const char *logins[4];
} named[] = {
	{ "sip:alice@example.com", ROLE_USER, "example.com",
		{ "alice", "alice@example.com", "sip:alice@example.com" } },
	{ "sip:alice@example.com", ROLE_USER, "EXAMPLE.com",
		{ "alice", "alice@example.com", "sip:alice@example.com" } },
	{ "sip:alice@example.com", ROLE_USER, "example.org",
		{ "alice@example.com", "sip:alice@example.com" } },
	{ "sip:alice@example.com", ROLE_USER, "the realm",
		{ "alice@example.com", "sip:alice@example.com" } },
	{ "alice", ROLE_USER, "example.com",
		{ "alice", "alice@example.com", "sip:alice@example.com" } },
	{ "sip:a:b@example.com", ROLE_USER, "example.com",
		{ "a:b", "a:b@example.com", "sip:a:b@example.com" } },
	{ "tel:+1212555", ROLE_USER, "example.com", { "tel:+1212555" } },
	{ "sips:alice@example.com", ROLE_USER, "example.com", { "sips:alice@example.com" } },
	{ "admin", ROLE_ADMIN, "example.com", { "admin" } },
	{ "admin", ROLE_ADMIN, "example.org", { "admin" } },
	{ "presence", ROLE_READER, "example.com", { "presence" } },
	{ "with space", ROLE_READER, "example.com", { "with space" } },
	{ "sip:root@example.com", ROLE_ADMIN, "example.com",
		{ "root", "root@example.com", "sip:root@example.com" } },
	{ "", ROLE_ADMIN, "example.com", { NULL } },
	{ "al ice", ROLE_USER, "example.com", { NULL } },
};

static void a_user_logs_in_under_every_form_of_the_name(void **state)
{
	struct arena *arena = *state;
	for (size_t i = 0; i < COUNT(named); i++) {
		struct span logins[3];
		size_t count = principal_login_names(arena, span_of(named[i].name), named[i].role,
			span_of(named[i].realm), DOMAIN, logins);
		for (size_t n = 0; n < count; n++)
			assert_true(span_equal_text(logins[n], named[i].logins[n]));
		assert_null(named[i].logins[count]);
	}
}

static void there_is_a_hash_for_each_name_algorithm_and_realm(void **state)
{
	struct arena *arena = *state;
	const struct span realms[] = { SPAN("example.com"), SPAN("example.org") };
	struct user user = { .name = ALICE, .role = ROLE_USER };
	assert_true(principal_credentials(
		arena, &user, SPAN("pass:word"), realms, COUNT(realms), DOMAIN));
	assert_int_equal(user.count, (3 + 2) * DIGEST_ALGORITHMS);
	for (size_t i = 0; i < user.count; i++) {
		const struct credential *one = &user.credentials[i];
		struct span text = arena_format(
			arena, "%.*s:%.*s:pass:word", SPAN_ARG(one->name), SPAN_ARG(one->realm));
		char wanted[DIGEST_HEX_MAX], found[DIGEST_HEX_MAX];
		digest_hex(one->algorithm, &text, 1, wanted);
		hex_encode(one->ha1, digest_hex_size(one->algorithm) / 2, found);
		assert_memory_equal(found, wanted, digest_hex_size(one->algorithm));
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(one->ha1, user.credentials[j].ha1, 16);
	}
}

static void without_realms_there_are_no_credentials(void **state)
{
	struct arena *arena = *state;
	struct user user = { .name = ALICE, .role = ROLE_USER };
	assert_true(principal_credentials(arena, &user, SPAN("x"), NULL, 0, DOMAIN));
	assert_int_equal(user.count, 0);
}

static void roles_have_names(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum role role;
	} roles[] = { { "user", ROLE_USER }, { "reader", ROLE_READER }, { "admin", ROLE_ADMIN } };
	enum role role;
	for (size_t i = 0; i < COUNT(roles); i++) {
		assert_true(role_parse(span_of(roles[i].text), &role));
		assert_int_equal(role, roles[i].role);
		assert_string_equal(role_text(role), roles[i].text);
	}
	assert_false(role_parse(SPAN(""), &role));
	assert_false(role_parse(SPAN("Admin"), &role));
	assert_false(role_parse(SPAN("admin "), &role));
}

static void algorithms_have_the_names_of_rfc_7616(void **state)
{
	(void)state;
	assert_string_equal(digest_algorithm_text(DIGEST_MD5), "MD5");
	assert_string_equal(digest_algorithm_text(DIGEST_SHA256), "SHA-256");
}

static void without_memory_there_are_no_credentials(void **state)
{
	(void)state;
	const struct span realms[] = { SPAN("example.com"), SPAN("example.org") };
	for (size_t nth = 1, done = 0; !done; nth++) {
		struct arena *arena = arena_new(1);
		struct user user = { .name = ALICE, .role = ROLE_USER };
		arena_fail_at(nth);
		done = principal_credentials(
			arena, &user, SPAN("x"), realms, COUNT(realms), DOMAIN);
		arena_fail_at(0);
		assert_true(nth > 1 || !done);
		assert_int_equal(user.count, done ? 10 : 0);
		arena_free(&arena);
	}
}

static int set_up(void **state)
{
	*state = arena_new(4096);
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	struct arena *arena = *state;
	arena_free(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hash_is_that_of_the_joined_parts),
		cmocka_unit_test(the_digest_example_of_rfc_7616_comes_out),
		cmocka_unit_test(a_user_logs_in_under_every_form_of_the_name),
		cmocka_unit_test(there_is_a_hash_for_each_name_algorithm_and_realm),
		cmocka_unit_test(without_realms_there_are_no_credentials),
		cmocka_unit_test(roles_have_names),
		cmocka_unit_test(algorithms_have_the_names_of_rfc_7616),
		cmocka_unit_test(without_memory_there_are_no_credentials),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
