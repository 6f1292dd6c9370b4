/* links: xcapctl_core */
/* SPDX-License-Identifier: BSD-2-Clause */
/* File names and users.tsv of an export: whatever goes in comes out. */
#include "xcapctl/names.h"
#include "xcapctl/people.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

/* Names through which a segment goes, and what comes back; data == NULL: no memory. */
static struct span there_and_back(struct arena *arena, struct span segment, bool beside)
{
	struct span rest = name_encode(arena, segment);
	struct buffer back = { .arena = arena };
	enum name_kind kind = NAME_GOES_ON;
	while (kind == NAME_GOES_ON) {
		struct span name = rest.data ? name_cut(arena, &rest) : rest;
		bool last = !rest.size;
		if (name.data && last && beside)
			name = name_beside(arena, name);
		if (!name.data)
			return name;
		assert_true(name.size >= 1 && name.size <= 255);
		assert_false(span_find(name, '/', NULL));
		assert_false(span_equal_text(name, ".") || span_equal_text(name, ".."));
		kind = name_decode(name, !last || beside, &back);
		if (kind == NAME_BAD)
			return (struct span){ NULL, 0 };
		assert_int_equal(kind, last ? NAME_WHOLE : NAME_GOES_ON);
	}
	return buffer_span(&back);
}

static void every_segment_comes_back(void **state)
{
	static const char *const plain[] = { "index", ".", "..", "...", "a/b", "a b", "%", "%%",
		"100%25", "a%-", "\x01\x7f", "sip:alice@example.com", "Ж", "users.tsv" };
	(void)state;
	struct arena *arena = arena_new(1024);
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		for (int beside = 0; beside < 2; beside++) {
			struct span back = there_and_back(arena, span_of(plain[i]), beside);
			assert_true(span_equal(back, span_of(plain[i])));
		}
	arena_free(&arena);
}

static void long_segments_are_cut_and_come_back(void **state)
{
	static const char *const units[] = { "a", " ", "a ", "aa ", "Ж", "%" };
	(void)state;
	struct arena *arena = arena_new(1 << 16);
	for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++)
		for (size_t size = 1; size <= 255; size++) {
			struct buffer text = { .arena = arena };
			while (text.size + strlen(units[u]) <= size)
				buffer_text(&text, units[u]);
			if (!text.size)
				continue;
			for (int beside = 0; beside < 2; beside++)
				assert_true(span_equal(
					there_and_back(arena, buffer_span(&text), beside),
					buffer_span(&text)));
			arena_reset(arena);
		}
	arena_free(&arena);
}

static void a_readable_name_stays_readable(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1024);
	struct span name = name_encode(arena, SPAN("sip:alice@example.com"));
	assert_true(span_equal(name, SPAN("sip:alice@example.com")));
	assert_true(span_equal(name_encode(arena, SPAN("..")), SPAN("%2E%2E")));
	arena_free(&arena);
}

static void a_name_that_no_export_makes_is_bad(void **state)
{
	static const struct {
		const char *name;
		bool folder;
	} bad[] = { { "%", false }, { "%", true }, { "a%", false }, { "a%-", false },
		{ "%-", true }, { "%zz", true }, { "a%0", false }, { "a%00b", false },
		{ "", false } };
	(void)state;
	struct arena *arena = arena_new(1024);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buffer segment = { .arena = arena };
		assert_int_equal(
			name_decode(span_of(bad[i].name), bad[i].folder, &segment), NAME_BAD);
	}
	arena_free(&arena);
}

static void without_memory_there_is_no_name(void **state)
{
	(void)state;
	char text[240];
	memset(text, ' ', sizeof(text));
	for (size_t nth = 1;; nth++) {
		struct arena *arena = arena_new(16);
		arena_fail_at(nth);
		struct span back = there_and_back(arena, (struct span){ text, sizeof(text) }, true);
		arena_fail_at(0);
		bool well = back.data != NULL;
		assert_true(!well || span_equal(back, (struct span){ text, sizeof(text) }));
		arena_free(&arena);
		if (well)
			break;
		assert_true(nth < 100);
	}
}

/* --- users --- */

static void a_user_comes_back_with_all_digests(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1024);
	const struct credential credentials[] = {
		{ SPAN("al ice"), SPAN("a:b"), DIGEST_MD5, { 1, 2, 254 } },
		{ SPAN("sip:alice@example.com"), SPAN("example.com"), DIGEST_SHA256, { 9, 8, 7 } },
	};
	const struct user users[] = { { SPAN("sip:alice@example.com"), ROLE_USER, credentials, 2 },
		{ SPAN("sip:a\tb%20\n@x"), ROLE_READER, credentials, 1 },
		{ SPAN("admin"), ROLE_ADMIN, NULL, 0 } };
	for (size_t i = 0; i < 3; i++) {
		struct buffer line = { .arena = arena };
		struct user back;
		person_write(&line, &users[i]);
		struct span text = buffer_span(&line);
		assert_true(span_ends(text, SPAN("\n")));
		text.size--;
		assert_false(span_find(text, '\n', NULL));
		assert_null(person_read(arena, text, &back));
		assert_true(span_equal(back.name, users[i].name));
		assert_int_equal(back.role, users[i].role);
		assert_int_equal(back.count, users[i].count);
		for (size_t c = 0; c < back.count; c++) {
			const struct credential *have = &back.credentials[c];
			assert_true(span_equal(have->name, credentials[c].name));
			assert_true(span_equal(have->realm, credentials[c].realm));
			assert_int_equal(have->algorithm, credentials[c].algorithm);
			assert_memory_equal(have->ha1, credentials[c].ha1, DIGEST_OCTETS_MAX);
		}
	}
	arena_free(&arena);
}

static void a_bad_line_is_told_why(void **state)
{
	static const struct {
		const char *line, *why;
	} bad[] = {
		{ "sip:a@b", "not XUI" },
		{ "sip:a@b\tking\t", "no such role" },
		{ "sip:%zz@b\tuser\t", "the XUI" },
		{ "sip:a@b\tuser\tMD5:r:n:00", "a digest" },
		{ "sip:a@b\tuser\tMD6:r:n:00112233445566778899aabbccddeeff", "a digest" },
		{ "sip:a@b\tuser\tMD5:r::00112233445566778899aabbccddeeff", "a digest" },
		{ "sip:a@b\tuser\t MD5:r:n:00112233445566778899aabbccddeeff", "a digest" },
	};
	(void)state;
	struct arena *arena = arena_new(1024);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct user user;
		const char *why = person_read(arena, span_of(bad[i].line), &user);
		assert_non_null(why);
		assert_true(span_starts(span_of(why), span_of(bad[i].why)));
	}
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_segment_comes_back),
		cmocka_unit_test(long_segments_are_cut_and_come_back),
		cmocka_unit_test(a_readable_name_stays_readable),
		cmocka_unit_test(a_name_that_no_export_makes_is_bad),
		cmocka_unit_test(without_memory_there_is_no_name),
		cmocka_unit_test(a_user_comes_back_with_all_digests),
		cmocka_unit_test(a_bad_line_is_told_why),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
