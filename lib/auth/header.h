/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading the Authorization header (RFC 9110 §11.4, RFC 7616 §3.4, RFC 7617 §2). For lib/auth
 * alone.
 *
 * Pure text: any thread. What is read is a slice of the header, or a copy in the arena where
 * escapes had to be undone.
 */
#ifndef XCAPD_AUTH_HEADER_H
#define XCAPD_AUTH_HEADER_H

#include "base/text.h"

enum { AUTHORIZATION_MAX = 8192 }; /* octets; more is not read */

enum authorization_kind {
	AUTHORIZATION_DIGEST,
	AUTHORIZATION_BASIC,
	AUTHORIZATION_OTHER,     /* a scheme that is none of ours */
	AUTHORIZATION_MALFORMED, /* no scheme, a parameter that cannot be read or comes twice, one
				    that Digest needs is missing, too long */
	AUTHORIZATION_NO_MEMORY,
};

/* A Digest header's parameters; data == NULL: absent. username, realm, nonce, uri and response are
 * always there, username* was decoded into username. Unknown parameters were skipped. */
struct digest_header {
	struct span username, username_extended, realm, nonce, uri, response;
	struct span algorithm, cnonce, qop, nc, userhash;
	uint32_t count; /* nc as a number, when it is there */
};

struct authorization {
	struct digest_header digest;
	struct span basic; /* still base64 */
};

/* uri is always a slice of `value`, its backslashes untouched: it goes on to the first quote that
 * ends a value there, because clients send raw quotes inside. */
enum authorization_kind authorization_parse(
	struct arena *arena, struct span value, struct authorization *out);

/* A name and password in the arena; the caller wipes `secret` (all of the decoded text). */
struct basic_login {
	struct span name, password;
	char *secret;
	size_t secret_size;
};

/* Decodes base64 (padding optional) and cuts at the first colon, or at the one behind the name when
 * that starts with sip:, sips: or tel:. *kind_out says why not: malformed or no memory. */
bool basic_decode(struct arena *arena, struct span token, struct basic_login *out,
	enum authorization_kind *kind_out);

/* Does a Digest uri name the request's target: the same octets, the same path and query where one
 * is in absolute form, or the same after decoding both once (RFC 7616 §3.4.6)? *hashed_out is what
 * the client hashed: uri as it stands, or without its backslashes; none without memory for that. */
bool digest_uri_matches(
	struct arena *arena, struct span uri, struct span target, struct span *hashed_out);

#endif
