/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/principal.h"

#include "xcap/uri.h"

#include <nettle/md5.h>
#include <nettle/sha2.h>

enum { LOGIN_NAMES_MAX = 3 };

static const char *const roles[] = {
	[ROLE_USER] = "user",
	[ROLE_READER] = "reader",
	[ROLE_ADMIN] = "admin",
};

const char *role_text(enum role role)
{
	return roles[role];
}

bool role_parse(struct span text, enum role *out)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (!span_equal_text(text, roles[i]))
			continue;
		*out = (enum role)i;
		return true;
	}
	return false;
}

const char *digest_algorithm_text(enum digest_algorithm algorithm)
{
	return algorithm == DIGEST_MD5 ? "MD5" : "SHA-256";
}

size_t digest_hex_size(enum digest_algorithm algorithm)
{
	return 2 * (algorithm == DIGEST_MD5 ? MD5_DIGEST_SIZE : SHA256_DIGEST_SIZE);
}

static const uint8_t *octets_of(struct span text)
{
	return (const uint8_t *)(text.data ? text.data : "");
}

static void hash_md5(const struct span *parts, size_t count, uint8_t out[DIGEST_OCTETS_MAX])
{
	struct md5_ctx context;
	md5_init(&context);
	for (size_t i = 0; i < count; i++)
		md5_update(&context, parts[i].size, octets_of(parts[i]));
	md5_digest(&context, MD5_DIGEST_SIZE, out);
}

static void hash_sha256(const struct span *parts, size_t count, uint8_t out[DIGEST_OCTETS_MAX])
{
	struct sha256_ctx context;
	sha256_init(&context);
	for (size_t i = 0; i < count; i++)
		sha256_update(&context, parts[i].size, octets_of(parts[i]));
	sha256_digest(&context, SHA256_DIGEST_SIZE, out);
}

static void hash(enum digest_algorithm algorithm, const struct span *parts, size_t count,
	uint8_t out[DIGEST_OCTETS_MAX])
{
	if (algorithm == DIGEST_MD5)
		hash_md5(parts, count, out);
	else
		hash_sha256(parts, count, out);
}

void digest_hex(enum digest_algorithm algorithm, const struct span *parts, size_t count,
	char out[DIGEST_HEX_MAX])
{
	uint8_t octets[DIGEST_OCTETS_MAX];
	hash(algorithm, parts, count, octets);
	hex_encode(octets, digest_hex_size(algorithm) / 2, out);
}

size_t principal_login_names(struct arena *arena, struct span name, enum role role,
	struct span realm, struct span default_domain, struct span out[LOGIN_NAMES_MAX])
{
	static const struct span scheme = { "sip:", 4 };
	size_t count = 0, at;
	if (!name.size || (role == ROLE_USER && !xui_canonical(arena, name, default_domain, &name)))
		return 0;
	if (span_starts(name, scheme) && span_find(name, '@', &at)) {
		struct span address = span_from(name, scheme.size);
		if (span_equal_nocase(xui_domain(name), realm))
			out[count++] = span_first(address, at - scheme.size);
		out[count++] = address;
	}
	out[count++] = name;
	return count;
}

static void fill(struct credential *credential, struct span name, struct span realm,
	enum digest_algorithm algorithm, struct span password)
{
	struct span parts[] = { name, SPAN(":"), realm, SPAN(":"), password };
	*credential = (struct credential){ .name = name, .realm = realm, .algorithm = algorithm };
	hash(algorithm, parts, sizeof(parts) / sizeof(parts[0]), credential->ha1);
}

bool principal_credentials(struct arena *arena, struct user *user, struct span password,
	const struct span *realms, size_t realm_count, struct span default_domain)
{
	size_t most = realm_count * LOGIN_NAMES_MAX * DIGEST_ALGORITHMS, count = 0;
	struct credential *credentials = arena_alloc(arena, most * sizeof(*credentials));
	if (!credentials)
		return false;
	for (size_t i = 0; i < realm_count; i++) {
		struct span names[LOGIN_NAMES_MAX], realm = arena_copy(arena, realms[i]);
		size_t name_count = principal_login_names(
			arena, user->name, user->role, realm, default_domain, names);
		if (!realm.data || !name_count)
			return false;
		for (size_t n = 0; n < name_count; n++)
			for (int a = 0; a < DIGEST_ALGORITHMS; a++)
				fill(&credentials[count++], names[n], realm,
					(enum digest_algorithm)a, password);
	}
	user->credentials = credentials;
	user->count = count;
	return true;
}
