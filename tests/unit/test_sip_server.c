/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests that come in: the server transaction (RFC 3261 §17.2.2), which one a request belongs to
 * (§17.2.3), CANCEL (§9.2), and how many there may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "notifier/sip_transaction.h"
#include "unit/sip_world.h"

enum { HELD_MOST = 16 };

static struct sip *sip;
static struct sip_incoming *held[HELD_MOST];
static size_t asked;
static bool at_once;

static void on_request(void *context, struct sip_incoming *incoming)
{
	const struct sip_answer answer = { .status = 404 };
	(void)context;
	held[asked++ % HELD_MOST] = incoming;
	if (at_once)
		sip_answer(incoming, &answer);
}

static int start(void **state)
{
	const struct sip_events events = { .request = on_request };
	(void)state;
	asked = 0;
	at_once = false;
	sip = world_begin(&events);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	world_end(&sip);
	return 0;
}

struct asking {
	enum sip_transport transport;
	const char *method, *via, *more;
	unsigned cseq;
};

static void ask(const struct asking *asking)
{
	static char text[32768];
	const char *method = asking->method ? asking->method : "SUBSCRIBE";
	const char *via = asking->via ? asking->via : "192.0.2.33;rport;branch=z9hG4bK1";
	struct sip_flow from = world_flow(asking->transport, "192.0.2.33", 40000);
	from.connection = asking->transport == SIP_UDP ? 0 : 5;
	int size = snprintf(text, sizeof(text),
		"%s sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s\r\n%s"
		"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: %u %s\r\n"
		"Contact: <sip:ann@192.0.2.33>\r\nEvent: xcap-diff\r\n\r\n",
		method, via, asking->more ? asking->more : "", asking->cseq + 1, method);
	world_receive(&from, (struct span){ text, (size_t)size });
}

static unsigned last_status(void)
{
	return (unsigned)atoi(world_sent(0)->text + 8);
}

static bool says(const char *text)
{
	return strstr(world_sent(0)->text, text) != NULL;
}

static void answer(size_t which, unsigned status)
{
	const struct sip_answer with = { .status = status };
	sip_answer(held[which], &with);
}

static size_t live(void)
{
	struct sip_figures figures;
	sip_figures(sip, &figures);
	return figures.server_transactions;
}

static void a_retransmission_gets_the_same_answer(void **state)
{
	const struct asking it = { 0 };
	(void)state;
	ask(&it);
	assert_int_equal(asked, 1);
	ask(&it); /* while it is thought about: silence */
	assert_int_equal(asked, 1);
	assert_int_equal(world_net.sent_count, 0);
	answer(0, 202);
	assert_int_equal(world_net.sent_count, 1);
	ask(&it);
	assert_int_equal(asked, 1);
	assert_int_equal(world_net.sent_count, 2);
	assert_string_equal(world_sent(0)->text, world_sent(1)->text);
	world_wait(31999);
	ask(&it);
	assert_int_equal(asked, 1);
	world_wait(1); /* Timer J */
	assert_int_equal(live(), 0);
	ask(&it);
	assert_int_equal(asked, 2);
}

static void the_message_is_there_until_the_answer(void **state)
{
	const struct asking it = { .more = "X-Thing: 1, 2\r\n" },
			    other = { .via = "h;branch=2", .cseq = 1 };
	(void)state;
	ask(&it);
	for (size_t i = 0; i < 10; i++)
		ask(&other); /* read in between */
	const struct sip_message *message = sip_incoming_message(held[0]);
	assert_true(span_equal_text(sip_method(message), "SUBSCRIBE"));
	assert_true(span_equal_text(sip_header(message, "x-thing", 0), "1, 2"));
	assert_true(span_equal_text(sip_header(message, "event", 0), "xcap-diff"));
	assert_false(sip_incoming_secure(held[0]));
	assert_int_equal(sip_incoming_flow(held[0])->transport, SIP_UDP);
	answer(0, 200);
	answer(1, 200);
}

static void nothing_is_kept_where_nothing_is_repeated(void **state)
{
	const struct asking it = { .transport = SIP_TCP };
	(void)state;
	ask(&it);
	assert_int_equal(live(), 1);
	answer(0, 200);
	assert_int_equal(world_sent(0)->flow.connection, 5);
	assert_int_equal(live(), 0);
}

static void requests_that_differ_are_different_transactions(void **state)
{
	static const struct asking rows[] = {
		{ .via = "192.0.2.33;rport;branch=z9hG4bK1" },
		{ .via = "192.0.2.33;rport;branch=z9hG4bK2" },
		{ .via = "192.0.2.33:5070;rport;branch=z9hG4bK1" },
		{ .via = "192.0.2.34;rport;branch=z9hG4bK1" },
		/* as RFC 2543 did: nothing says more than the whole */
		{ .via = "192.0.2.33;rport" },
		{ .via = "192.0.2.33;rport", .cseq = 1 },
		{ .via = "192.0.2.33;rport;branch=1" },
		{ .via = "192.0.2.33:5070;rport;branch=1" },
		{ .via = "192.0.2.33;rport;branch=z9hG4bK" },
	};
	(void)state;
	at_once = true;
	for (int again = 0; again < 2; again++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			ask(&rows[i]);
			assert_int_equal(asked, again ? sizeof(rows) / sizeof(rows[0]) : i + 1);
			assert_int_equal(last_status(), 404);
		}
	}
}

static void a_request_that_came_two_ways_is_served_once(void **state)
{
	const struct asking one = { .via = "p1;rport;branch=z9hG4bK1" };
	const struct asking other = { .via = "p2;rport;branch=z9hG4bK2" };
	const struct asking next = { .via = "p2;rport;branch=z9hG4bK3", .cseq = 1 };
	(void)state;
	ask(&one);
	ask(&other);
	assert_int_equal(last_status(), 482);
	assert_int_equal(asked, 1);
	answer(0, 200);
	ask(&other);
	assert_int_equal(last_status(), 482);
	ask(&next);
	assert_int_equal(asked, 2);
	answer(1, 500); /* whoever is refused may try another way */
	ask(&(const struct asking){ .via = "p1;rport;branch=z9hG4bK4", .cseq = 1 });
	assert_int_equal(asked, 3);
}

static void a_cancel_has_its_answer_and_no_effect(void **state)
{
	const struct asking it = { 0 }, cancel = { .method = "CANCEL" };
	(void)state;
	ask(&cancel);
	assert_int_equal(last_status(), 481);
	ask(&it);
	ask(&cancel);
	assert_int_equal(last_status(), 200);
	assert_true(says("CSeq: 1 CANCEL"));
	assert_int_equal(asked, 1);
	answer(0, 404);
	assert_true(says("CSeq: 1 SUBSCRIBE"));
}

static void an_answer_has_what_a_dialog_needs(void **state)
{
	const struct asking it = { .transport = SIP_TCP,
		.more = "Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\nRecord-Route: <sip:p0>\r\n" };
	const struct sip_answer with = { .status = 200,
		.reason = "Fine",
		.to_tag = SPAN("our-tag"),
		.contact = true,
		.headers = SPAN("Expires: 77\r\n"),
		.content_type = SPAN("text/plain"),
		.body = SPAN("because") };
	(void)state;
	ask(&it);
	sip_answer(held[0], &with);
	assert_true(says("SIP/2.0 200 Fine\r\n"));
	assert_true(says("To: <sip:c@d>;tag=our-tag\r\n"));
	assert_true(says("\r\nRecord-Route: <sip:p2;lr>, <sip:p1;lr>\r\nRecord-Route: <sip:p0>\r\n"
			 "Contact: <sip:xcapd@192.0.2.1:5070;transport=tcp>\r\n"));
	assert_true(says("\r\nExpires: 77\r\n"));
	assert_true(says("\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\nbecause"));
}

static void our_contact_is_sips_where_theirs_is(void **state)
{
	static const struct {
		const char *more;
		bool sips;
	} rows[] = {
		{ "Record-Route: <sips:p;lr>\r\n", true },
		{ "Record-Route: <sip:p;lr>\r\n", false },
		{ "", false },
	};
	const struct sip_answer with = { .status = 200, .contact = true };
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct asking it = { .transport = SIP_TLS, .more = rows[i].more };
		ask(&it);
		assert_true(sip_incoming_secure(held[i]));
		sip_answer(held[i], &with);
		assert_true(
			says(rows[i].sips ? "Contact: <sips:xcapd@192.0.2.1:5071>"
					  : "Contact: <sip:xcapd@192.0.2.1:5071;transport=tls>"));
	}
}

static void too_many_are_asked_to_come_later(void **state)
{
	static const char *const vias[] = { "h;rport;branch=z9hG4bK1", "h;rport;branch=z9hG4bK2",
		"h;rport;branch=z9hG4bK3" };
	struct asking it = { 0 };
	(void)state;
	sip->server_most = 2;
	for (size_t i = 0; i < 3; i++) {
		it.via = vias[i];
		it.cseq = (unsigned)i;
		ask(&it);
	}
	assert_int_equal(asked, 2);
	assert_int_equal(last_status(), 503);
	assert_true(says("\r\nRetry-After: 5\r\n"));
	answer(0, 200);
	ask(&it); /* its answer may still be asked for */
	assert_int_equal(last_status(), 503);
	world_wait(SIP_KEEP_LEAST);
	ask(&it);
	assert_int_equal(asked, 3);
	assert_int_equal(live(), 2);
}

static void a_stack_ends_with_requests_unanswered(void **state)
{
	const struct asking it = { 0 }, other = { .via = "h;branch=z9hG4bK9", .cseq = 1 };
	(void)state;
	ask(&it);
	ask(&other);
	answer(1, 200);
	sip_free(&sip);
	assert_null(sip);
}

/* Each block of memory may be the one that is not there: silence, or an answer. */
static void without_memory_a_request_is_refused_or_not_heard(void **state)
{
	static char more[30000];
	struct asking it = { .more = more };
	bool whole = false;
	(void)state;
	memset(more, 'a', sizeof(more) - 1);
	memcpy(more, "X: ", 3);
	memcpy(more + sizeof(more) - 3, "\r\n", 2);
	at_once = true;
	for (size_t nth = 1; !whole; nth++) {
		char via[64];
		assert_in_range(nth, 1, 100);
		snprintf(via, sizeof(via), "192.0.2.33;rport;branch=z9hG4bK%zu", nth);
		it.via = via;
		arena_free(&sip->scratch);
		arena_fail_at(nth);
		ask(&it);
		whole = arena_fail_at(0) < nth;
	}
	assert_int_equal(last_status(), 404);
	world_wait(32000);
	assert_int_equal(live(), 0);
}

/* Against a plain list of what was seen. */
static void every_retransmission_finds_its_transaction(void **state)
{
	enum { MANY = 4000, KINDS = 700 };
	static bool seen[KINDS];
	unsigned seed = 99;
	size_t expected = 0;
	(void)state;
	memset(seen, 0, sizeof(seen));
	at_once = true;
	for (size_t i = 0; i < MANY; i++) {
		char via[64];
		unsigned kind = (unsigned)rand_r(&seed) % KINDS;
		struct asking it = { .via = via };
		snprintf(via, sizeof(via), "192.0.2.%u:%u;rport;branch=%s%u", 1 + kind % 7,
			5060 + kind % 3, kind % 2 ? "z9hG4bK" : "", kind / 5);
		it.cseq = kind % 2 ? 0 : kind;
		bool known = false;
		for (unsigned other = 0; other < KINDS; other++)
			known = known
				|| (seen[other] && other % 7 == kind % 7 && other % 3 == kind % 3
					&& other % 2 == kind % 2 && other / 5 == kind / 5
					&& (kind % 2 || other == kind));
		seen[kind] = true;
		expected += !known;
		ask(&it);
		assert_int_equal(asked, expected);
		assert_int_equal(world_net.sent_count, i + 1);
		assert_int_equal(live(), expected);
	}
	world_wait(32000);
	assert_int_equal(live(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_retransmission_gets_the_same_answer),
		TEST(the_message_is_there_until_the_answer),
		TEST(nothing_is_kept_where_nothing_is_repeated),
		TEST(requests_that_differ_are_different_transactions),
		TEST(a_request_that_came_two_ways_is_served_once),
		TEST(a_cancel_has_its_answer_and_no_effect),
		TEST(an_answer_has_what_a_dialog_needs),
		TEST(our_contact_is_sips_where_theirs_is),
		TEST(too_many_are_asked_to_come_later),
		TEST(a_stack_ends_with_requests_unanswered),
		TEST(without_memory_a_request_is_refused_or_not_heard),
		TEST(every_retransmission_finds_its_transaction),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
