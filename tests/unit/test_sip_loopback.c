/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Two stacks on one loop talk over real sockets of the loopback interface. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "notifier/sip.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { REQUESTS = 10000, AT_ONCE = 200 };

struct party {
	struct settings settings;
	struct span listen[2];
	struct span domain;
	char texts[2][48];
	size_t listeners; /* UDP, then TCP */
	unsigned port;
	struct sip *sip;
};

static struct loop *loop;
static struct party client, server;
static struct timer guard;
static char uri[64];
static size_t begun, answered, served;
static unsigned statuses[700];
static bool by_flow;
static struct sip_flow to;

/* A port that nobody listens on. */
static unsigned free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static void on_request(void *context, struct sip_incoming *incoming)
{
	const struct sip_answer answer = {
		.status = 200, .contact = true, .headers = SPAN("Expires: 3600\r\n")
	};
	(void)context;
	served++;
	sip_answer(incoming, &answer);
}

static void on_guard(void *context)
{
	(void)context;
	loop_stop(loop);
}

static void party_begin(struct party *party)
{
	const struct sip_events events = { .request = on_request };
	party->port = free_port();
	party->domain = SPAN("example.com");
	snprintf(party->texts[0], sizeof(party->texts[0]), "udp:127.0.0.1:%u", party->port);
	snprintf(party->texts[1], sizeof(party->texts[1]), "tcp:127.0.0.1:%u", party->port);
	for (size_t i = 0; i < 2; i++)
		party->listen[i] = span_of(party->texts[i]);
	party->settings = (struct settings){ 0 };
	party->settings.notifier.listen = (struct span_list){ party->listen, party->listeners };
	party->settings.auth.domains = (struct span_list){ &party->domain, 1 };
	party->settings.limits.sip_message = 65536;
	party->settings.limits.connections = 1000;
	party->settings.limits.connections_per_address = 1000;
	party->settings.limits.timeout_ms = 30000;
	assert_true(sip_new(&party->sip, loop, &party->settings, &events, stderr));
}

static int start(void **state)
{
	begun = answered = served = 0;
	client.listeners = 2;
	server.listeners = *state ? 1 : 2;
	memset(statuses, 0, sizeof(statuses));
	assert_true(loop_new(&loop));
	party_begin(&client);
	party_begin(&server);
	guard = (struct timer){ .fire = on_guard };
	assert_true(timer_set(loop, &guard, loop_now(loop) + 60000));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	timer_stop(loop, &guard);
	sip_free(&client.sip);
	sip_free(&server.sip);
	loop_free(&loop);
	return 0;
}

static void send_one(void);

static void on_result(void *context, const struct sip_result *result)
{
	(void)context;
	answered++;
	statuses[result->status]++;
	if (begun < REQUESTS)
		send_one();
	else if (answered == REQUESTS)
		loop_stop(loop);
}

static void send_one(void)
{
	const struct sip_request request = { .method = SPAN("SUBSCRIBE"),
		.uri = span_of(uri),
		.from = SPAN("<sip:ann@example.com>;tag=a"),
		.to = SPAN("<sip:bob@example.com>"),
		.cseq = 1,
		.contact = true,
		.flow = by_flow ? &to : NULL,
		.headers = SPAN("Event: xcap-diff\r\nExpires: 3600\r\n"),
		.content_type = SPAN("text/plain"),
		.body = SPAN("0123456789"),
		.done = on_result };
	begun++;
	assert_non_null(sip_send(client.sip, &request));
}

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void talk(const char *what)
{
	struct sip_figures figures;
	double before = seconds();
	while (begun < AT_ONCE)
		send_one();
	assert_true(loop_run(loop));
	double took = seconds() - before;
	print_message("%s: %d requests sent, served and answered on one core in %.3f s, %.0f/s\n",
		what, REQUESTS, took, REQUESTS / took);
	assert_int_equal(answered, REQUESTS);
	assert_int_equal(statuses[200], REQUESTS);
	assert_int_equal(served, REQUESTS);
	sip_figures(client.sip, &figures);
	assert_int_equal(figures.requests_out, REQUESTS);
	assert_int_equal(figures.client_transactions, 0);
	assert_int_equal(figures.malformed, 0);
	sip_figures(server.sip, &figures);
	assert_true(figures.requests_in >= REQUESTS);
	assert_int_equal(figures.malformed, 0);
}

static void ten_thousand_requests_are_answered_over_udp(void **state)
{
	(void)state;
	snprintf(uri, sizeof(uri), "sip:bob@127.0.0.1:%u", server.port);
	talk("UDP");
}

static void ten_thousand_requests_are_answered_over_tcp(void **state)
{
	(void)state;
	snprintf(uri, sizeof(uri), "sip:bob@127.0.0.1:%u;transport=tcp", server.port);
	talk("TCP");
}

static void ten_thousand_requests_are_answered_over_a_known_flow(void **state)
{
	struct sockaddr_in *four = (struct sockaddr_in *)&to.address;
	(void)state;
	snprintf(uri, sizeof(uri), "sip:bob@127.0.0.1:%u", server.port);
	to = (struct sip_flow){ .transport = SIP_UDP, .length = sizeof(*four) };
	four->sin_family = AF_INET;
	four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	four->sin_port = htons((in_port_t)server.port);
	by_flow = true;
	talk("UDP, known address");
	by_flow = false;
}

static struct sip_result last;
static char last_why[128];

static void on_last_result(void *context, const struct sip_result *result)
{
	(void)context;
	last = *result;
	snprintf(last_why, sizeof(last_why), "%s", result->why ? result->why : "");
	to = result->flow ? *result->flow : (struct sip_flow){ 0 };
	loop_stop(loop);
}

static void send_and_wait(size_t size)
{
	static char body[60000];
	memset(body, 'x', sizeof(body));
	const struct sip_request request = { .method = SPAN("SUBSCRIBE"),
		.uri = span_of(uri),
		.from = SPAN("<sip:ann@example.com>;tag=a"),
		.to = SPAN("<sip:bob@example.com>"),
		.contact = true,
		.content_type = SPAN("text/plain"),
		.body = { body, size },
		.done = on_last_result };
	assert_non_null(sip_send(client.sip, &request));
	assert_true(loop_run(loop));
}

static void a_big_request_goes_by_tcp(void **state)
{
	(void)state;
	snprintf(uri, sizeof(uri), "sip:bob@127.0.0.1:%u", server.port);
	send_and_wait(60000);
	assert_int_equal(last.failure, SIP_ANSWERED);
	assert_int_equal(last.status, 200);
	assert_int_equal(to.transport, SIP_TCP);
}

static void a_big_request_goes_by_udp_where_tcp_is_refused(void **state)
{
	(void)state;
	snprintf(uri, sizeof(uri), "sip:bob@127.0.0.1:%u", server.port);
	for (size_t i = 1; i <= 3; i++) {
		send_and_wait(20000);
		assert_int_equal(last.failure, SIP_ANSWERED);
		assert_int_equal(last.status, 200);
		assert_int_equal(to.transport, SIP_UDP);
		assert_int_equal(served, i);
	}
}

static void a_port_where_nobody_listens_is_told_of_at_once(void **state)
{
	uint64_t before = loop_now(loop);
	(void)state;
	snprintf(uri, sizeof(uri), "sip:bob@127.0.0.1:%u;transport=tcp", free_port());
	send_and_wait(100);
	assert_int_equal(last.failure, SIP_UNREACHABLE);
	assert_int_equal(last.status, 503);
	assert_string_not_equal(last_why, "");
	assert_in_range(loop_now(loop) - before, 0, 5000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ten_thousand_requests_are_answered_over_udp),
		TEST(ten_thousand_requests_are_answered_over_tcp),
		TEST(ten_thousand_requests_are_answered_over_a_known_flow),
		TEST(a_big_request_goes_by_tcp),
		cmocka_unit_test_prestate_setup_teardown(
			a_big_request_goes_by_udp_where_tcp_is_refused, start, stop, &server),
		TEST(a_port_where_nobody_listens_is_told_of_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
