/* links: auth */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading Authorization headers (RFC 7616 §3.4, RFC 7617 §2, CLIENTS.md). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth/header.h"

#include <stdlib.h>
#include <string.h>

#define REST "realm=\"r\", nonce=\"n\", response=\"0\""
#define ALL "username=\"a\", uri=\"/\", " REST

static struct arena *arena;

static int start(void **state)
{
	(void)state;
	arena = arena_new(4096);
	return arena ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void each_header_is_read_or_refused_as_it_should_be(void **state)
{
	static const struct {
		const char *header;
		enum authorization_kind kind;
	} rows[] = {
		{ "Digest " ALL, AUTHORIZATION_DIGEST },
		{ "digest " ALL, AUTHORIZATION_DIGEST },
		{ "DIGEST   " ALL "  ", AUTHORIZATION_DIGEST },
		{ "Digest " ALL ", opaque=, x=y", AUTHORIZATION_DIGEST },
		{ "Digest ,, " ALL " ,", AUTHORIZATION_DIGEST },
		{ "Digest " ALL ",stale=\"a\\\"b\",stale=1", AUTHORIZATION_DIGEST },
		{ "Digest " ALL ",nc=0000000A", AUTHORIZATION_DIGEST },
		{ "Digest " ALL ",nc=\"00000001\"", AUTHORIZATION_DIGEST },
		{ "Digest uRI = \"/\" ,\tusername\t=a,realm=r , nonce=n,response=0",
			AUTHORIZATION_DIGEST },
		{ "Digest username*=UTF-8''%C3%A4, uri=/, " REST, AUTHORIZATION_DIGEST },
		{ "Basic YTpi", AUTHORIZATION_BASIC },
		{ "bAsIc   YTpi", AUTHORIZATION_BASIC },
		{ "Bearer abc.def", AUTHORIZATION_OTHER },
		{ "Negotiate", AUTHORIZATION_OTHER },
		{ "", AUTHORIZATION_MALFORMED },
		{ "   ", AUTHORIZATION_MALFORMED },
		{ "Basic", AUTHORIZATION_MALFORMED },
		{ "Digest", AUTHORIZATION_MALFORMED },
		{ "Digest,", AUTHORIZATION_MALFORMED },
		{ "\"Digest\" " ALL, AUTHORIZATION_MALFORMED },
		{ "Digest " ALL ", realm=\"r\"", AUTHORIZATION_MALFORMED },
		{ "Digest " ALL ", REALM=\"\"", AUTHORIZATION_MALFORMED },
		{ "Digest " ALL ", nc=1", AUTHORIZATION_MALFORMED },
		{ "Digest " ALL ", nc=0000000g", AUTHORIZATION_MALFORMED },
		{ "Digest " ALL ", nc=000000001", AUTHORIZATION_MALFORMED },
		{ "Digest " ALL ", cnonce=\"open", AUTHORIZATION_MALFORMED },
		{ "Digest " ALL ", cnonce=\"open\\\"", AUTHORIZATION_MALFORMED },
		{ "Digest " ALL ", cnonce=\"a\"b", AUTHORIZATION_MALFORMED },
		{ "Digest " ALL ", cnonce=a\"b", AUTHORIZATION_MALFORMED },
		{ "Digest " ALL ", cnonce=a b", AUTHORIZATION_MALFORMED },
		{ "Digest " ALL ", cnonce=\"a\nb\"", AUTHORIZATION_MALFORMED },
		{ "Digest " ALL ", cnonce", AUTHORIZATION_MALFORMED },
		{ "Digest " ALL ", =x", AUTHORIZATION_MALFORMED },
		{ "Digest " ALL "; cnonce=x", AUTHORIZATION_MALFORMED },
		{ "Digest " ALL ", username*=UTF-8''a", AUTHORIZATION_MALFORMED },
		{ "Digest username*=latin1''a, uri=/, " REST, AUTHORIZATION_MALFORMED },
		{ "Digest username*=UTF-8'a, uri=/, " REST, AUTHORIZATION_MALFORMED },
		{ "Digest username*=UTF-8''%C3, uri=/, " REST, AUTHORIZATION_MALFORMED },
		{ "Digest username*=UTF-8''%, uri=/, " REST, AUTHORIZATION_MALFORMED },
		{ "Digest username=\"a\", " REST, AUTHORIZATION_MALFORMED },
		{ "Digest uri=\"/\", " REST, AUTHORIZATION_MALFORMED },
		{ "Digest username=a, uri=/, realm=r, nonce=n", AUTHORIZATION_MALFORMED },
		{ "Digest username=a, uri=/, realm=r, response=r", AUTHORIZATION_MALFORMED },
		{ "Digest username=a, uri=/, nonce=r, response=r", AUTHORIZATION_MALFORMED },
		{ "Digest " ALL ", Basic YTpi", AUTHORIZATION_MALFORMED },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct authorization read;
		enum authorization_kind kind =
			authorization_parse(arena, span_of(rows[i].header), &read);
		if (kind != rows[i].kind)
			print_error("row %zu: %s\n", i, rows[i].header);
		assert_int_equal(kind, rows[i].kind);
	}
}

static void a_nul_octet_is_refused_inside_and_outside_quotes(void **state)
{
	(void)state;
	struct authorization read;
	assert_int_equal(authorization_parse(arena, SPAN("Digest " ALL ", x=a\0b"), &read),
		AUTHORIZATION_MALFORMED);
	assert_int_equal(authorization_parse(arena, SPAN("Digest " ALL ", x=\"a\0b\""), &read),
		AUTHORIZATION_MALFORMED);
	assert_int_equal(
		authorization_parse(arena, SPAN("Digest\0" ALL), &read), AUTHORIZATION_MALFORMED);
}

static void a_header_over_8_kib_is_refused(void **state)
{
	(void)state;
	struct authorization read;
	struct buffer text = { .arena = arena };
	buffer_text(&text, "Digest " ALL ", x=");
	while (text.size < AUTHORIZATION_MAX)
		buffer_octet(&text, 'x');
	assert_int_equal(
		authorization_parse(arena, buffer_span(&text), &read), AUTHORIZATION_DIGEST);
	buffer_octet(&text, 'x');
	assert_int_equal(
		authorization_parse(arena, buffer_span(&text), &read), AUTHORIZATION_MALFORMED);
}

static void parameters_come_out_without_quotes_and_escapes(void **state)
{
	(void)state;
	struct authorization read;
	struct span header = SPAN("Digest username=\"D\\\\al\\\"ice\", realm=\"a, b=c\", nonce=n, "
				  "uri=\"/x\", response=\"00ff\", algorithm=MD5, cnonce=\"\", "
				  "qop=\"auth\", nc=0000ffAB, userhash=false");
	assert_int_equal(authorization_parse(arena, header, &read), AUTHORIZATION_DIGEST);
	assert_true(span_equal_text(read.digest.username, "D\\al\"ice"));
	assert_true(span_equal_text(read.digest.realm, "a, b=c"));
	assert_true(span_equal_text(read.digest.nonce, "n"));
	assert_true(span_equal_text(read.digest.uri, "/x"));
	assert_true(span_equal_text(read.digest.response, "00ff"));
	assert_true(span_equal_text(read.digest.algorithm, "MD5"));
	assert_true(read.digest.cnonce.data && !read.digest.cnonce.size);
	assert_true(span_equal_text(read.digest.qop, "auth"));
	assert_true(span_equal_text(read.digest.userhash, "false"));
	assert_int_equal(read.digest.count, 0xffab);
}

static void a_name_may_come_in_its_extended_form(void **state)
{
	(void)state;
	struct authorization read;
	struct span header = SPAN("Digest username*=utf-8'de'J%C3%A4s%C3%B8n, uri=/, " REST);
	assert_int_equal(authorization_parse(arena, header, &read), AUTHORIZATION_DIGEST);
	assert_true(span_equal_text(read.digest.username, "J\xc3\xa4s\xc3\xb8n"));
}

static void the_uri_may_hold_raw_quotes(void **state)
{
	static const struct {
		const char *written, *uri;
	} rows[] = {
		{ "\"/a/~~/b[@n=\"x\"]\", qop=auth", "/a/~~/b[@n=\"x\"]" },
		{ "\"/a/~~/b[@n=\"x\"]\"", "/a/~~/b[@n=\"x\"]" },
		{ "\"/a/~~/b[@n=\"x,y\"]\"  ,qop = auth", "/a/~~/b[@n=\"x,y\"]" },
		{ "\"/a?xmlns(p=\"urn:x\")\",\tqop=auth", "/a?xmlns(p=\"urn:x\")" },
		{ "\"/a[@n=\"x\", y]\",qop=auth", "/a[@n=\"x\", y]" },
		{ "\"/a\"\" , ", "/a\"" },
		{ "\"/a\\\"b\",qop=auth", "/a\\\"b" },
		{ "/a/b[@n='x'] , qop=auth", "/a/b[@n='x']" },
		{ "\"\"", "" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct authorization read;
		struct span header =
			arena_format(arena, "Digest username=a, " REST ", uri=%s", rows[i].written);
		assert_int_equal(authorization_parse(arena, header, &read), AUTHORIZATION_DIGEST);
		assert_string_equal(arena_text(arena, read.digest.uri), rows[i].uri);
	}
}

static void a_digest_uri_names_the_target_in_any_spelling_of_it(void **state)
{
	static const struct {
		const char *uri, *target, *hashed; /* hashed NULL: no match */
	} rows[] = {
		{ "/a/b?q", "/a/b?q", "/a/b?q" },
		{ "http://h:80/a/b?q", "/a/b?q", "http://h:80/a/b?q" },
		{ "/a/b?q", "HTTPS://h/a/b?q", "/a/b?q" },
		{ "http://x/a", "http://y/a", "http://x/a" },
		{ "http://x", "/", "http://x" },
		{ "/a[@n=\"x\"]", "/a%5B@n=%22x%22%5d", "/a[@n=\"x\"]" },
		{ "/a%5b@n=%22x%22%5D", "/a%5B@n=%22x%22%5d", "/a%5b@n=%22x%22%5D" },
		{ "/a[@n=\\\"x\\\"]", "/a[@n=\"x\"]", "/a[@n=\"x\"]" },
		{ "/a\\b", "/a\\b", "/a\\b" },
		{ "/a%2541", "/a%2541", "/a%2541" },
		{ "/a/b", "/a/b?q", NULL },
		{ "/a/b", "/a/c", NULL },
		{ "/a/B", "/a/b", NULL },
		{ "/a%2541", "/aA", NULL },
		{ "/a%4", "/a%5", NULL },
		{ "", "/", NULL },
		{ "ftp://h/a", "/a", NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct span hashed;
		bool same = digest_uri_matches(
			arena, span_of(rows[i].uri), span_of(rows[i].target), &hashed);
		if (same != (rows[i].hashed != NULL))
			print_error("row %zu: %s %s\n", i, rows[i].uri, rows[i].target);
		assert_int_equal(same, rows[i].hashed != NULL);
		if (same)
			assert_string_equal(arena_text(arena, hashed), rows[i].hashed);
	}
}

static void basic_credentials_are_decoded_and_cut(void **state)
{
	static const struct {
		const char *token, *name, *password; /* name NULL: malformed */
	} rows[] = {
		{ "QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame" },
		{ "QWxhZGRpbjpvcGVuIHNlc2FtZQ", "Aladdin", "open sesame" },
		{ "YTpiOmM=", "a", "b:c" },
		{ "Og==", "", "" },
		{ "c2lwOmFsaWNlQGV4YW1wbGUuY29tOnA6dw==", "sip:alice@example.com", "p:w" },
		{ "U0lQUzphQGI6cA==", "SIPS:a@b", "p" },
		{ "dGVsOisxNTU1OnA=", "tel:+1555", "p" },
		{ "c2lwOmFsaWNl", "sip", "alice" },
		{ "YWxpY2U=", NULL, NULL }, /* no colon */
		{ "YTpi===", NULL, NULL },  /* too much padding */
		{ "YTp i", NULL, NULL },    /* a space */
		{ "YTpiA", NULL, NULL },    /* six bits left over */
		{ "Oh==", NULL, NULL },     /* bits that should be zero */
		{ "YTpi_w==", NULL, NULL }, /* another alphabet */
		{ "YToAYg==", NULL, NULL }, /* NUL */
		{ "YTpiCg==", NULL, NULL }, /* line feed */
		{ "=", NULL, NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct basic_login login;
		enum authorization_kind why;
		bool read = basic_decode(arena, span_of(rows[i].token), &login, &why);
		if (read != (rows[i].name != NULL))
			print_error("row %zu: %s\n", i, rows[i].token);
		assert_int_equal(read, rows[i].name != NULL);
		if (!read) {
			assert_int_equal(why, AUTHORIZATION_MALFORMED);
			continue;
		}
		assert_string_equal(arena_text(arena, login.name), rows[i].name);
		assert_string_equal(arena_text(arena, login.password), rows[i].password);
	}
}

static void without_memory_no_header_is_called_malformed(void **state)
{
	(void)state;
	struct buffer long_name = { .arena = arena };
	buffer_text(&long_name, "Digest " REST ", uri=/, username=\"\\\"");
	for (int i = 0; i < 3000; i++)
		buffer_octet(&long_name, 'x');
	buffer_octet(&long_name, '"');
	for (size_t nth = 1;; nth++) {
		struct arena *small = arena_new(64);
		assert_non_null(small);
		struct authorization read;
		arena_fail_at(nth);
		enum authorization_kind kind =
			authorization_parse(small, buffer_span(&long_name), &read);
		struct basic_login login;
		enum authorization_kind why = AUTHORIZATION_BASIC;
		bool decoded =
			basic_decode(small, SPAN("QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), &login, &why);
		arena_fail_at(0);
		arena_free(&small);
		assert_true(kind == AUTHORIZATION_DIGEST || kind == AUTHORIZATION_NO_MEMORY);
		assert_true(decoded || why == AUTHORIZATION_NO_MEMORY);
		if (kind == AUTHORIZATION_DIGEST && decoded) {
			assert_true(nth > 1);
			return;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_header_is_read_or_refused_as_it_should_be),
		cmocka_unit_test(a_nul_octet_is_refused_inside_and_outside_quotes),
		cmocka_unit_test(a_header_over_8_kib_is_refused),
		cmocka_unit_test(parameters_come_out_without_quotes_and_escapes),
		cmocka_unit_test(a_name_may_come_in_its_extended_form),
		cmocka_unit_test(the_uri_may_hold_raw_quotes),
		cmocka_unit_test(a_digest_uri_names_the_target_in_any_spelling_of_it),
		cmocka_unit_test(basic_credentials_are_decoded_and_cut),
		cmocka_unit_test(without_memory_no_header_is_called_malformed),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
