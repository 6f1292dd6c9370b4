/* links: auth */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Any octets as an Authorization header: read without a crash, and nobody is let in by luck. The
 * same octets as a request target: quoted the way curl does, raw, they come back as they were. */
#include "auth/auth.h"
#include "auth/header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PASSWORD "wonderland"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct store *store;
static struct auth *auth;
static struct settings settings;
static struct span realm;
static char folder[] = "/tmp/fuzz-auth-XXXXXX";

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void end(void)
{
	char command[64];
	auth_free(&auth);
	store_close(&store);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (system(command))
		perror(command);
}

static void begin(void)
{
	realm = SPAN("example.com");
	settings.auth.realm = realm;
	settings.auth.domains.items = &realm;
	settings.auth.domains.count = 1;
	settings.auth.schemes = SCHEME_DIGEST | SCHEME_BASIC;
	settings.auth.algorithms[1] = DIGEST_SHA256;
	settings.auth.algorithm_count = 2;
	require(mkdtemp(folder));
	const struct store_settings where = { .path = folder, .max_size = 4 << 20, .create = true };
	require(store_open(&store, &where) == STORE_OK);
	struct arena *arena = arena_new(4096);
	struct user user = { .name = SPAN("sip:alice@example.com"), .role = ROLE_USER };
	require(principal_credentials(arena, &user, SPAN(PASSWORD), &realm, 1, realm));
	require(store_users_put(store, &user, 1, NULL) == STORE_OK);
	arena_free(&arena);
	require(auth_new(&auth, store));
	atexit(end);
}

static bool within(struct span part, struct span whole)
{
	return part.data >= whole.data && part.size <= whole.size
	       && part.data + part.size <= whole.data + whole.size;
}

static void read_header(struct arena *arena, struct span input)
{
	struct authorization read;
	enum authorization_kind kind = authorization_parse(arena, input, &read);
	struct basic_login login;
	if (kind == AUTHORIZATION_DIGEST) {
		require(within(read.digest.uri, input));
		require(read.digest.username.data && read.digest.realm.data
			&& read.digest.nonce.data && read.digest.response.data);
		require(!read.digest.nc.data || read.digest.nc.size == 8);
	} else if (kind == AUTHORIZATION_BASIC) {
		require(within(read.basic, input));
		if (basic_decode(arena, read.basic, &login, &kind))
			require(login.name.size + login.password.size + 1 == login.secret_size);
	}
}

static void identify(struct arena *arena, struct span input)
{
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	const struct auth_request request = { .settings = &settings,
		.method = SPAN("GET"),
		.target = SPAN("/xcap-root/a"),
		.realm = realm,
		.authorization = input,
		.authorizations = 1,
		.peer = (const struct sockaddr *)&peer,
		.now_ms = UINT64_C(1790000000000) };
	struct principal who;
	struct auth_answer answer;
	enum auth_result result = auth_identify(auth, arena, &request, &who, &answer);
	require(answer.why && result != AUTH_BROKEN && result != AUTH_LIMITED);
	if (result != AUTH_KNOWN) {
		require(!who.name.data);
		return;
	}
	struct authorization read;
	struct basic_login login;
	enum authorization_kind kind = authorization_parse(arena, input, &read);
	require(kind == AUTHORIZATION_BASIC && basic_decode(arena, read.basic, &login, &kind));
	require(span_equal(login.password, SPAN(PASSWORD)));
	require(who.role == ROLE_USER && span_equal(who.name, SPAN("sip:alice@example.com")));
}

/* A quote followed by a comma may end the value: such targets need escapes. */
static bool ambiguous(struct span target)
{
	size_t at = 0;
	for (struct span rest = target; span_find(rest, '"', &at);) {
		rest = span_from(rest, at + 1);
		struct span after = span_trim(rest);
		if (!after.size || after.data[0] == ',')
			return true;
	}
	return false;
}

static void quote_target(struct arena *arena, struct span target)
{
	for (size_t i = 0; i < target.size; i++)
		if ((unsigned char)target.data[i] < 0x20 || target.data[i] == 0x7f)
			return;
	if (target.size > 4000 || ambiguous(target))
		return;
	struct buffer header = { .arena = arena };
	buffer_text(&header, "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"");
	buffer_append(&header, target);
	buffer_text(&header, "\", response=\"x\"");
	struct authorization read;
	require(authorization_parse(arena, buffer_span(&header), &read) == AUTHORIZATION_DIGEST);
	require(span_equal(read.digest.uri, target));
	struct span hashed;
	require(digest_uri_matches(arena, read.digest.uri, target, &hashed));
	require(span_equal(hashed, target));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!auth)
		begin();
	struct arena *arena = arena_new(16384);
	require(arena);
	struct span input = { size ? (const char *)data : "", size };
	read_header(arena, input);
	identify(arena, input);
	quote_target(arena, input);
	arena_free(&arena);
	return 0;
}
