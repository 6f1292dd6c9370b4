/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/credentials.h"

#include "notifier/sip.h"

#include <string.h>

enum { BLOCK = 512, CHALLENGE_MOST = 4096 };

void credentials_end(struct credentials *credentials)
{
	arena_free(&credentials->arena);
	*credentials = (struct credentials){ .asked = false };
}

/* A parameter of a challenge: name, and the value as it is written, quotes off. */
static bool next_parameter(struct span *rest, struct span *name_out, struct span *value_out)
{
	size_t at = 0;
	struct span text = span_trim(*rest);
	while (text.size && (text.data[0] == ',' || text.data[0] == ' '))
		text = span_from(text, 1);
	if (!span_find(text, '=', &at))
		return false;
	*name_out = span_trim(span_first(text, at));
	text = span_trim(span_from(text, at + 1));
	if (!text.size || text.data[0] != '"') {
		size_t end = text.size;
		span_find(text, ',', &end);
		*value_out = span_trim(span_first(text, end));
		*rest = span_from(text, end);
		return true;
	}
	for (at = 1; at < text.size && text.data[at] != '"'; at++)
		at += text.data[at] == '\\';
	if (at >= text.size)
		return false;
	*value_out = (struct span){ text.data + 1, at - 1 };
	*rest = span_from(text, at + 1);
	return true;
}

struct challenge {
	struct span realm, nonce, opaque, algorithm, qop, stale;
};

static bool read_challenge(struct span text, struct challenge *out)
{
	static const struct {
		const char *name;
		size_t offset;
	} fields[] = {
		{ "realm", offsetof(struct challenge, realm) },
		{ "nonce", offsetof(struct challenge, nonce) },
		{ "opaque", offsetof(struct challenge, opaque) },
		{ "algorithm", offsetof(struct challenge, algorithm) },
		{ "qop", offsetof(struct challenge, qop) },
		{ "stale", offsetof(struct challenge, stale) },
	};
	struct span name, value, rest = span_trim(text);
	*out = (struct challenge){ .realm = { NULL, 0 } };
	if (rest.size > CHALLENGE_MOST || !span_equal_nocase(span_first(rest, 7), SPAN("Digest ")))
		return false;
	rest = span_from(rest, 7);
	while (next_parameter(&rest, &name, &value))
		for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
			if (span_equal_nocase(name, span_of(fields[i].name)))
				*(struct span *)(void *)((char *)out + fields[i].offset) = value;
	return out->realm.data && out->nonce.data;
}

static bool offers_auth(struct span qop)
{
	while (qop.data)
		if (span_equal_nocase(span_trim(span_cut(&qop, ',')), SPAN("auth")))
			return true;
	return false;
}

/* No word on it means MD5 (RFC 7616 §3.4). */
static bool find_algorithm(struct span text, enum digest_algorithm *out)
{
	for (*out = DIGEST_MD5; *out < DIGEST_ALGORITHMS; ++*out)
		if (!text.data || span_equal_nocase(text, span_of(digest_algorithm_text(*out))))
			return true;
	return false;
}

bool credentials_take(
	struct credentials *credentials, struct span challenge, bool proxy, bool *stale_out)
{
	struct challenge read;
	enum digest_algorithm algorithm;
	*stale_out = false;
	if (!read_challenge(challenge, &read) || !find_algorithm(read.algorithm, &algorithm)
		|| (read.qop.data && !offers_auth(read.qop)))
		return false;
	struct arena *arena = arena_new(BLOCK);
	if (!arena)
		return false;
	credentials_end(credentials);
	*credentials = (struct credentials){
		.arena = arena,
		.asked = true,
		.proxy = proxy,
		.counted = read.qop.data != NULL,
		.algorithm = algorithm,
		.names_algorithm = read.algorithm.data != NULL,
		.realm = arena_copy(arena, read.realm),
		.nonce = arena_copy(arena, read.nonce),
		.opaque = read.opaque.data ? arena_copy(arena, read.opaque) : read.opaque,
	};
	*stale_out = span_equal_nocase(read.stale, SPAN("true"));
	if (credentials->realm.data && credentials->nonce.data
		&& (credentials->opaque.data || !read.opaque.data))
		return true;
	credentials_end(credentials);
	return false;
}

struct proof {
	char hex[DIGEST_HEX_MAX];
};

static struct span hashed(const struct credentials *credentials, struct proof *proof,
	const struct span *parts, size_t count)
{
	digest_hex(credentials->algorithm, parts, count, proof->hex);
	return (struct span){ proof->hex, digest_hex_size(credentials->algorithm) };
}

struct span credentials_line(
	struct credentials *credentials, struct arena *arena, const struct credentials_for *what)
{
	if (!credentials->asked)
		return SPAN("");
	struct proof ha1, ha2, all;
	char token[SIP_TOKEN + 1], count[9];
	const struct span colon = SPAN(":");
	const struct span who[] = { what->username, colon, credentials->realm, colon,
		what->password };
	const struct span request[] = { what->method, colon, what->uri };
	struct span a1 = hashed(credentials, &ha1, who, 5);
	struct span a2 = hashed(credentials, &ha2, request, 3);
	sip_token(token);
	snprintf(count, sizeof(count), "%08x", ++credentials->count);
	const struct span counted[] = { a1, colon, credentials->nonce, colon, span_of(count), colon,
		span_of(token), SPAN(":auth:"), a2 };
	const struct span plain[] = { a1, colon, credentials->nonce, colon, a2 };
	struct span response = credentials->counted ? hashed(credentials, &all, counted, 9)
						    : hashed(credentials, &all, plain, 5);
	explicit_bzero(&ha1, sizeof(ha1));
	struct buffer line = { .arena = arena };
	buffer_format(&line,
		"%sAuthorization: Digest username=\"%.*s\", realm=\"%.*s\", nonce=\"%.*s\", "
		"uri=\"%.*s\", response=\"%.*s\"",
		credentials->proxy ? "Proxy-" : "", SPAN_ARG(what->username),
		SPAN_ARG(credentials->realm), SPAN_ARG(credentials->nonce), SPAN_ARG(what->uri),
		SPAN_ARG(response));
	if (credentials->names_algorithm)
		buffer_format(
			&line, ", algorithm=%s", digest_algorithm_text(credentials->algorithm));
	if (credentials->counted)
		buffer_format(&line, ", qop=auth, nc=%s, cnonce=\"%s\"", count, token);
	if (credentials->opaque.data)
		buffer_format(&line, ", opaque=\"%.*s\"", SPAN_ARG(credentials->opaque));
	buffer_text(&line, "\r\n");
	return buffer_span(&line);
}
