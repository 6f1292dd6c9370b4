/* SPDX-License-Identifier: BSD-2-Clause */
/* A stack that sends requests, and what became of the last one. */
#ifndef XCAPD_TESTS_SIP_CLIENT_WORLD_H
#define XCAPD_TESTS_SIP_CLIENT_WORLD_H

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

static inline void on_result(void *context, const struct sip_result *got)
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

static inline int start(void **state)
{
	(void)state;
	memset(&result, 0, sizeof(result));
	sip = world_begin(NULL);
	return 0;
}

static inline int stop(void **state)
{
	(void)state;
	world_end(&sip);
	return 0;
}

static inline struct sip_request notify_to(const char *uri)
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

/* Too big for UDP. */
static inline struct sip_request big_to(const char *uri)
{
	static char body[1400];
	struct sip_request request = notify_to(uri);
	memset(body, 'x', sizeof(body));
	request.body = (struct span){ body, sizeof(body) };
	return request;
}

static inline struct sip_outgoing *send_to(const char *uri)
{
	struct sip_request request = notify_to(uri);
	struct sip_outgoing *out = sip_send(sip, &request);
	assert_non_null(out);
	assert_int_equal(result.count, 0);
	world_run_posts();
	return out;
}

static inline bool says(const struct sent *sent, const char *text)
{
	return strstr(sent->text, text) != NULL;
}

/* A line of what was sent, without its name. */
static inline const char *line_of(const struct sent *sent, const char *name)
{
	static char line[512];
	const char *at = strstr(sent->text, name);
	assert_non_null(at);
	at += strlen(name);
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\r"), at);
	return line;
}

static inline void answer_with(const struct sent *sent, const char *status, const char *more)
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

static inline unsigned port_of(const struct sip_flow *flow)
{
	return ntohs(((const struct sockaddr_in *)&flow->address)->sin_port);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

#endif
