/* SPDX-License-Identifier: BSD-2-Clause */
/* Who somebody is, and the digest hashes that prove it (RFC 7616 §3.4.2).
 *
 * A user's plain password is never kept: for each name that may be typed at login, each algorithm
 * and each realm that is served there is one HA1 = H(name ":" realm ":" password). Pure text: any
 * thread.
 */
#ifndef XCAPD_XCAP_PRINCIPAL_H
#define XCAPD_XCAP_PRINCIPAL_H

#include "base/text.h"

enum role { ROLE_USER, ROLE_READER, ROLE_ADMIN };

const char *role_text(enum role role); /* "user", "reader", "admin" */
bool role_parse(struct span text, enum role *out);

/* Who asks. name is a canonical XUI for a user, a bare name for a reader or admin (an XUI is legal
 * for them too), and "trusted-reader" for one let in by address. */
struct principal {
	enum role role;
	struct span name;
};

enum digest_algorithm { DIGEST_MD5, DIGEST_SHA256, DIGEST_ALGORITHMS };

const char *digest_algorithm_text(enum digest_algorithm algorithm); /* "MD5", "SHA-256" */
size_t digest_hex_size(enum digest_algorithm algorithm);            /* 32, 64 */

enum { DIGEST_OCTETS_MAX = 32, DIGEST_HEX_MAX = 64 };

/* Hash of the concatenated parts as lower-case hex (digest_hex_size octets, no NUL). */
void digest_hex(enum digest_algorithm algorithm, const struct span *parts, size_t count,
	char out[DIGEST_HEX_MAX]);

/* One HA1. */
struct credential {
	struct span name; /* as typed at login: "alice", "alice@example.com",
			     "sip:alice@example.com", "admin" */
	struct span realm;
	enum digest_algorithm algorithm;
	uint8_t ha1[DIGEST_OCTETS_MAX]; /* 16 or 32 octets used */
};

struct user {
	struct span name; /* canonical XUI, or bare name */
	enum role role;
	const struct credential *credentials;
	size_t count;
};

/* All names under which `name` may log in within `realm`, most specific last: for a user of that
 * very realm the bare one too; for a user of another domain only the full forms; for a bare admin
 * or reader name itself. At most 3; returns how many: 0 without memory or when there is no such
 * name. */
size_t principal_login_names(struct arena *arena, struct span name, enum role role,
	struct span realm, struct span default_domain, struct span out[3]);

/* Fills credentials for every login name, algorithm and realm. False without memory, or when
 * user->name is no name that may log in. */
bool principal_credentials(struct arena *arena, struct user *user, struct span password,
	const struct span *realms, size_t realm_count, struct span default_domain);

#endif
