/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Whom TLS believes (RFC 5922 §7), and what it does to connections. */
#include "notifier/sip_tls_peer.h"
#include "unit/sip_transport_world.h"

#include <sys/stat.h>

static struct world *world;
static struct hop hop;

static void begin(void)
{
	world_open(world);
	hop = hop_to(world, &world->far, SIP_TLS);
}

static int prepare(void **state)
{
	(void)state;
	world = world_begin();
	return 0;
}

static int clean_up(void **state)
{
	(void)state;
	world_end(world);
	return 0;
}

/* Sends one message there; what comes of it is what end->messages and closed say. */
static void send_there(const struct hop *to)
{
	size_t before = world->far.messages, closed_before = world->near.closed;
	assert_int_equal(send_one(&world->near, to, request(world, 1, 10)), TRANSPORT_SENT);
	while (world->far.messages == before && world->near.closed == closed_before)
		run_for(world, 5);
}

/* --- names --- */

static const struct {
	const char *about;
	const char *common_name;
	struct certificate_name names[4];
	const char *name;
	bool is_of;
} identities[] = {
	{ "a DNS name", "x", { { GNUTLS_SAN_DNSNAME, "example.com", 0 } }, "example.com", true },
	{ "case", "x", { { GNUTLS_SAN_DNSNAME, "Example.com", 0 } }, "exAMPLE.com", true },
	{ "another", "x", { { GNUTLS_SAN_DNSNAME, "example.com", 0 } }, "example.org", false },
	{ "no suffix", "x", { { GNUTLS_SAN_DNSNAME, "example.com", 0 } }, "a.example.com", false },
	{ "no prefix", "x", { { GNUTLS_SAN_DNSNAME, "example.com.evil", 0 } }, "example.com",
		false },
	{ "what follows a NUL counts", "x",
		{ { GNUTLS_SAN_OTHERNAME,
			"\x30\x12\x82\x10"
			"example.com\0.org",
			20 } },
		"example.com", false },
	{ "no wildcard", "x", { { GNUTLS_SAN_DNSNAME, "*.example.com", 0 } }, "a.example.com",
		false },
	{ "the second", "x",
		{ { GNUTLS_SAN_DNSNAME, "a.org", 0 }, { GNUTLS_SAN_DNSNAME, "b.org", 0 } }, "b.org",
		true },
	{ "a sip URI", "x", { { GNUTLS_SAN_URI, "sip:example.com", 0 } }, "example.com", true },
	{ "its scheme in any case", "x", { { GNUTLS_SAN_URI, "SIP:example.com", 0 } },
		"example.com", true },
	{ "its port and parameters", "x",
		{ { GNUTLS_SAN_URI, "sip:example.com:5061;transport=tls", 0 } }, "example.com",
		true },
	{ "a user", "x", { { GNUTLS_SAN_URI, "sip:bob@example.com", 0 } }, "example.com", false },
	{ "another scheme", "x", { { GNUTLS_SAN_URI, "https://example.com", 0 } }, "example.com",
		false },
	{ "sips", "x", { { GNUTLS_SAN_URI, "sips:example.com", 0 } }, "example.com", false },
	{ "a sip URI makes DNS names void", "x",
		{ { GNUTLS_SAN_DNSNAME, "a.org", 0 }, { GNUTLS_SAN_URI, "sip:b.org", 0 } }, "a.org",
		false },
	{ "another URI does not", "x",
		{ { GNUTLS_SAN_DNSNAME, "a.org", 0 }, { GNUTLS_SAN_URI, "im:b.org", 0 } }, "a.org",
		true },
	{ "an address", "x", { { GNUTLS_SAN_IPADDRESS, "\x7f\0\0\1", 4 } }, "127.0.0.1", true },
	{ "another address", "x", { { GNUTLS_SAN_IPADDRESS, "\x7f\0\0\2", 4 } }, "127.0.0.1",
		false },
	{ "an IPv6 address", "x",
		{ { GNUTLS_SAN_IPADDRESS, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16 } }, "0:0::1",
		true },
	{ "an address is no DNS name", "x", { { GNUTLS_SAN_DNSNAME, "127.0.0.1", 0 } }, "127.0.0.1",
		false },
	{ "a sip URI with an address", "x", { { GNUTLS_SAN_URI, "sip:127.0.0.1:5061", 0 } },
		"127.0.0.1", true },
	{ "a sip URI with an IPv6 address", "x", { { GNUTLS_SAN_URI, "sip:[::1]:5061", 0 } }, "::1",
		true },
	{ "the common name alone", "example.com", { { 0, NULL, 0 } }, "example.com", true },
	{ "not beside other names", "example.com", { { GNUTLS_SAN_DNSNAME, "a.org", 0 } },
		"example.com", false },
	{ "no common name for addresses", "127.0.0.1", { { 0, NULL, 0 } }, "127.0.0.1", false },
};

static void a_certificate_is_of_the_names_that_rfc_5922_finds_in_it(void **state)
{
	struct authority authority;
	char aside[128];
	(void)state;
	snprintf(aside, sizeof(aside), "%s/aside", folder);
	assert_int_equal(mkdir(aside, 0700), 0);
	authority_begin(&authority, aside, "authority");
	for (size_t i = 0; i < sizeof(identities) / sizeof(*identities); i++) {
		gnutls_x509_crt_t certificate = authority_issue(&authority, "scratch",
			identities[i].common_name, identities[i].names, NULL, time(NULL) + 60);
		if (peer_is_named(certificate, span_of(identities[i].name)) != identities[i].is_of)
			fail_msg("%s: %s", identities[i].about, identities[i].name);
		gnutls_x509_crt_deinit(certificate);
	}
	authority_end(&authority);
}

/* --- whom a connection believes --- */

static void nobody_under_another_name_is_sent_to(void **state)
{
	(void)state;
	begin();
	hop.tls_name = SPAN("evil.example.com");
	send_there(&hop);
	assert_string_equal(world->near.why, "its certificate is of another name");
	assert_int_equal(world->far.messages, 0);
	assert_int_equal(transport_connections(world->near.transport), 0);
}

static void bad_certificates_are_refused_and_told(void **state)
{
	static const struct {
		const char *certificate, *why;
	} table[] = {
		{ "old", "its certificate has expired" },
		{ "stranger", "its certificate is of no authority known here" },
		{ "client", "its certificate is not one for servers" },
	};
	(void)state;
	open_end(world, &world->near, "near");
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		open_end(world, &world->far, table[i].certificate);
		hop = hop_to(world, &world->far, SIP_TLS);
		send_there(&hop);
		assert_string_equal(world->near.why, table[i].why);
		assert_int_equal(world->far.messages, 0);
		hop.tls_verify = false;
		send_there(&hop);
		assert_int_equal(world->far.messages, 1);
		world->far.messages = 0;
		transport_free(&world->far.transport);
		run_until(world, &world->near.closed, 2 * i + 2);
	}
}

static void without_a_name_any_name_of_a_known_authority_will_do(void **state)
{
	(void)state;
	begin();
	hop.tls_name = (struct span){ NULL, 0 };
	send_there(&hop);
	assert_int_equal(world->far.messages, 1);
}

static void a_connection_verified_for_one_name_serves_no_other(void **state)
{
	(void)state;
	begin();
	send_there(&hop);
	assert_int_equal(transport_connections(world->near.transport), 1);
	send_there(&hop);
	assert_int_equal(transport_connections(world->near.transport), 1);
	hop.tls_name = SPAN("FAR.example.com");
	send_there(&hop);
	assert_int_equal(transport_connections(world->near.transport), 1);
	hop.tls_name = SPAN("other.example.com");
	send_there(&hop);
	assert_int_equal(transport_connections(world->near.transport), 2);
	hop.tls_verify = false;
	send_there(&hop);
	assert_int_equal(transport_connections(world->near.transport), 2);
}

static void a_connection_not_verified_serves_nobody_who_verifies(void **state)
{
	(void)state;
	begin();
	hop.tls_verify = false;
	send_there(&hop);
	hop.tls_verify = true;
	send_there(&hop);
	assert_int_equal(transport_connections(world->near.transport), 2);
	assert_int_equal(world->far.messages, 2);
	/* nor does one that the peer has made to us */
	hop.flow = world->far.last_from;
	hop.flow.connection = 0;
	if (send_one(&world->far, &hop, request(world, 1, 1)) == TRANSPORT_SENT)
		run_until(world, &world->far.closed, 1);
	assert_string_equal(world->far.why, "connection refused");
	/* unless it is named itself */
	hop.flow = world->far.last_from;
	assert_int_equal(send_one(&world->far, &hop, request(world, 1, 1)), TRANSPORT_SENT);
	run_until(world, &world->near.messages, 1);
}

/* --- connections --- */

static void long_messages_go_through_both_ways(void **state)
{
	(void)state;
	begin();
	for (size_t i = 1; i <= 20; i++) {
		assert_int_equal(
			send_one(&world->near, &hop, request(world, i, 40000)), TRANSPORT_SENT);
		if (i % 5 == 0)
			run_until(world, &world->far.messages, i);
	}
	const struct hop back = { .flow = world->far.last_from };
	for (size_t i = 1; i <= 20; i++)
		assert_int_equal(
			send_one(&world->far, &back, request(world, i, 40000)), TRANSPORT_SENT);
	run_until(world, &world->near.messages, 20);
	assert_int_equal(world->near.closed + world->far.closed, 0);
}

static void a_reload_keeps_connections_and_shows_the_new_certificate_to_others(void **state)
{
	(void)state;
	begin();
	send_there(&hop);
	struct settings settings = world->far.settings;
	settings.notifier.tls_certificate = in_folder(world, "near.pem");
	settings.notifier.tls_key = in_folder(world, "near.key");
	assert_true(transport_reload(world->far.transport, &settings, stderr));
	send_there(&hop);
	assert_int_equal(world->far.messages, 2);
	assert_int_equal(transport_connections(world->near.transport), 1);
	hop.tls_name = SPAN("other.example.com");
	send_there(&hop);
	assert_string_equal(world->near.why, "its certificate is of another name");
	hop.tls_name = SPAN("near.example.com");
	send_there(&hop);
	assert_int_equal(world->far.messages, 3);
	transport_free(&world->far.transport);
}

static void a_reload_of_what_is_unreadable_changes_nothing(void **state)
{
	char text[512] = "";
	(void)state;
	begin();
	struct settings settings = world->far.settings;
	FILE *problems = fmemopen(text, sizeof(text), "w");
	settings.notifier.tls_key = in_folder(world, "nowhere.key");
	settings.notifier.tls_ca = in_folder(world, "near.key");
	assert_false(transport_reload(world->far.transport, &settings, problems));
	fclose(problems);
	assert_non_null(strstr(text, "notifier.tls-key: "));
	assert_non_null(strstr(text, "nowhere.key: No such file or directory"));
	assert_non_null(strstr(text, "notifier.tls-ca: "));
	send_there(&hop);
	assert_int_equal(world->far.messages, 1);
}

static void who_speaks_no_tls_is_hung_up_on(void **state)
{
	(void)state;
	world->far.settings.limits.timeout_ms = 100;
	begin();
	int loud = dial(&hop, SOCK_STREAM), silent = dial(&hop, SOCK_STREAM);
	say(loud, "OPTIONS sip:a@b SIP/2.0\r\nl: 0\r\n\r\n");
	run_until(world, &world->far.closed, 1);
	run_for(world, 50);
	assert_int_equal(world->far.closed, 1);
	run_until(world, &world->far.closed, 2);
	assert_string_equal(world->far.why, "timed out");
	assert_int_equal(world->far.messages, 0);
	close(loud);
	close(silent);
}

static void an_end_is_told_as_one(void **state)
{
	(void)state;
	begin();
	send_there(&hop);
	transport_free(&world->near.transport);
	run_until(world, &world->far.closed, 1);
	assert_string_equal(world->far.why, "closed by the peer");
	assert_int_equal(world->far.last_closed, world->far.last_from.connection);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, prepare, clean_up)
	const struct CMUnitTest tests[] = {
		T(a_certificate_is_of_the_names_that_rfc_5922_finds_in_it),
		T(nobody_under_another_name_is_sent_to),
		T(bad_certificates_are_refused_and_told),
		T(without_a_name_any_name_of_a_known_authority_will_do),
		T(a_connection_verified_for_one_name_serves_no_other),
		T(a_connection_not_verified_serves_nobody_who_verifies),
		T(long_messages_go_through_both_ways),
		T(a_reload_keeps_connections_and_shows_the_new_certificate_to_others),
		T(a_reload_of_what_is_unreadable_changes_nothing),
		T(who_speaks_no_tls_is_hung_up_on),
		T(an_end_is_told_as_one),
	};
	return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
