/* SPDX-License-Identifier: BSD-2-Clause */
/* For test_auth*.c: a store with a few users in a temporary folder, a server's settings, and a
 * client that answers challenges. Include after cmocka.h.
 */
#ifndef XCAPD_TESTS_AUTH_WORLD_H
#define XCAPD_TESTS_AUTH_WORLD_H

#include "auth/auth.h"
#include "auth/header.h"
#include "auth/limit.h"
#include "auth/login.h"
#include "auth/nonce.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORLD_NOW UINT64_C(1790000000000)

struct world {
	char folder[32];
	struct arena *arena;
	struct store *store;
	struct auth *auth;
	struct settings settings;
	struct span domains[2];
	struct network reader_network;
	struct sockaddr_in peer;
	struct auth_request request; /* what the next request looks like */
	struct principal who;        /* of the last one */
	struct auth_answer answer;
};

/* How a client answers. Strings left NULL take the world's values. */
struct client {
	const char *name, *password;
	const char *realm, *nonce, *uri, *nc, *cnonce;
	const char *algorithm; /* NULL: the parameter is left out, MD5 */
	const char *more;      /* appended as it stands */
};

static void world_add(struct world *world, const char *name, enum role role, const char *password)
{
	struct user user = { .name = span_of(name), .role = role };
	assert_true(principal_credentials(
		world->arena, &user, span_of(password), world->domains, 2, world->domains[0]));
	assert_int_equal(store_users_put(world->store, &user, 1, NULL), STORE_OK);
}

static void world_network(struct network *out, const char *address, unsigned bits)
{
	assert_int_equal(inet_pton(AF_INET6, address, &out->base), 1);
	out->bits = bits;
}

static void world_peer(struct world *world, const char *address)
{
	world->peer = (struct sockaddr_in){ .sin_family = AF_INET };
	assert_int_equal(inet_pton(AF_INET, address, &world->peer.sin_addr), 1);
	world->request.peer = (const struct sockaddr *)&world->peer;
}

static void world_settings(struct world *world)
{
	struct settings *settings = &world->settings;
	world->domains[0] = SPAN("example.com");
	world->domains[1] = SPAN("example.net");
	settings->auth.realm = world->domains[0];
	settings->auth.domains.items = world->domains;
	settings->auth.domains.count = 2;
	settings->auth.schemes = SCHEME_DIGEST;
	settings->auth.algorithms[0] = DIGEST_MD5;
	settings->auth.algorithm_count = 1;
	settings->auth.trusted_readers.items = &world->reader_network;
	settings->auth.trusted_readers.count = 1;
	settings->limits.login_failures = 3;
	world_network(&world->reader_network, "::ffff:10.9.0.0", 112);
}

static struct world *world_begin(void)
{
	struct world *world = calloc(1, sizeof(*world));
	assert_non_null(world);
	strcpy(world->folder, "/tmp/auth-XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	const struct store_settings store = { .path = world->folder,
		.max_size = 16 << 20,
		.create = true,
		.history_versions = 1,
		.feed_keep_ms = 1000 };
	assert_int_equal(store_open(&world->store, &store), STORE_OK);
	world->arena = arena_new(65536);
	assert_non_null(world->arena);
	assert_true(auth_new(&world->auth, world->store));
	world_settings(world);
	world->request = (struct auth_request){ .settings = &world->settings,
		.method = SPAN("GET"),
		.target = SPAN("/xcap-root/resource-lists/users/sip:alice@example.com/index"),
		.realm = world->domains[0],
		.now_ms = WORLD_NOW };
	world_peer(world, "192.0.2.1");
	world_add(world, "sip:alice@example.com", ROLE_USER, "wonder:land");
	world_add(world, "sip:alice@example.net", ROLE_USER, "looking-glass");
	world_add(world, "sip:bob@example.com", ROLE_USER, "builder");
	world_add(world, "admin", ROLE_ADMIN, "secret");
	world_add(world, "presence", ROLE_READER, "watcher");
	return world;
}

static void world_end(struct world *world)
{
	char command[64];
	auth_free(&world->auth);
	assert_null(world->auth);
	store_close(&world->store);
	arena_free(&world->arena);
	snprintf(command, sizeof(command), "rm -rf %s", world->folder);
	assert_int_equal(system(command), 0);
	free(world);
}

/* The nonce of a fresh challenge. */
static const char *world_nonce(struct world *world)
{
	struct span values[4];
	size_t start = 0, end = 0;
	assert_true(auth_challenge(world->auth, world->arena, &world->request, false, values) > 0);
	assert_true(span_search(values[0], SPAN("nonce=\""), &start));
	struct span rest = span_from(values[0], start + 7);
	assert_true(span_find(rest, '"', &end));
	return arena_text(world->arena, span_first(rest, end));
}

static const char *or_else(const char *text, const char *standard)
{
	return text ? text : standard;
}

/* The Authorization header of a client that is right about everything it was not told otherwise. */
static struct span world_sign(struct world *world, const struct client *client)
{
	struct arena *arena = world->arena;
	enum digest_algorithm algorithm =
		client->algorithm && strstr(client->algorithm, "256") ? DIGEST_SHA256 : DIGEST_MD5;
	const char *realm = or_else(client->realm, arena_text(arena, world->request.realm));
	const char *uri = or_else(client->uri, arena_text(arena, world->request.target));
	const char *nonce = client->nonce ? client->nonce : world_nonce(world);
	const char *nc = or_else(client->nc, "00000001"),
		   *cnonce = or_else(client->cnonce, "c0ffee");
	char ha1[64], ha2[64], response[64];
	size_t size = digest_hex_size(algorithm);
	struct span a1 = arena_format(arena, "%s:%s:%s", client->name, realm, client->password);
	digest_hex(algorithm, &a1, 1, ha1);
	struct span a2 = arena_format(arena, "%.*s:%s", SPAN_ARG(world->request.method), uri);
	digest_hex(algorithm, &a2, 1, ha2);
	struct span all = arena_format(arena, "%.*s:%s:%s:%s:auth:%.*s", (int)size, ha1, nonce, nc,
		cnonce, (int)size, ha2);
	digest_hex(algorithm, &all, 1, response);
	return arena_format(arena,
		"Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", "
		"response=\"%.*s\", "
		"qop=auth, nc=%s, cnonce=\"%s\"%s%s%s",
		client->name, realm, nonce, uri, (int)size, response, nc, cnonce,
		client->algorithm ? ", algorithm=" : "", or_else(client->algorithm, ""),
		or_else(client->more, ""));
}

static enum auth_result world_send(struct world *world, struct span authorization)
{
	world->request.authorization = authorization;
	world->request.authorizations = authorization.data != NULL;
	return auth_identify(
		world->auth, world->arena, &world->request, &world->who, &world->answer);
}

static inline enum auth_result world_login(struct world *world, const struct client *client)
{
	return world_send(world, world_sign(world, client));
}

#endif
