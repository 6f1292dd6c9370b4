/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/publications.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ANN SPAN("sip:ann@example.com")
#define BOB SPAN("sip:bob@example.com")

static void check_tag(
	const struct publications *all, struct span owner, uint64_t now, const char *wanted)
{
	struct span tag = publications_find(all, owner, now);
	if (wanted)
		assert_true(span_equal_text(tag, wanted));
	else
		assert_null(tag.data);
}

static void a_tag_lives_until_it_expires_or_is_forgotten(void **state)
{
	(void)state;
	struct publications *all = publications_new();
	publications_keep(all, ANN, SPAN("a1"), 100);
	publications_keep(all, BOB, SPAN("b1"), 200);
	check_tag(all, ANN, 99, "a1");
	check_tag(all, ANN, 100, NULL);
	check_tag(all, BOB, 199, "b1");
	publications_keep(all, BOB, SPAN("b2"), 300);
	check_tag(all, BOB, 250, "b2");
	publications_keep(all, BOB, SPAN(""), 0);
	check_tag(all, BOB, 250, NULL);
	publications_free(&all);
	assert_null(all);
}

static void many_owners_never_see_each_others_tags(void **state)
{
	(void)state;
	struct publications *all = publications_new();
	char name[64], tag[32];
	size_t kept = 0;
	for (int i = 0; i < 50000; i++) {
		snprintf(name, sizeof(name), "sip:user%d@example.com", i);
		snprintf(tag, sizeof(tag), "t%d", i);
		publications_keep(all, span_of(name), span_of(tag), 10);
	}
	for (int i = 0; i < 50000; i++) {
		snprintf(name, sizeof(name), "sip:user%d@example.com", i);
		snprintf(tag, sizeof(tag), "t%d", i);
		struct span found = publications_find(all, span_of(name), 1);
		if (found.data) {
			kept++;
			assert_true(span_equal_text(found, tag));
		}
	}
	assert_true(kept > 1000 && kept <= 8192);
	char longest[200];
	memset(longest, 'x', sizeof(longest));
	publications_keep(all, ANN, (struct span){ longest, sizeof(longest) }, 10);
	check_tag(all, ANN, 1, NULL);
	publications_free(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tag_lives_until_it_expires_or_is_forgotten),
		cmocka_unit_test(many_owners_never_see_each_others_tags),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
