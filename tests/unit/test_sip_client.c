/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests of ours: the client transaction (RFC 3261 §17.1.2) and its text (§8.1.1,
 * §12.2.1.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/sip_client_world.h"

static void a_request_says_all_that_it_has_to(void **state)
{
	(void)state;
	struct sip_request request = notify_to("sip:ps@192.0.2.9:5080?x=y");
	request.contact = true;
	request.call_id = SPAN("call-1");
	assert_non_null(sip_send(sip, &request));
	world_run_posts();
	const struct sent *sent = world_sent(0);
	assert_int_equal(
		strncmp(sent->text, "NOTIFY sip:ps@192.0.2.9:5080 SIP/2.0\r\nVia: ", 43), 0);
	assert_true(says(sent, "Via: SIP/2.0/UDP 192.0.2.1:5070;rport;branch=z9hG4bK"));
	assert_true(says(sent, "\r\nMax-Forwards: 70\r\n"));
	assert_true(says(sent, "\r\nFrom: <sip:xcapd@example.com>;tag=1\r\n"));
	assert_true(says(sent, "\r\nTo: <sip:ps@example.com>\r\n"));
	assert_true(says(sent, "\r\nCall-ID: call-1\r\n"));
	assert_true(says(sent, "\r\nCSeq: 7 NOTIFY\r\n"));
	assert_true(says(sent, "\r\nContact: <sip:xcapd@192.0.2.1:5070>\r\n"));
	assert_true(says(sent, "\r\nUser-Agent: xcapd/"));
	assert_true(says(sent, "\r\nEvent: xcap-diff\r\n"));
	assert_true(says(sent, "\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"));
	assert_int_equal(port_of(&sent->flow), 5080);
}

static void a_final_response_ends_it(void **state)
{
	(void)state;
	send_to("sip:192.0.2.9");
	answer_with(world_sent(0), "200 OK", "");
	assert_int_equal(result.count, 1);
	assert_int_equal(result.failure, SIP_ANSWERED);
	assert_int_equal(result.status, 200);
	assert_string_equal(result.body, "ok");
	assert_true(result.has_flow);
	answer_with(world_sent(0), "200 OK", ""); /* again: nobody asks any more */
	world_wait(100000);
	assert_int_equal(result.count, 1);
	assert_int_equal(world_net.sent_count, 1);
}

static void a_response_of_somebody_else_is_ignored(void **state)
{
	static const struct {
		const char *from, *to;
	} changes[] = {
		{ "branch=z9hG4bK", "branch=z9hG4bL" },
		{ "branch=z9hG4bK", "branch=z9hG4bKx" },
		{ "CSeq: 7 NOTIFY", "CSeq: 7 PUBLISH" },
		{ "UDP 192.0.2.1:5070", "UDP 192.0.2.1:5071" },
		{ "UDP 192.0.2.1:5070", "UDP 192.0.2.2:5070" },
		{ "UDP 192.0.2.1:5070", "UDP 192.0.2.1" },
		{ "\r\nFrom:", "\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom:" },
		{ "SIP/2.0 200", "SIP/3.0 200" },
		{ "SIP/2.0 200", "SIP/2.0 1200" },
		{ "Length: 2", "Length: 3" },
	};
	char text[2048], changed[2048];
	(void)state;
	send_to("sip:192.0.2.9");
	snprintf(text, sizeof(text),
		"SIP/2.0 200 OK\r\nVia: %s\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n"
		"Call-ID: x\r\nCSeq: 7 NOTIFY\r\nContent-Length: 2\r\n\r\nok",
		line_of(world_sent(0), "Via: "));
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const char *at = strstr(text, changes[i].from);
		assert_non_null(at);
		snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - text), text,
			changes[i].to, at + strlen(changes[i].from));
		world_receive(&world_sent(0)->flow, span_of(changed));
		assert_int_equal(result.count, 0);
	}
	world_receive(&world_sent(0)->flow, span_of(text));
	assert_int_equal(result.count, 1);
}

/* Timer E: T1, doubled up to T2; Timer F after 64 * T1. */
static void silence_is_asked_again_and_given_up_after_32_seconds(void **state)
{
	static const unsigned at[] = { 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500,
		31500 };
	uint64_t begun = world_loop.now;
	(void)state;
	send_to("sip:192.0.2.9");
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		world_wait(begun + at[i] - 1 - world_loop.now);
		assert_int_equal(world_net.sent_count, i + 1);
		world_wait(1);
		assert_int_equal(world_net.sent_count, i + 2);
		assert_string_equal(world_sent(0)->text, world_sent(1)->text);
	}
	world_wait(begun + 31999 - world_loop.now);
	assert_int_equal(result.count, 0);
	world_wait(1);
	assert_int_equal(result.count, 1);
	assert_int_equal(result.failure, SIP_TIMED_OUT);
	assert_int_equal(result.status, 408);
	assert_string_equal(result.why, "no answer in 32 s");
	assert_true(result.has_flow);
	struct sip_figures figures;
	sip_figures(sip, &figures);
	assert_int_equal(figures.timeouts, 1);
	assert_int_equal(figures.retransmissions_out, 10);
	assert_int_equal(figures.client_transactions, 0);
}

static void a_provisional_response_slows_it_down(void **state)
{
	(void)state;
	send_to("sip:192.0.2.9");
	answer_with(world_sent(0), "100 Trying", "");
	world_wait(500); /* Timer E fires once more as it was set, then every T2 */
	assert_int_equal(world_net.sent_count, 2);
	world_wait(3999);
	assert_int_equal(world_net.sent_count, 2);
	world_wait(1);
	assert_int_equal(world_net.sent_count, 3);
	assert_int_equal(result.count, 0);
	answer_with(world_sent(0), "200 OK", "");
	assert_int_equal(result.count, 1);
}

static void nothing_is_repeated_over_a_connection(void **state)
{
	(void)state;
	send_to("sip:192.0.2.9;transport=tcp");
	assert_true(says(world_sent(0), "Via: SIP/2.0/TCP 192.0.2.1:5070;"));
	world_wait(31999);
	assert_int_equal(world_net.sent_count, 1);
	world_wait(1);
	assert_int_equal(result.failure, SIP_TIMED_OUT);
}

static void a_flow_is_used_first_and_the_uri_when_it_is_gone(void **state)
{
	struct sip_flow flow = world_flow(SIP_TCP, "192.0.2.33", 40000);
	struct sip_request request = notify_to("sip:192.0.2.9:5080;transport=tcp");
	(void)state;
	flow.connection = 77;
	request.flow = &flow;
	request.contact = true;
	assert_non_null(sip_send(sip, &request));
	assert_int_equal(world_net.sent_count, 1);
	assert_int_equal(world_sent(0)->flow.connection, 77);
	assert_true(says(world_sent(0), "Contact: <sip:xcapd@192.0.2.1:5070;transport=tcp>"));
	world_net.events.closed(world_net.events.context, 77, "gone");
	world_run_posts();
	assert_int_equal(world_net.sent_count, 2);
	assert_int_equal(port_of(&world_sent(0)->flow), 5080);
	answer_with(world_sent(0), "200 OK", "");
	assert_int_equal(result.count, 1);
}

static void all_on_a_lost_connection_go_on_and_the_others_stay(void **state)
{
	struct sip_flow flow = world_flow(SIP_TCP, "192.0.2.33", 40000);
	struct sip_request request = notify_to("sip:nobody.example.org");
	(void)state;
	request.flow = &flow;
	for (size_t i = 0; i < 20; i++) {
		flow.connection = 70 + i % 2;
		assert_non_null(sip_send(sip, &request));
	}
	world_net.events.closed(world_net.events.context, 70, "gone");
	assert_int_equal(result.count, 0);
	world_run_posts();
	assert_int_equal(result.count, 10);
	assert_int_equal(result.failure, SIP_UNREACHABLE);
	world_net.events.closed(world_net.events.context, 70, "gone");
	world_net.events.closed(world_net.events.context, 71, "gone");
	world_run_posts();
	assert_int_equal(result.count, 20);
	assert_string_equal(result.why, "gone");
}

static void what_is_forgotten_goes_on_but_is_not_told_of(void **state)
{
	(void)state;
	struct sip_outgoing *out = send_to("sip:192.0.2.9");
	sip_forget(&out);
	assert_null(out);
	sip_forget(&out);
	world_wait(500);
	assert_int_equal(world_net.sent_count, 2);
	answer_with(world_sent(0), "200 OK", "");
	world_wait(40000);
	assert_int_equal(world_net.sent_count, 2);
	assert_int_equal(result.count, 0);
}

static void without_a_listener_of_that_kind_we_name_another(void **state)
{
	struct sip_request request = notify_to("sip:192.0.2.9;transport=tcp");
	(void)state;
	world_net.lacks[SIP_UDP] = world_net.lacks[SIP_TCP] = true;
	request.contact = true;
	assert_non_null(sip_send(sip, &request));
	world_run_posts();
	assert_true(says(world_sent(0), "Via: SIP/2.0/TCP 192.0.2.1:5071;"));
	assert_true(says(world_sent(0), "Contact: <sip:xcapd@192.0.2.1:5071;transport=tcp>"));
	answer_with(world_sent(0), "200 OK", "");
	assert_int_equal(result.count, 1);
}

static void stacks_end_with_requests_in_every_state(void **state)
{
	struct sip_flow flow = world_flow(SIP_TCP, "192.0.2.33", 40000);
	struct sip_request request = notify_to("sip:192.0.2.9");
	(void)state;
	send_to("sip:192.0.2.9;transport=tcp"); /* waits for an answer */
	send_to("sip:192.0.2.9");               /* will be sent again */
	request.flow = &flow;
	assert_non_null(sip_send(sip, &request));
	world_net.events.closed(world_net.events.context, world_sent(0)->flow.connection, "gone");
	request.flow = NULL;
	assert_non_null(sip_send(sip, &request)); /* asks for the address */
	sip_free(&sip);
	assert_int_equal(result.count, 0);
}

/* Each block of memory may be the one that is not there: it is told, or answered, once. */
static void without_memory_a_request_still_has_one_end(void **state)
{
	static char headers[8192];
	struct sip_request request = big_to("sip:ps.example.org");
	const struct sip_flow addresses[] = { world_flow(SIP_UDP, "192.0.2.11", 2),
		world_flow(SIP_UDP, "192.0.2.12", 3) };
	bool whole = false;
	(void)state;
	world_name("ps.example.org", addresses, 2);
	memset(headers, 'a', sizeof(headers));
	memcpy(headers, "X: ", 3);
	memcpy(headers + sizeof(headers) - 2, "\r\n", 2);
	request.headers = (struct span){ headers, sizeof(headers) };
	request.contact = true;
	for (size_t nth = 1; !whole; nth++) {
		assert_in_range(nth, 1, 100);
		result.count = 0;
		size_t before = world_net.sent_count;
		arena_fail_at(nth);
		struct sip_outgoing *out = sip_send(sip, &request);
		world_run_posts();
		if (world_net.sent_count > before)
			answer_with(world_sent(0), "503 Busy", "");
		whole = arena_fail_at(0) < nth;
		world_wait(100000);
		assert_int_equal(result.count, out ? 1 : 0);
	}
}

/* 20,000 at once, answered in any order, some twice, some never. */
static void every_answer_finds_its_request(void **state)
{
	enum { MANY = 20000 };
	static char via[MANY][80];
	static unsigned order[MANY];
	struct sip_request request = notify_to("sip:192.0.2.9");
	struct sip_flow flow = world_flow(SIP_UDP, "192.0.2.9", 5060);
	unsigned seed = 4711, answered = 0;
	(void)state;
	request.flow = &flow;
	for (unsigned i = 0; i < MANY; i++) {
		assert_non_null(sip_send(sip, &request));
		const char *branch = strstr(world_sent(0)->text, "branch=");
		snprintf(via[i], sizeof(via[i]), "%.*s", (int)strcspn(branch, "\r"), branch);
		order[i] = i;
	}
	for (unsigned i = MANY - 1; i > 0; i--) {
		unsigned other = (unsigned)rand_r(&seed) % (i + 1), kept = order[i];
		order[i] = order[other];
		order[other] = kept;
	}
	for (unsigned i = 0; i < MANY; i++) {
		char text[1024];
		if (order[i] % 100 == 7)
			continue;
		int size = snprintf(text, sizeof(text),
			"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5070;%s\r\nCall-ID: x\r\n"
			"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCSeq: 7 NOTIFY\r\n\r\n",
			via[order[i]]);
		answered++;
		world_receive(&flow, (struct span){ text, (size_t)size });
		assert_int_equal(result.count, answered);
		world_receive(&flow, (struct span){ text, (size_t)size });
		assert_int_equal(result.count, answered);
	}
	world_net.forgets = true;
	world_wait(32000);
	assert_int_equal(result.count, MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_says_all_that_it_has_to),
		TEST(a_final_response_ends_it),
		TEST(a_response_of_somebody_else_is_ignored),
		TEST(silence_is_asked_again_and_given_up_after_32_seconds),
		TEST(a_provisional_response_slows_it_down),
		TEST(nothing_is_repeated_over_a_connection),
		TEST(a_flow_is_used_first_and_the_uri_when_it_is_gone),
		TEST(all_on_a_lost_connection_go_on_and_the_others_stay),
		TEST(what_is_forgotten_goes_on_but_is_not_told_of),
		TEST(without_a_listener_of_that_kind_we_name_another),
		TEST(stacks_end_with_requests_in_every_state),
		TEST(without_memory_a_request_still_has_one_end),
		TEST(every_answer_finds_its_request),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
