/* links: usages */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "auids/misread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD                                                     \
	"<ruleset xmlns='urn:ietf:params:xml:ns:common-policy' " \
	"xmlns:pr='urn:ietf:params:xml:ns:pres-rules'>"
#define SHOWS                                                                            \
	"<transformations><pr:provide-services><pr:all-services/></pr:provide-services>" \
	"<pr:provide-persons><pr:all-persons/></pr:provide-persons><pr:provide-devices>" \
	"<pr:all-devices/></pr:provide-devices><pr:provide-all-attributes/></transformations>"
#define RULE(id, identity, handling)                                                   \
	"<rule id='" id "'><conditions><identity>" identity "</identity></conditions>" \
	"<actions><pr:sub-handling>" handling "</pr:sub-handling></actions>" SHOWS "</rule>"
#define BOB "<one id='sip:bob@example.com'/>"
#define ANN "<one id='sip:ann@example.com'/>"

/* what is found: "rule: beginning of the phrase", one after the other */
static const struct {
	const char *document, *found[3];
} cases[] = {
	{ HEAD RULE("a", BOB, "allow") RULE("b", ANN, "block") "</ruleset>", { NULL } },
	{ HEAD "\n" RULE("a", BOB, "allow") "\n <!-- friends --> " RULE(
		  "b", ANN, "allow") "</ruleset>",
		{ "b: it is not read: a comment" } },
	{ HEAD "<?x y?>" RULE("a", BOB, "block") "</ruleset>", { "a: it is not read: a comment" } },
	{ HEAD RULE("a", BOB, "allow") "<!-- the end --></ruleset>", { NULL } },
	{ HEAD "<rule id='a'><actions/></rule>" RULE("b", BOB, "allow")
			RULE("c", ANN, "allow") "</ruleset>",
		{ "a: it matches nobody", "b: it is not read: a rule",
			"c: it is not read: a rule" } },
	{ HEAD RULE("a", "<many><except id='sip:bob@example.com'/></many>", "allow") "</ruleset>",
		{ "a: it lets in those" } },
	{ HEAD RULE("a", BOB, "block") RULE("b", BOB ANN, "allow") "</ruleset>",
		{ "b: an earlier rule" } },
	{ HEAD RULE("a", BOB, "allow") RULE("b", BOB, "block") "</ruleset>", { NULL } },
	{ HEAD RULE("a", "<many/>", "polite-block") RULE("b", ANN, "allow") "</ruleset>",
		{ "b: an earlier rule" } },
	{ HEAD RULE("a", "<many domain='other.org'/>", "block")
			RULE("b", ANN, "allow") "</ruleset>",
		{ NULL } },
	{ HEAD RULE("a", "<many domain='EXAMPLE.com'/>", "block")
			RULE("b", ANN, "allow") "</ruleset>",
		{ "b: an earlier rule" } },
	{ HEAD "<rule id='a'><conditions><identity>" BOB "</identity></conditions><actions>"
	       "<pr:sub-handling>allow</pr:sub-handling></actions></rule></ruleset>",
		{ NULL } },
	{ HEAD "<rule id='a'><conditions><identity>" BOB "</identity></conditions><actions>"
	       "<pr:sub-handling>allow</pr:sub-handling></actions><transformations>"
	       "<pr:provide-services><pr:all-services/></pr:provide-services>"
	       "</transformations></rule></ruleset>",
		{ "a: it shows all" } },
	{ HEAD "<rule id='a'><conditions><identity>" BOB "</identity></conditions><actions>"
	       "<pr:sub-handling>block</pr:sub-handling></actions></rule></ruleset>",
		{ NULL } },
	{ HEAD "</ruleset>", { NULL } },
	{ "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'/>", { NULL } },
	{ "not XML", { NULL } },
};

static void what_kamailio_reads_differently_is_found_by_rule(void **state)
{
	(void)state;
	const struct xml_limits limits = { 64, XML_ATTRIBUTES_MOST, 0 };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena *arena = arena_new(1024);
		struct misreading found[3];
		size_t count = misread_rules(arena, span_of(cases[i].document), &limits, found, 3);
		size_t wanted = 0;
		for (; wanted < 3 && cases[i].found[wanted]; wanted++) {
			assert_true(wanted < count);
			struct span text = arena_format(arena, "%.*s: %s",
				SPAN_ARG(found[wanted].rule), found[wanted].what);
			assert_true(span_starts(text, span_of(cases[i].found[wanted])));
		}
		assert_int_equal(count, wanted);
		arena_free(&arena);
	}
}

static int begin(void **state)
{
	(void)state;
	xml_start();
	return 0;
}

static int end(void **state)
{
	(void)state;
	xml_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_kamailio_reads_differently_is_found_by_rule),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
