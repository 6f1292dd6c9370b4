/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/header.h"

#include <string.h>

#define FIELD(text, member)                                                        \
	{                                                                          \
		{ text, sizeof(text) - 1 }, offsetof(struct digest_header, member) \
	}
static const struct {
	struct span name;
	size_t offset;
} fields[] = {
	FIELD("username", username),
	FIELD("realm", realm),
	FIELD("nonce", nonce),
	FIELD("uri", uri),
	FIELD("response", response),
	FIELD("algorithm", algorithm),
	FIELD("qop", qop),
	FIELD("nc", nc),
	FIELD("cnonce", cnonce),
	FIELD("username*", username_extended),
	FIELD("userhash", userhash),
};

/* What an octet may be (RFC 9110 §5.6.2, §5.6.4); 0: nothing of that, as are those from 0x80 on. */
enum { TOKEN = 1, SPACE = 2, COMMA = 4, CONTROL = 8, QUOTE = 16, BACKSLASH = 32 };

#define T TOKEN
#define C CONTROL
static const uint8_t kinds[256] = {
	C, C, C, C, C, C, C, C, C, SPACE, C, C, C, C, C, C,         /* 0x00 */
	C, C, C, C, C, C, C, C, C, C, C, C, C, C, C, C,             /* 0x10 */
	SPACE, T, QUOTE, T, T, T, T, T, 0, 0, T, T, COMMA, T, T, 0, /* 0x20 */
	T, T, T, T, T, T, T, T, T, T, 0, 0, 0, 0, 0, 0,             /* 0 */
	0, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T,             /* @ */
	T, T, T, T, T, T, T, T, T, T, T, 0, BACKSLASH, 0, T, T,     /* P */
	T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T,             /* ` */
	T, T, T, T, T, T, T, T, T, T, T, 0, T, 0, T, C,             /* p */
};
#undef T
#undef C

static bool is_kind(char c, int kind)
{
	return kinds[(unsigned char)c] & kind;
}

/* One value as it was written. */
struct value {
	struct span text;
	bool escaped; /* quoted, with a backslash in it */
};

/* How many octets from `from` on are of these kinds, and how many are of none of them. */
static size_t count_of(struct span text, size_t from, int kind)
{
	size_t i = from;
	while (i < text.size && is_kind(text.data[i], kind))
		i++;
	return i - from;
}

static size_t count_but(struct span text, size_t from, int kind)
{
	size_t i = from;
	while (i < text.size && !is_kind(text.data[i], kind))
		i++;
	return i - from;
}

/* Like count_but, of controls, quotes and backslashes: eight octets at a time. */
static size_t count_plain(struct span text, size_t from, int stops)
{
	size_t i = from;
	for (uint64_t eight; i < text.size && text.size - i >= sizeof(eight); i += sizeof(eight)) {
		memcpy(&eight, text.data + i, sizeof(eight));
		uint64_t found = octets_are(eight, '"') | octets_are(eight, '\\')
				 | octets_are(eight, 0x7F) | octets_below(eight, ' ');
		if (found) {
			i += octets_before(found);
			break;
		}
	}
	return i - from + count_but(text, i, stops);
}

static struct span skip(struct span text, int kind)
{
	return span_from(text, count_of(text, 0, kind));
}

static struct span read_token(struct span *rest)
{
	struct span token = span_first(*rest, count_of(*rest, 0, TOKEN));
	*rest = span_from(*rest, token.size);
	return token;
}

/* What may stand behind the quote that ends a value: the end, or the next parameter. */
static bool ends_value(struct span after)
{
	after = skip(after, SPACE);
	if (!after.size)
		return true;
	if (after.data[0] != ',')
		return false;
	after = skip(after, COMMA | SPACE);
	if (!after.size)
		return true;
	if (!read_token(&after).size)
		return false;
	after = skip(after, SPACE);
	return after.size && after.data[0] == '=';
}

/* *rest starts with the opening quote. A raw value has no escapes, and may have quotes inside. */
static bool read_quoted(struct span *rest, bool raw, struct value *out)
{
	int stops = raw ? CONTROL | QUOTE : CONTROL | QUOTE | BACKSLASH;
	for (size_t i = 1;; i++) {
		i += count_plain(*rest, i, stops);
		if (i >= rest->size || is_kind(rest->data[i], CONTROL))
			return false;
		if (rest->data[i] == '\\') {
			out->escaped = true;
			i++;
		} else if (!raw || ends_value(span_from(*rest, i + 1))) {
			out->text = (struct span){ rest->data + 1, i - 1 };
			*rest = span_from(*rest, i + 1);
			return true;
		}
	}
}

static bool read_bare(struct span *rest, struct value *out)
{
	size_t size = count_but(*rest, 0, COMMA | SPACE | CONTROL | QUOTE);
	if (size < rest->size && is_kind(rest->data[size], CONTROL | QUOTE))
		return false;
	out->text = span_first(*rest, size);
	*rest = span_from(*rest, size);
	return true;
}

static struct span unescape(struct arena *arena, struct span text)
{
	char *out = arena_alloc(arena, text.size + 1);
	size_t size = 0;
	for (size_t i = 0; out && i < text.size; i++) {
		if (text.data[i] == '\\' && i + 1 < text.size)
			i++;
		out[size++] = text.data[i];
	}
	return (struct span){ out, out ? size : 0 };
}

static struct span *field_of(struct digest_header *digest, struct span name)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (name.size == fields[i].name.size && span_equal_nocase(name, fields[i].name))
			return (struct span *)(void *)((char *)digest + fields[i].offset);
	return NULL;
}

static enum authorization_kind keep(
	struct arena *arena, struct span *field, const struct value *value)
{
	if (!field)
		return AUTHORIZATION_DIGEST;
	if (field->data)
		return AUTHORIZATION_MALFORMED;
	*field = value->escaped ? unescape(arena, value->text) : value->text;
	return field->data ? AUTHORIZATION_DIGEST : AUTHORIZATION_NO_MEMORY;
}

/* name = value, up to the comma or the end. */
static enum authorization_kind read_parameter(
	struct arena *arena, struct span *rest, struct digest_header *digest)
{
	struct span name = read_token(rest);
	*rest = skip(*rest, SPACE);
	if (!name.size || !rest->size || rest->data[0] != '=')
		return AUTHORIZATION_MALFORMED;
	*rest = skip(span_from(*rest, 1), SPACE);

	struct span *field = field_of(digest, name);
	struct value value = { { NULL, 0 }, false };
	bool quoted = rest->size && rest->data[0] == '"';
	if (!(quoted ? read_quoted(rest, field == &digest->uri, &value) : read_bare(rest, &value)))
		return AUTHORIZATION_MALFORMED;
	*rest = skip(*rest, SPACE);
	if (rest->size && rest->data[0] != ',')
		return AUTHORIZATION_MALFORMED;
	return keep(arena, field, &value);
}

/* username*=UTF-8'language'percent-encoded (RFC 8187 §3.2). */
static enum authorization_kind read_extended(struct arena *arena, struct digest_header *digest)
{
	struct span rest = digest->username_extended;
	if (!rest.data)
		return AUTHORIZATION_DIGEST;
	struct span charset = span_cut(&rest, '\'');
	if (digest->username.data || !span_equal_nocase(charset, SPAN("UTF-8")) || !rest.data)
		return AUTHORIZATION_MALFORMED;
	span_cut(&rest, '\'');
	if (!rest.data || !percent_decode(arena, rest, &digest->username)
		|| !utf8_valid(digest->username, NULL))
		return AUTHORIZATION_MALFORMED;
	return AUTHORIZATION_DIGEST;
}

static enum authorization_kind read_count(struct digest_header *digest)
{
	uint8_t octets[4] = { 0 };
	if (digest->nc.data && !hex_decode(digest->nc, octets, sizeof(octets)))
		return AUTHORIZATION_MALFORMED;
	digest->count = (uint32_t)octets[0] << 24 | (uint32_t)octets[1] << 16
			| (uint32_t)octets[2] << 8 | octets[3];
	return AUTHORIZATION_DIGEST;
}

static enum authorization_kind read_digest(
	struct arena *arena, struct span rest, struct digest_header *digest)
{
	enum authorization_kind kind = AUTHORIZATION_DIGEST;
	for (rest = skip(rest, COMMA | SPACE); rest.size; rest = skip(rest, COMMA | SPACE)) {
		kind = read_parameter(arena, &rest, digest);
		if (kind != AUTHORIZATION_DIGEST)
			return kind;
	}
	kind = read_extended(arena, digest);
	if (kind != AUTHORIZATION_DIGEST)
		return kind;
	if (!digest->username.data || !digest->realm.data || !digest->nonce.data
		|| !digest->uri.data || !digest->response.data)
		return AUTHORIZATION_MALFORMED;
	return read_count(digest);
}

enum authorization_kind authorization_parse(
	struct arena *arena, struct span value, struct authorization *out)
{
	*out = (struct authorization){ 0 };
	if (value.size > AUTHORIZATION_MAX)
		return AUTHORIZATION_MALFORMED;
	struct span rest = span_trim(value);
	struct span scheme = read_token(&rest);
	if (!scheme.size || (rest.size && rest.data[0] != ' '))
		return AUTHORIZATION_MALFORMED;
	while (rest.size && rest.data[0] == ' ')
		rest = span_from(rest, 1);
	if (span_equal_nocase(scheme, SPAN("Digest")))
		return read_digest(arena, rest, &out->digest);
	if (!span_equal_nocase(scheme, SPAN("Basic")))
		return AUTHORIZATION_OTHER;
	out->basic = rest;
	return rest.size ? AUTHORIZATION_BASIC : AUTHORIZATION_MALFORMED;
}

static int sextet(char c)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789+/";
	const char *at = c ? strchr(alphabet, c) : NULL;
	return at ? (int)(at - alphabet) : -1;
}

/* Into `out`, which has room. False for a foreign character or bits left over. */
static bool base64_decode(struct span token, char *out, size_t *size_out)
{
	uint32_t bits = 0;
	unsigned held = 0;
	*size_out = 0;
	for (size_t i = 0; i < token.size; i++) {
		int six = sextet(token.data[i]);
		if (six < 0)
			return false;
		bits = (bits << 6 | (uint32_t)six) & 0xffff;
		held += 6;
		if (held >= 8) {
			held -= 8;
			out[(*size_out)++] = (char)(unsigned char)(bits >> held & 0xff);
		}
	}
	return held < 6 && !(bits & ((1u << held) - 1));
}

/* Where the name ends: behind a scheme's colon there is another one. */
static bool name_end(struct span text, size_t *offset_out)
{
	static const char *const schemes[] = { "sip:", "sips:", "tel:" };
	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
		struct span scheme = span_of(schemes[i]);
		size_t more = 0;
		if (span_starts_nocase(text, scheme)
			&& span_find(span_from(text, scheme.size), ':', &more)) {
			*offset_out = scheme.size + more;
			return true;
		}
	}
	return span_find(text, ':', offset_out);
}

static bool has_control(struct span text)
{
	for (size_t i = 0; i < text.size; i++)
		if (is_kind(text.data[i], CONTROL))
			return true;
	return false;
}

bool basic_decode(struct arena *arena, struct span token, struct basic_login *out,
	enum authorization_kind *kind_out)
{
	for (int padding = 0; padding < 2 && span_ends(token, SPAN("=")); padding++)
		token.size--;
	*out = (struct basic_login){ .secret = arena_alloc(arena, token.size + 1) };
	*kind_out = out->secret ? AUTHORIZATION_MALFORMED : AUTHORIZATION_NO_MEMORY;
	if (!out->secret)
		return false;
	size_t cut = 0;
	bool whole = base64_decode(token, out->secret, &out->secret_size);
	struct span text = { out->secret, out->secret_size };
	if (!whole || has_control(text) || !name_end(text, &cut)) {
		explicit_bzero(out->secret, out->secret_size);
		return false;
	}
	out->name = span_first(text, cut);
	out->password = span_from(text, cut + 1);
	return true;
}

/* Path and query of an absolute form; anything else as it is. */
static struct span origin_form(struct span target)
{
	static const char *const schemes[] = { "http://", "https://" };
	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
		struct span scheme = span_of(schemes[i]);
		if (!span_starts_nocase(target, scheme))
			continue;
		struct span rest = span_from(target, scheme.size);
		while (rest.size && rest.data[0] != '/' && rest.data[0] != '?')
			rest = span_from(rest, 1);
		return rest.size ? rest : SPAN("/");
	}
	return target;
}

/* Takes one octet off, decoding %XX; -1 at the end or before a % that escapes nothing. */
static int next_octet(struct span *rest)
{
	if (!rest->size)
		return -1;
	uint8_t octet = (uint8_t)rest->data[0];
	size_t size = octet == '%' ? 3 : 1;
	struct span digits = span_first(span_from(*rest, 1), 2);
	if (octet == '%' && !hex_decode(digits, &octet, 1))
		return -1;
	*rest = span_from(*rest, size);
	return octet;
}

static bool same_target(struct span a, struct span b)
{
	a = origin_form(a);
	b = origin_form(b);
	if (span_equal(a, b))
		return true;
	int one, other;
	do {
		one = next_octet(&a);
		other = next_octet(&b);
	} while (one == other && one >= 0);
	return one == other && !a.size && !b.size;
}

bool digest_uri_matches(
	struct arena *arena, struct span uri, struct span target, struct span *hashed_out)
{
	*hashed_out = uri;
	if (same_target(uri, target))
		return true;
	if (!span_find(uri, '\\', NULL))
		return false;
	*hashed_out = unescape(arena, uri);
	return hashed_out->data && same_target(*hashed_out, target);
}
