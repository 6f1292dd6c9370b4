/* links: base */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/settings.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char problems[16384];

/* NULL: refused, and `problems` says why, without the file's name. */
static struct settings *load(const char *text)
{
	struct settings *settings;
	char path[64];
	int file = memfd_create("settings", 0);
	assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	memset(problems, 0, sizeof(problems));
	FILE *stream = fmemopen(problems, sizeof(problems), "w");
	bool good = settings_load(&settings, path, stream);
	fclose(stream);
	close(file);
	assert_int_equal(good, settings != NULL);
	for (char *at = problems; (at = strstr(at, path));)
		memmove(at, at + strlen(path), strlen(at + strlen(path)) + 1);
	return settings;
}

static struct settings *load_good(const char *text)
{
	struct settings *settings = load(text);
	assert_string_equal(problems, "");
	assert_non_null(settings);
	return settings;
}

static void assert_span(struct span got, const char *wanted)
{
	if (!span_equal_text(got, wanted))
		fail_msg("got \"%.*s\", wanted \"%s\"", SPAN_ARG(got), wanted);
	assert_int_equal(got.data[got.size], 0);
}

/* CONTRACT: "The configuration file" */
static void the_defaults_are_those_of_the_contract(void **state)
{
	struct settings *s = load_good("");
	(void)state;
	assert_int_equal(s->http.listen.count, 1);
	assert_span(s->http.listen.items[0].text, "127.0.0.1:8080");
	assert_span(s->http.root, "http://127.0.0.1:8080/xcap-root");
	assert_span(s->http.root_path, "/xcap-root");
	assert_span(s->http.root_origin, "http://127.0.0.1:8080");
	assert_true(s->http.threads >= 1);
	assert_int_equal(s->http.tls_certificate.size, 0);
	assert_int_equal(s->http.cors_origins.count, 0);
	assert_span(s->store.path, "/var/lib/xcapd");
	assert_int_equal(s->store.max_size, UINT64_C(64) << 30);
	assert_true(s->store.sync);
	assert_int_equal(s->store.history_versions, 20);
	assert_int_equal(s->store.feed_keep_ms, 7 * 86400000);
	assert_span(s->auth.realm, "example.com");
	assert_int_equal(s->auth.domains.count, 1);
	assert_span(s->auth.domains.items[0], "example.com");
	assert_int_equal(s->auth.schemes, SCHEME_DIGEST);
	assert_int_equal(s->auth.algorithm_count, 1);
	assert_int_equal(s->auth.algorithms[0], 0);
	assert_int_equal(s->auth.trusted.count, 0);
	assert_int_equal(s->compat.missing_content_type, 0);
	assert_int_equal(s->limits.document, 1 << 20);
	assert_int_equal(s->limits.depth, 64);
	assert_int_equal(s->limits.documents_per_user, 100);
	assert_int_equal(s->limits.connections, 10000);
	assert_int_equal(s->limits.connections_per_address, 1000);
	assert_int_equal(s->limits.timeout_ms, 30000);
	assert_int_equal(s->limits.login_failures, 20);
	assert_int_equal(s->limits.index, 64 << 20);
	assert_int_equal(s->limits.sip_message, 64 << 10);
	assert_int_equal(s->log.level, LEVEL_INFO);
	assert_int_equal(s->log.format, LOG_TEXT);
	assert_span(s->admin.listen.items[0].text, "127.0.0.1:8081");
	assert_int_equal(s->notifier.listen.count, 2);
	assert_span(s->notifier.listen.items[1], "tcp:127.0.0.1:5070");
	assert_span(s->notifier.admin_listen.items[0].text, "127.0.0.1:8082");
	assert_int_equal(s->notifier.min_interval_ms, 5000);
	assert_int_equal(s->notifier.min_expires_ms, 60000);
	assert_int_equal(s->notifier.default_expires_ms, 3600000);
	assert_int_equal(s->notifier.max_expires_ms, 86400000);
	assert_int_equal(s->notifier.max_per_user, 20);
	assert_int_equal(s->notifier.max_entries, 200);
	assert_int_equal(s->target_count, 0);
	assert_true(s->usage.definitions.size > 6);
	assert_true(span_ends(s->usage.schemas, SPAN("/schemas")));
	settings_free(&s);
	assert_null(s);
	settings_free(&s);
}

static void addresses_are_parsed(void **state)
{
	struct settings *s = load_good("[http]\nlisten = 192.0.2.1:80, [2001:db8::1]:443, [::]:0, "
				       "[::]:0\n[admin]\nlisten =\n");
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&s->http.listen.items[0].socket;
	const struct sockaddr_in6 *v6 =
		(const struct sockaddr_in6 *)&s->http.listen.items[1].socket;
	char text[INET6_ADDRSTRLEN];
	(void)state;
	assert_int_equal(s->http.listen.count, 4); /* a free port each for the last two */
	assert_int_equal(v4->sin_family, AF_INET);
	assert_int_equal(ntohs(v4->sin_port), 80);
	assert_string_equal(inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text)), "192.0.2.1");
	assert_int_equal(s->http.listen.items[0].length, sizeof(*v4));
	assert_int_equal(v6->sin6_family, AF_INET6);
	assert_int_equal(ntohs(v6->sin6_port), 443);
	assert_string_equal(inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text)), "2001:db8::1");
	assert_int_equal(s->http.listen.items[1].length, sizeof(*v6));
	assert_span(s->http.listen.items[1].text, "[2001:db8::1]:443");
	assert_int_equal(s->admin.listen.count, 0);
	settings_free(&s);
}

static void the_root_is_taken_apart(void **state)
{
	static const struct {
		const char *root, *kept, *origin, *path;
	} cases[] = {
		{ "http://x.example/", "http://x.example", "http://x.example", "/" },
		{ "http://x.example", "http://x.example", "http://x.example", "/" },
		{ "https://x.example:8443/a/b/", "https://x.example:8443/a/b",
			"https://x.example:8443", "/a/b" },
		{ "HTTP://[::1]:80/xcap%2Droot", "HTTP://[::1]:80/xcap%2Droot", "HTTP://[::1]:80",
			"/xcap%2Droot" },
		{ "http://h/a@b:c;d=e", "http://h/a@b:c;d=e", "http://h", "/a@b:c;d=e" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char file[256];
		snprintf(file, sizeof(file), "[http]\nroot = %s\n", cases[i].root);
		struct settings *s = load_good(file);
		assert_span(s->http.root, cases[i].kept);
		assert_span(s->http.root_origin, cases[i].origin);
		assert_span(s->http.root_path, cases[i].path);
		settings_free(&s);
	}
}

static void a_root_that_no_request_can_name_is_refused(void **state)
{
	static const char *const roots[] = { "", "/xcap-root", "ftp://h/x", "http://", "http:///x",
		"http://u@h/x", "http://h/x?y", "http://h/x#y", "http://h//", "http://h/a//b",
		"http://h/a b", "http://h/%4", "http://h/%zz", "http://h/\xC3\xB6",
		"http://h/a/../b", "http://h/.", "http://h/~~/x", "http://h?x", "http://h/<x>" };
	(void)state;
	for (size_t i = 0; i < COUNT(roots); i++) {
		char file[256];
		snprintf(file, sizeof(file), "[http]\nroot = %s\n", roots[i]);
		if (load(file))
			fail_msg("\"%s\" was taken", roots[i]);
		assert_memory_equal(problems, ":2: http.root: ", 15);
	}
}

static void domains_are_lower_case_and_hold_the_realm(void **state)
{
	struct settings *s = load_good("[auth]\nrealm = One.Example\n"
				       "domains = TWO.example, one.example, two.EXAMPLE\n");
	(void)state;
	assert_span(s->auth.realm, "one.example");
	assert_int_equal(s->auth.domains.count, 2);
	assert_span(s->auth.domains.items[0], "two.example");
	assert_span(s->auth.domains.items[1], "one.example");
	settings_free(&s);
	s = load_good("[auth]\nrealm = c.example\ndomains = a.example, b.example\n");
	assert_int_equal(s->auth.domains.count, 3);
	assert_span(s->auth.domains.items[2], "c.example");
	settings_free(&s);
}

static void schemes_and_algorithms_are_read(void **state)
{
	struct settings *s = load_good("[auth]\nschemes = digest, basic\n"
				       "digest-algorithms = SHA-256, MD5\n"
				       "[http]\nlisten = 127.0.0.2:80, [::1]:80\n");
	(void)state;
	assert_int_equal(s->auth.schemes, SCHEME_DIGEST | SCHEME_BASIC);
	assert_int_equal(s->auth.algorithm_count, 2);
	assert_int_equal(s->auth.algorithms[0], 1);
	assert_int_equal(s->auth.algorithms[1], 0);
	settings_free(&s);
	s = load_good("[auth]\nschemes = basic\n[http]\nlisten = 0.0.0.0:443\n"
		      "tls-certificate = c.pem\ntls-key = k.pem\n");
	assert_int_equal(s->auth.schemes, SCHEME_BASIC);
	settings_free(&s);
}

static bool holds(const struct network_list *list, const char *address)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
		return network_list_holds(list, (const struct sockaddr *)&v4);
	assert_int_equal(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
	return network_list_holds(list, (const struct sockaddr *)&v6);
}

static void a_network_holds_its_addresses_in_every_form(void **state)
{
	static const struct {
		const char *network, *address;
		bool held;
	} cases[] = {
		{ "10.0.0.0/8", "10.255.0.1", true },
		{ "10.0.0.0/8", "11.0.0.1", false },
		{ "10.0.0.0/8", "::ffff:10.1.2.3", true },
		{ "10.0.0.0/8", "a00::1", false },
		{ "10.1.2.3/8", "10.9.9.9", true },
		{ "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.6", false },
		{ "192.0.2.128/25", "192.0.2.127", false },
		{ "192.0.2.128/25", "192.0.2.128", true },
		{ "192.0.2.0/31", "192.0.2.1", true },
		{ "192.0.2.0/31", "192.0.2.2", false },
		{ "0.0.0.0/0", "203.0.113.1", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "2001:db8::/32", "2001:db8:ffff::1", true },
		{ "2001:db8::/32", "2001:db9::1", false },
		{ "2001:db8::/33", "2001:db8:8000::", false },
		{ "::1", "::1", true },
		{ "::1", "::2", false },
		{ "::/0", "2001:db8::1", true },
		{ "::/0", "192.0.2.1", false },
		{ "::/0", "::ffff:192.0.2.1", false },
		{ "::ffff:192.0.2.0/120", "192.0.2.9", true },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char file[128];
		snprintf(file, sizeof(file), "[auth]\ntrusted = %s\n", cases[i].network);
		struct settings *s = load_good(file);
		if (holds(&s->auth.trusted, cases[i].address) != cases[i].held)
			fail_msg("%s, %s", cases[i].network, cases[i].address);
		settings_free(&s);
	}
	struct sockaddr local = { .sa_family = AF_UNIX };
	struct settings *s = load_good("[auth]\ntrusted = 0.0.0.0/0, ::/0\n");
	assert_false(network_list_holds(&s->auth.trusted, &local));
	settings_free(&s);
}

static void targets_are_read(void **state)
{
	struct settings *s = load_good("[target ps1]\nuri = sip:192.0.2.1:5060;transport=tcp\n"
				       "usages = pres-rules, org.openmobilealliance.pres-rules\n"
				       "[target ps2]\nmethod = rpc\nuri = https://h/RPC\n"
				       "rpc-dialect = opensips\nusername = u\npassword = p;;\n"
				       "tls-verify = no\nmin-interval = 2s\n");
	(void)state;
	assert_int_equal(s->target_count, 2);
	assert_span(s->targets[0].name, "ps1");
	assert_span(s->targets[0].uri, "sip:192.0.2.1:5060;transport=tcp");
	assert_int_equal(s->targets[0].usages.count, 2);
	assert_int_equal(s->targets[0].method, METHOD_NOTIFY);
	assert_int_equal(s->targets[0].min_interval_ms, 0);
	assert_true(s->targets[0].tls_verify);
	assert_int_equal(s->targets[1].method, METHOD_RPC);
	assert_int_equal(s->targets[1].rpc_dialect, DIALECT_OPENSIPS);
	assert_span(s->targets[1].password, "p;;");
	assert_int_equal(s->targets[1].min_interval_ms, 2000);
	assert_false(s->targets[1].tls_verify);
	settings_free(&s);
}

struct misfit {
	const char *file, *problem; /* its beginning, a single line */
};

static void check_misfits(const struct misfit *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (load(cases[i].file))
			fail_msg("taken: %s", cases[i].file);
		if (strncmp(problems, cases[i].problem, strlen(cases[i].problem)) != 0)
			fail_msg("said: %swanted: %s", problems, cases[i].problem);
		assert_ptr_equal(strchr(problems, '\n'), problems + strlen(problems) - 1);
	}
}

static void listeners_that_do_not_fit_together_are_told(void **state)
{
	static const struct misfit cases[] = {
		{ "[http]\nlisten = localhost:80\n",
			":2: http.listen: \"localhost:80\": an address in figures is needed" },
		{ "[http]\nlisten = 127.0.0.1\n",
			":2: http.listen: \"127.0.0.1\" is not ADDR:PORT" },
		{ "[http]\nlisten = ::1:80\n", ":2: http.listen: \"::1:80\" is not ADDR:PORT" },
		{ "[http]\nlisten = [::1]\n", ":2: http.listen: \"[::1]\" is not ADDR:PORT" },
		{ "[http]\nlisten = [127.0.0.1]:80\n",
			":2: http.listen: \"[127.0.0.1]:80\": an a" },
		{ "[http]\nlisten = :80\n", ":2: http.listen: \":80\": an address in figures" },
		{ "[http]\nlisten = 127.0.0.1:65536\n",
			":2: http.listen: \"127.0.0.1:65536\": the" },
		{ "[http]\nlisten = 127.0.0.1:\n", ":2: http.listen: \"127.0.0.1:\": the port is" },
		{ "[http]\nlisten =\n", ":2: http.listen: at least one ADDR:PORT is needed\n" },
		{ "[http]\nlisten = 127.0.0.1:80, 127.0.0.1:80\n",
			":2: http.listen: \"127.0.0.1:80\" stands there twice\n" },
		{ "[admin]\nlisten = 127.0.0.1:8080\n",
			":2: admin.listen: 127.0.0.1:8080 is in http.listen too\n" },
		{ "[http]\ntls-certificate = c\n",
			":2: http.tls-certificate: tls-key is missing beside it\n" },
		{ "[http]\ntls-key = k\n",
			":2: http.tls-key: tls-certificate is missing beside it\n" },
		{ "[http]\ntls-client-ca = a\n",
			":2: http.tls-client-ca: tls-certificate is missing beside it\n" },
		{ "[http]\ncors-origins = https://a.example, b.example\n",
			":2: http.cors-origins: \"b.example\" is not an origin" },
		{ "[http]\ncors-origins = https://a.example/\n",
			":2: http.cors-origins: \"https://a.example/\" is not an origin" },
	};
	(void)state;
	check_misfits(cases, COUNT(cases));
}

static void logins_that_do_not_fit_together_are_told(void **state)
{
	static const struct misfit cases[] = {
		{ "[auth]\nrealm =\n", ":2: auth.realm: \"\" is not a domain" },
		{ "[auth]\ndomains = a b\n", ":2: auth.domains: \"a b\" is not a domain" },
		{ "[auth]\nschemes = bearer\n",
			":2: auth.schemes: \"bearer\" is not one of digest, basic\n" },
		{ "[auth]\nschemes =\n",
			":2: auth.schemes: at least one of digest, basic is needed\n" },
		{ "[auth]\nschemes = basic\n[http]\nlisten = 127.0.0.1:80, 0.0.0.0:81\n",
			":2: auth.schemes: basic sends passwords in the clear" },
		{ "[auth]\nschemes = basic\n[http]\nlisten = [::]:81\n",
			":2: auth.schemes: basic sends passwords in the clear" },
		{ "[auth]\ndigest-algorithms = MD5, md5\n",
			":2: auth.digest-algorithms: MD5 stands there twice\n" },
		{ "[auth]\ndigest-algorithms = SHA-512\n",
			":2: auth.digest-algorithms: \"SHA-512\" is not one of MD5, SHA-256\n" },
		{ "[auth]\ntrusted = 10.0.0.0/33\n",
			":2: auth.trusted: \"10.0.0.0/33\" is not a network or address" },
		{ "[auth]\ntrusted = 10.0.0.0/\n",
			":2: auth.trusted: \"10.0.0.0/\" is not a network or address" },
		{ "[auth]\ntrusted = proxy.example\n",
			":2: auth.trusted: \"proxy.example\" is not a network or address" },
		{ "[auth]\ntrusted = 10.0.0.0/8\ntrusted-readers = 192.0.2.1, 10.2.0.0/16\n",
			":3: auth.trusted-readers: overlaps with auth.trusted" },
		{ "[auth]\ntrusted = ::ffff:10.2.0.1\ntrusted-readers = 10.0.0.0/8\n",
			":3: auth.trusted-readers: overlaps with auth.trusted" },
	};
	(void)state;
	check_misfits(cases, COUNT(cases));
}

static void a_notifier_that_does_not_fit_together_is_told(void **state)
{
	static const struct misfit cases[] = {
		{ "[notifier]\nadmin-listen = 127.0.0.1:8081\n",
			":2: notifier.admin-listen: 127.0.0.1:8081 is in admin.listen too\n" },
		{ "[notifier]\nlisten = 127.0.0.1:5060\n",
			":2: notifier.listen: \"127.0.0.1:5060\" does not begin with udp:, tcp:" },
		{ "[notifier]\nlisten = udp:localhost:5060\n",
			":2: notifier.listen: \"localhost:5060\": an address in figures" },
		{ "[notifier]\nlisten = tls:127.0.0.1:5061\n",
			":2: notifier.listen: tls: needs notifier.tls-certificate\n" },
		{ "[notifier]\nmin-expires = 2h\n",
			": notifier.default-expires: shorter than notifier.min-expires\n" },
		{ "[notifier]\ndefault-expires = 2d\n",
			":2: notifier.default-expires: longer than notifier.max-expires\n" },
		{ "[target a]\n", ":1: target a: uri is missing\n" },
		{ "[target a]\nuri = http://h/\n",
			":2: target a: uri: \"http://h/\" does not begin with sip: or sips:\n" },
		{ "[target a]\nuri = sip:\n",
			":2: target a: uri: \"sip:\" does not begin with sip: or sips:\n" },
		{ "[target a]\nuri = sip:h\nmethod = rpc\n",
			":2: target a: uri: \"sip:h\" does not begin with http:// or https://" },
		{ "[target a]\nuri = sip:h x\n", ":2: target a: uri: white space in a URI\n" },
		{ "[target a]\nuri = sip:h\npassword = p\n",
			":3: target a: password: username is missing beside it\n" },
		{ "[target a]\nuri = sip:h\nusages = a/b\n",
			":3: target a: usages: \"a/b\" is not the name of a usage\n" },
	};
	(void)state;
	check_misfits(cases, COUNT(cases));
}

static void what_no_range_can_say_is_told_too(void **state)
{
	static const struct misfit cases[] = {
		{ "[store]\npath =\n", ":2: store.path: a folder is needed\n" },
		{ "[limits]\nsip-message = 65K\n",
			":2: limits.sip-message: \"65K\" is not a size" },
	};
	(void)state;
	check_misfits(cases, COUNT(cases));
}

static void apart_networks_do_not_overlap(void **state)
{
	struct settings *s = load_good("[auth]\ntrusted = 10.0.0.0/9, ::/0\n"
				       "trusted-readers = 10.128.0.0/9, 192.0.2.1\n");
	(void)state;
	assert_int_equal(s->auth.trusted.count, 2);
	settings_free(&s);
}

static void all_problems_are_told_at_once(void **state)
{
	(void)state;
	assert_null(load("[http]\nlisten = x\nrot = y\n[auth]\nschemes = z\n[target t]\n"));
	assert_non_null(strstr(problems, ":2: http.listen: "));
	assert_non_null(
		strstr(problems, ":3: key \"http.rot\" is not known; did you mean \"root\""));
	assert_non_null(strstr(problems, ":5: auth.schemes: "));
	assert_non_null(strstr(problems, ":6: target t: uri is missing"));
}

static void every_key_has_a_line_of_help_and_a_legal_default(void **state)
{
	const struct config_schema *schema = settings_schema();
	struct arena *arena = arena_new(4096);
	(void)state;
	for (size_t i = 0; i < schema->key_count; i++) {
		const struct config_key *key = &schema->keys[i];
		assert_in_range(strlen(key->help), 15, 90);
		assert_null(strchr(key->help, '\n'));
		assert_true(key->help[strlen(key->help) - 1] != '.');
		assert_non_null(config_range(arena, key).data);
		bool amount = key->type == CONFIG_NUMBER || key->type == CONFIG_SIZE
			      || key->type == CONFIG_DURATION;
		if (amount)
			assert_true(key->most && key->least < key->most && key->standard);
		for (size_t j = 0; j < i; j++)
			assert_false(!strcmp(key->section, schema->keys[j].section)
				     && (!strcmp(key->key, schema->keys[j].key)
					     || key->offset == schema->keys[j].offset));
	}
	arena_free(&arena);
}

static void a_missing_file_is_told_even_by_default(void **state)
{
	struct settings *settings = (struct settings *)problems;
	char said[128] = "";
	FILE *stream = fmemopen(said, sizeof(said), "w");
	(void)state;
	assert_false(settings_load(&settings, "/nowhere/xcapd.conf", stream));
	fclose(stream);
	assert_null(settings);
	assert_string_equal(said, "/nowhere/xcapd.conf: No such file or directory\n");
}

static void without_memory_it_says_so(void **state)
{
	(void)state;
	for (size_t nth = 1;; nth++) {
		arena_fail_at(nth);
		struct settings *settings = load("[auth]\ndomains = a.example, b.example\n"
						 "trusted = 10.0.0.0/8\n"
						 "[target t]\nuri = sip:h\n");
		bool failed = arena_fail_at(0) >= nth;
		assert_int_equal(!settings, failed);
		assert_int_equal(*problems != 0, failed);
		settings_free(&settings);
		if (!failed)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_defaults_are_those_of_the_contract),
		cmocka_unit_test(addresses_are_parsed),
		cmocka_unit_test(the_root_is_taken_apart),
		cmocka_unit_test(a_root_that_no_request_can_name_is_refused),
		cmocka_unit_test(domains_are_lower_case_and_hold_the_realm),
		cmocka_unit_test(schemes_and_algorithms_are_read),
		cmocka_unit_test(a_network_holds_its_addresses_in_every_form),
		cmocka_unit_test(targets_are_read),
		cmocka_unit_test(listeners_that_do_not_fit_together_are_told),
		cmocka_unit_test(logins_that_do_not_fit_together_are_told),
		cmocka_unit_test(a_notifier_that_does_not_fit_together_is_told),
		cmocka_unit_test(what_no_range_can_say_is_told_too),
		cmocka_unit_test(apart_networks_do_not_overlap),
		cmocka_unit_test(all_problems_are_told_at_once),
		cmocka_unit_test(every_key_has_a_line_of_help_and_a_legal_default),
		cmocka_unit_test(a_missing_file_is_told_even_by_default),
		cmocka_unit_test(without_memory_it_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
