/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/login.h"

void login_response(const struct login *login, const uint8_t *ha1, char out[DIGEST_HEX_MAX])
{
	const struct digest_header *digest = login->digest;
	size_t size = digest_hex_size(login->algorithm);
	char ha1_text[DIGEST_HEX_MAX], ha2_text[DIGEST_HEX_MAX];
	hex_encode(ha1, size / 2, ha1_text);
	const struct span request[] = { login->method, SPAN(":"), login->uri };
	digest_hex(login->algorithm, request, 3, ha2_text);
	const struct span all[] = { { ha1_text, size }, SPAN(":"), digest->nonce, SPAN(":"),
		digest->nc, SPAN(":"), digest->cnonce, SPAN(":auth:"), { ha2_text, size } };
	digest_hex(login->algorithm, all, sizeof(all) / sizeof(*all), out);
}

/* What a name without credentials is checked against: costs as much, proves nothing. */
static struct credential nobody(const struct login *login)
{
	return (struct credential){ login->name, login->realm,
		login->digest ? login->algorithm : DIGEST_SHA256, { 0 } };
}

/* For Basic any algorithm will do, the last one best. */
static const struct credential *choose(const struct user *user, const struct login *login)
{
	const struct credential *chosen = NULL;
	for (size_t i = 0; i < user->count; i++) {
		const struct credential *one = &user->credentials[i];
		if (!span_equal(one->name, login->name) || !span_equal(one->realm, login->realm))
			continue;
		if (login->digest ? one->algorithm == login->algorithm
				  : !chosen || one->algorithm > chosen->algorithm)
			chosen = one;
	}
	return chosen;
}

static bool proves(const struct login *login, const struct credential *credential)
{
	uint8_t made[DIGEST_OCTETS_MAX], given[DIGEST_OCTETS_MAX];
	size_t size = digest_hex_size(credential->algorithm);
	char hex[DIGEST_HEX_MAX];
	const uint8_t *wanted = credential->ha1;
	if (login->digest) {
		if (!hex_decode(login->digest->response, given, size / 2))
			return false;
		login_response(login, credential->ha1, hex);
		wanted = given;
	} else {
		const struct span parts[] = { login->name, SPAN(":"), login->realm, SPAN(":"),
			login->password };
		digest_hex(credential->algorithm, parts, 5, hex);
	}
	return hex_decode((struct span){ hex, size }, made, size / 2)
	       && span_equal_constant_time((struct span){ (const char *)made, size / 2 },
		       (struct span){ (const char *)wanted, size / 2 });
}

/* One stored user who may be meant, and what would prove it. */
struct candidate {
	struct user user;
	const struct credential *known; /* NULL: nobody, or not by this name */
};

/* `bare`: only an admin or reader will do. False: the store failed. */
static bool candidate_read(struct store *store, struct arena *arena, const struct login *login,
	struct span name, bool bare, struct candidate *out)
{
	*out = (struct candidate){ .known = NULL };
	if (!name.size || name.size > URI_XUI_MAX)
		return true;
	enum store_result found = store_user_read(store, arena, name, &out->user);
	if (found == STORE_OK && !(bare && out->user.role == ROLE_USER))
		out->known = choose(&out->user, login);
	return found == STORE_OK || found == STORE_ABSENT;
}

enum login_result login_check(struct store *store, struct arena *arena, const struct login *login,
	struct principal *who_out)
{
	struct span xui;
	struct candidate candidates[2];
	if (!xui_canonical(arena, login->name, login->realm, &xui))
		xui = (struct span){ NULL, 0 };
	if (!candidate_read(store, arena, login, xui, false, &candidates[0])
		|| !candidate_read(store, arena, login, login->name, true, &candidates[1]))
		return LOGIN_BROKEN;
	for (size_t i = 0; i < 2; i++)
		if (candidates[i].known && proves(login, candidates[i].known)) {
			const struct user *user = &candidates[i].user;
			*who_out = (struct principal){ user->role, user->name };
			return LOGIN_RIGHT;
		}
	const struct credential none = nobody(login);
	if (!candidates[0].known && !candidates[1].known)
		proves(login, &none);
	return LOGIN_WRONG;
}
