/* SPDX-License-Identifier: BSD-2-Clause */
/* A login's name and proof against what the store knows. For lib/auth alone. Any thread. */
#ifndef XCAPD_AUTH_LOGIN_H
#define XCAPD_AUTH_LOGIN_H

#include "auth/header.h"
#include "store/store.h"

struct login {
	struct span name;  /* as sent */
	struct span realm; /* also completes a bare name to an XUI */
	/* Digest, where digest != NULL */
	const struct digest_header *digest;
	enum digest_algorithm algorithm;
	struct span method;
	struct span uri; /* as the client hashed it */
	/* Basic */
	struct span password;
};

/* The response that RFC 7616 §3.4.1 asks for with qop=auth: digest_hex_size octets, no NUL. */
void login_response(const struct login *login, const uint8_t *ha1, char out[DIGEST_HEX_MAX]);

enum login_result { LOGIN_RIGHT, LOGIN_WRONG, LOGIN_BROKEN };

/* An admin or reader of exactly this name, else the user that it names in this realm. A name that
 * nobody has costs the same hashes as one that somebody has. *who_out lives in the arena. */
enum login_result login_check(struct store *store, struct arena *arena, const struct login *login,
	struct principal *who_out);

#endif
