/* links: xcapd_core */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Each line is a header field that a proxy sent: its first octet chooses the name, the rest is the
 * value. */
#include "xcapd/identity.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#undef NDEBUG
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct store *store;
static struct span domain = { "example.com", 11 };
static struct network proxies = { .base = { .s6_addr = { [10] = 0xFF, 0xFF, 192, 0, 2, 0 } },
	.bits = 120 };
static struct settings settings;

/* With one user; its files are gone once it is open. */
static void prepare(void)
{
	char folder[] = "/tmp/fuzz-forwarding-XXXXXX", command[64];
	const struct user alice = { SPAN("sip:alice@example.com"), ROLE_USER, NULL, 0 };
	settings.auth.realm = domain;
	settings.auth.domains = (struct span_list){ &domain, 1 };
	settings.auth.trusted = (struct network_list){ &proxies, 1 };
	assert(mkdtemp(folder));
	const struct store_settings wanted = { .path = folder,
		.max_size = 16 << 20,
		.create = true,
		.history_versions = 1,
		.feed_keep_ms = 1000 };
	assert(store_open(&store, &wanted) == STORE_OK);
	assert(store_users_put(store, &alice, 1, NULL) == STORE_OK);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert(system(command) == 0);
}

static void take(struct arena *arena, struct forwarding *forwarding, struct span line)
{
	static const char *const names[] = { "X-3GPP-Asserted-Identity", "X-XCAP-Asserted-Identity",
		"X-Forwarded-For", "Forwarded", "Via" };
	if (line.size)
		forwarding_header(arena, forwarding, span_of(names[(uint8_t)line.data[0] % 5]),
			span_from(line, 1));
}

static void check_identity(
	struct arena *arena, const struct forwarding *forwarding, const struct sockaddr *peer)
{
	struct principal who = { ROLE_ADMIN, SPAN("nobody") };
	enum identity_result result = identity_asserted(
		arena, store, &settings, forwarding, peer, SPAN("sip:bob@example.com"), &who);
	assert(result != IDENTITY_BROKEN);
	assert((result == IDENTITY_NONE) == !forwarding->asserted_count);
	if (result == IDENTITY_KNOWN)
		assert(who.role == ROLE_USER && span_equal_text(who.name, "sip:alice@example.com"));
	else
		assert(span_equal_text(who.name, "nobody"));
}

/* A further trusted hop in front of us changes nothing, and a stranger is never believed. */
static void check_client(struct arena *arena, struct forwarding *forwarding,
	const struct sockaddr *peer, const struct sockaddr *stranger)
{
	char before[ADDRESS_TEXT], after[ADDRESS_TEXT];
	struct sockaddr_storage room;
	const struct sockaddr *client = forwarding_client(&settings, forwarding, peer, &room);
	assert(forwarding_client(&settings, forwarding, stranger, &room) == stranger);
	client = forwarding_client(&settings, forwarding, peer, &room);
	address_text(client, before);
	assert(before[0]);
	if (client == peer)
		return;
	if (forwarding->x_forwarded_for.data)
		forwarding_header(arena, forwarding, SPAN("X-Forwarded-For"), SPAN("192.0.2.7"));
	if (forwarding->forwarded.data)
		forwarding_header(arena, forwarding, SPAN("Forwarded"), SPAN("for=192.0.2.7"));
	address_text(forwarding_client(&settings, forwarding, peer, &room), after);
	assert(strcmp(before, after) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr_in proxy = { .sin_family = AF_INET }, other = proxy;
	struct forwarding forwarding = { 0 };
	struct span rest = { (const char *)data, size };
	if (!store)
		prepare();
	struct arena *arena = arena_new(4096);
	proxy.sin_addr.s_addr = htonl(0xC0000201);
	other.sin_addr.s_addr = htonl(0xCB007101);
	while (rest.data)
		take(arena, &forwarding, span_cut(&rest, '\n'));
	check_identity(arena, &forwarding, (const struct sockaddr *)&proxy);
	check_client(arena, &forwarding, (const struct sockaddr *)&proxy,
		(const struct sockaddr *)&other);
	arena_free(&arena);
	return 0;
}
