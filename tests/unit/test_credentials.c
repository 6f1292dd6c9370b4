/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/header.h"
#include "auth/login.h"
#include "notifier/credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct credentials_for notify = {
	.username = { "xcapd", 5 },
	.password = { "secret", 6 },
	.method = { "NOTIFY", 6 },
	.uri = { "sip:presence@127.0.0.1:5060", 27 },
};

/* The line, read and proved by the code that proves our own users. */
static void check_line(struct span line, enum digest_algorithm algorithm, const char *realm)
{
	struct arena *arena = arena_new(4096);
	struct authorization read;
	size_t at = 0;
	char wanted[DIGEST_HEX_MAX], hex[DIGEST_HEX_MAX];
	uint8_t ha1[DIGEST_OCTETS_MAX];
	assert_true(span_find(line, ':', &at) && span_ends(line, SPAN("\r\n")));
	assert_int_equal(authorization_parse(arena, span_trim(span_from(line, at + 1)), &read),
		AUTHORIZATION_DIGEST);
	const struct span parts[] = { notify.username, SPAN(":"), span_of(realm), SPAN(":"),
		notify.password };
	digest_hex(algorithm, parts, 5, hex);
	size_t size = digest_hex_size(algorithm);
	assert_true(hex_decode((struct span){ hex, size }, ha1, size / 2));
	const struct login login = { .digest = &read.digest,
		.algorithm = algorithm,
		.method = notify.method,
		.uri = notify.uri };
	login_response(&login, ha1, wanted);
	assert_true(span_equal(read.digest.response, (struct span){ wanted, size }));
	assert_true(span_equal(read.digest.uri, notify.uri));
	arena_free(&arena);
}

static void a_challenge_is_answered_so_that_the_other_side_can_prove_it(void **state)
{
	(void)state;
	static const struct {
		const char *challenge;
		enum digest_algorithm algorithm;
		bool proxy;
	} cases[] = {
		{ "Digest realm=\"ps.org\", nonce=\"a,b=c\", qop=\"auth,auth-int\"", DIGEST_MD5,
			false },
		{ "digest  nonce=\"n\",realm=\"ps.org\",algorithm=MD5 , qop=auth", DIGEST_MD5,
			true },
		{ "Digest algorithm=SHA-256, realm=\"ps.org\", nonce=\"n\", opaque=\"o\", "
		  "qop=\"auth\", stale=FALSE",
			DIGEST_SHA256, false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct credentials credentials = { .asked = false };
		struct arena *arena = arena_new(1024);
		bool stale;
		assert_true(credentials_take(
			&credentials, span_of(cases[i].challenge), cases[i].proxy, &stale));
		assert_false(stale);
		for (int j = 1; j <= 3; j++) {
			struct span line = credentials_line(&credentials, arena, &notify);
			char count[16];
			snprintf(count, sizeof(count), "nc=%08x", (unsigned)j);
			assert_true(span_search(line, span_of(count), NULL));
			assert_int_equal(
				span_starts(line, SPAN("Proxy-Authorization:")), cases[i].proxy);
			assert_int_equal(span_search(line, SPAN("opaque=\"o\""), NULL), i == 2);
			check_line(line, cases[i].algorithm, "ps.org");
		}
		arena_free(&arena);
		credentials_end(&credentials);
	}
}

static void without_qop_the_answer_is_that_of_rfc_2069(void **state)
{
	(void)state;
	struct credentials credentials = { .asked = false };
	struct arena *arena = arena_new(1024);
	bool stale;
	assert_int_equal(credentials_line(&credentials, arena, &notify).size, 0);
	assert_true(credentials_take(
		&credentials, SPAN("Digest realm=\"r\", nonce=\"n\", stale=true"), false, &stale));
	assert_true(stale);
	struct span line = credentials_line(&credentials, arena, &notify);
	/* md5(md5("xcapd:r:secret") ":n:" md5("NOTIFY:sip:presence@127.0.0.1:5060")) */
	assert_true(span_search(line, SPAN("ce26d32a5a42164a25b7c059820a5433"), NULL));
	assert_false(span_search(line, SPAN("qop"), NULL));
	arena_free(&arena);
	credentials_end(&credentials);
}

static void what_cannot_be_answered_is_left_alone(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "Basic realm=\"r\"", "Digest", "Digest realm=\"r\"",
		"Digest nonce=\"n\"", "Digest realm=\"r\", nonce=\"n", "Digest realm=r\", nonce=\"",
		"Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"",
		"Digest realm=\"r\", nonce=\"n\", algorithm=SHA-512-256" };
	struct credentials credentials = { .asked = false };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bool stale = true;
		assert_false(credentials_take(&credentials, span_of(bad[i]), false, &stale));
		assert_false(stale || credentials.asked);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_challenge_is_answered_so_that_the_other_side_can_prove_it),
		cmocka_unit_test(without_qop_the_answer_is_that_of_rfc_2069),
		cmocka_unit_test(what_cannot_be_answered_is_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
