/* links: xcapd_core */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/connections.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

static struct sockaddr_in ipv4(const char *text)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	assert_int_equal(inet_pton(AF_INET, text, &address.sin_addr), 1);
	return address;
}

static struct sockaddr_in6 ipv6(const char *text)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6 };
	assert_int_equal(inet_pton(AF_INET6, text, &address.sin6_addr), 1);
	return address;
}

#define SA(address) ((const struct sockaddr *)(const void *)(address))

static void one_address_has_a_limit_that_others_do_not_feel(void **state)
{
	(void)state;
	struct connections *connections;
	struct sockaddr_in ann = ipv4("192.0.2.1"), bob = ipv4("192.0.2.2");
	assert_true(connections_new(&connections));
	struct connection *first = connections_opened(connections, SA(&ann), -1);
	struct connection *second = connections_opened(connections, SA(&ann), -1);
	assert_false(connections_admit(connections, SA(&ann), false, 10, 2));
	assert_true(connections_admit(connections, SA(&ann), true, 10, 2));
	assert_true(connections_admit(connections, SA(&bob), false, 10, 2));
	connections_closed(connections, first);
	assert_true(connections_admit(connections, SA(&ann), false, 10, 2));
	connections_closed(connections, second);
	assert_int_equal(connections_count(connections), 0);
	connections_free(&connections);
	assert_null(connections);
}

static void all_together_have_a_limit_for_exempt_ones_too(void **state)
{
	(void)state;
	struct connections *connections;
	struct sockaddr_in6 ann = ipv6("2001:db8::1"), bob = ipv6("2001:db8::2");
	assert_true(connections_new(&connections));
	struct connection *first = connections_opened(connections, SA(&ann), -1);
	assert_false(connections_admit(connections, SA(&bob), false, 1, 5));
	assert_false(connections_admit(connections, SA(&bob), true, 1, 5));
	connections_closed(connections, first);
	assert_true(connections_admit(connections, SA(&bob), false, 1, 5));
	connections_free(&connections);
}

static void a_mapped_address_counts_as_the_ipv4_one(void **state)
{
	(void)state;
	struct connections *connections;
	struct sockaddr_in plain = ipv4("192.0.2.7");
	struct sockaddr_in6 mapped = ipv6("::ffff:192.0.2.7");
	assert_true(connections_new(&connections));
	struct connection *first = connections_opened(connections, SA(&plain), -1);
	assert_false(connections_admit(connections, SA(&mapped), false, 10, 1));
	connections_closed(connections, first);
	connections_free(&connections);
}

static void a_passed_deadline_shuts_the_connection_down_once(void **state)
{
	(void)state;
	struct connections *connections;
	struct sockaddr_in ann = ipv4("192.0.2.1");
	int pair[2];
	char octet;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_true(connections_new(&connections));
	struct connection *connection = connections_opened(connections, SA(&ann), pair[0]);
	assert_int_equal(connections_expire(connections, 1000), 0); /* no deadline yet */
	connection_deadline(connection, 500);
	assert_int_equal(connections_expire(connections, 499), 0);
	assert_int_equal(connections_expire(connections, 500), 1);
	assert_int_equal(connections_expire(connections, 501), 0);
	assert_int_equal(read(pair[1], &octet, 1), 0); /* the peer sees the end */
	connections_closed(connections, connection);
	connections_free(&connections);
	close(pair[0]);
	close(pair[1]);
}

static void a_peer_that_went_away_is_not_waited_for(void **state)
{
	(void)state;
	struct connections *connections;
	struct sockaddr_in ann = ipv4("192.0.2.1");
	uint64_t second = 1000 * 1000, deadline = 100 * second;
	int pair[2];
	char octet;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_true(connections_new(&connections));
	struct connection *connection = connections_opened(connections, SA(&ann), pair[0]);
	connection_deadline(connection, deadline);
	assert_int_equal(write(pair[1], "x", 1), 1);
	close(pair[1]);
	assert_int_equal(connections_expire(connections, second), 0); /* an octet is unread */
	assert_int_equal(connections_expire(connections, 2 * second), 0);
	assert_int_equal(read(pair[0], &octet, 1), 1);
	assert_int_equal(connections_expire(connections, 3 * second), 0); /* seen once */
	connection_deadline(connection, deadline + 1); /* the request went on: seen once more */
	assert_int_equal(connections_expire(connections, 4 * second), 0);
	assert_int_equal(connections_expire(connections, 5 * second), 1);
	connections_closed(connections, connection);
	connections_free(&connections);
	close(pair[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_address_has_a_limit_that_others_do_not_feel),
		cmocka_unit_test(all_together_have_a_limit_for_exempt_ones_too),
		cmocka_unit_test(a_mapped_address_counts_as_the_ipv4_one),
		cmocka_unit_test(a_passed_deadline_shuts_the_connection_down_once),
		cmocka_unit_test(a_peer_that_went_away_is_not_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
