/* links: xcapd_core */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/verdicts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct doc_id index_of_ann = { { "resource-lists", 14 }, TREE_USERS,
	{ "sip:ann@a.org", 13 }, { "index", 5 } };

static void a_verdict_is_known_after_it_was_learnt(void **state)
{
	(void)state;
	struct verdicts *verdicts;
	assert_true(verdicts_new(&verdicts));
	struct verdict_key key = verdict_key(1, &index_of_ann, SPAN("<a/>"));
	assert_false(verdicts_know(verdicts, &key));
	verdicts_learn(verdicts, &key);
	assert_true(verdicts_know(verdicts, &key));
	verdicts_free(&verdicts);
	assert_null(verdicts);
}

static void another_owner_other_rules_and_other_octets_are_other_verdicts(void **state)
{
	(void)state;
	struct doc_id bob = index_of_ann, shifted = index_of_ann, global = index_of_ann;
	bob.xui = SPAN("sip:bob@a.org");
	shifted.xui = SPAN("sip:ann@a.orgi");
	shifted.path = SPAN("ndex");
	global.tree = TREE_GLOBAL;
	struct verdict_key key = verdict_key(1, &index_of_ann, SPAN("<a/>"));
	const struct verdict_key others[] = {
		verdict_key(1, &bob, SPAN("<a/>")),
		verdict_key(1, &shifted, SPAN("<a/>")),
		verdict_key(1, &global, SPAN("<a/>")),
		verdict_key(2, &index_of_ann, SPAN("<a/>")),
		verdict_key(1, &index_of_ann, SPAN("<a />")),
	};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_memory_not_equal(key.hex, others[i].hex, sizeof(key.hex));
}

static void the_oldest_verdict_is_forgotten_first(void **state)
{
	(void)state;
	struct verdicts *verdicts;
	assert_true(verdicts_new(&verdicts));
	for (uint64_t i = 0; i <= 1024; i++) {
		struct verdict_key key = verdict_key(i, &index_of_ann, SPAN("<a/>"));
		verdicts_learn(verdicts, &key);
		verdicts_learn(verdicts, &key); /* takes no second place */
	}
	struct verdict_key first = verdict_key(0, &index_of_ann, SPAN("<a/>"));
	struct verdict_key second = verdict_key(1, &index_of_ann, SPAN("<a/>"));
	assert_false(verdicts_know(verdicts, &first));
	assert_true(verdicts_know(verdicts, &second));
	verdicts_free(&verdicts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_verdict_is_known_after_it_was_learnt),
		cmocka_unit_test(another_owner_other_rules_and_other_octets_are_other_verdicts),
		cmocka_unit_test(the_oldest_verdict_is_forgotten_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
