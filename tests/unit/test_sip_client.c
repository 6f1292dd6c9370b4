/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests of ours: the client transaction (RFC 3261 §17.1.2), its ways (RFC 3263 §4.3, RFC 3261
 * §18.1.1) and its text (§8.1.1, §12.2.1.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/sip_world.h"

static struct sip *sip;

static struct {
	unsigned count;
	enum sip_failure failure;
	unsigned status, retry_after;
	char why[128];
	struct sip_flow flow;
	bool has_flow;
	char body[64];
} result;

static void on_result(void *context, const struct sip_result *got)
{
	(void)context;
	result.count++;
	result.failure = got->failure;
	result.status = got->status;
	result.retry_after = got->retry_after;
	snprintf(result.why, sizeof(result.why), "%s", got->why ? got->why : "");
	result.has_flow = got->flow != NULL;
	if (got->flow)
		result.flow = *got->flow;
	if (got->response)
		snprintf(result.body, sizeof(result.body), "%.*s",
			SPAN_ARG(sip_body(got->response)));
}

static int start(void **state)
{
	(void)state;
	memset(&result, 0, sizeof(result));
	sip = world_begin(NULL);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	world_end(&sip);
	return 0;
}

static struct sip_request notify_to(const char *uri)
{
	return (struct sip_request){ .method = SPAN("NOTIFY"),
		.uri = span_of(uri),
		.from = SPAN("<sip:xcapd@example.com>;tag=1"),
		.to = SPAN("<sip:ps@example.com>"),
		.cseq = 7,
		.headers = SPAN("Event: xcap-diff\r\n"),
		.content_type = SPAN("text/plain"),
		.body = SPAN("hello"),
		.done = on_result };
}

static struct sip_outgoing *send_to(const char *uri)
{
	struct sip_request request = notify_to(uri);
	struct sip_outgoing *out = sip_send(sip, &request);
	assert_non_null(out);
	assert_int_equal(result.count, 0);
	world_run_posts();
	return out;
}

static bool says(const struct sent *sent, const char *text)
{
	return strstr(sent->text, text) != NULL;
}

/* A line of what was sent, without its name. */
static const char *line_of(const struct sent *sent, const char *name)
{
	static char line[512];
	const char *at = strstr(sent->text, name);
	assert_non_null(at);
	at += strlen(name);
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\r"), at);
	return line;
}

static void answer_with(const struct sent *sent, const char *status, const char *more)
{
	char text[2048], via[512];
	snprintf(via, sizeof(via), "%s", line_of(sent, "Via: "));
	int size = snprintf(text, sizeof(text),
		"SIP/2.0 %s\r\nVia: %s\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n"
		"Call-ID: x\r\nCSeq: 7 NOTIFY\r\n%sContent-Length: 2\r\n\r\nok",
		status, via, more);
	struct sip_flow from = sent->flow;
	world_receive(&from, (struct span){ text, (size_t)size });
}

static unsigned port_of(const struct sip_flow *flow)
{
	return ntohs(((const struct sockaddr_in *)&flow->address)->sin_port);
}

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_request_says_all_that_it_has_to, start, stop),
		cmocka_unit_test_setup_teardown(a_final_response_ends_it, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
