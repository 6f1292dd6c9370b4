/* SPDX-License-Identifier: BSD-2-Clause */
/* Borrowed text: comparing, cutting, decoding; and a buffer that grows in an arena.
 *
 * Nothing here depends on a locale. Functions that take only spans never allocate and may be called
 * from any thread. Percent-encoding is that of RFC 3986 §2.1, UTF-8 that of RFC 3629 §4.
 */
#ifndef XCAPD_BASE_TEXT_H
#define XCAPD_BASE_TEXT_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SPAN(literal) ((struct span){ "" literal, sizeof(literal) - 1 })

/* Prints a span: printf("%.*s", SPAN_ARG(span)). */
#define SPAN_ARG(span) ((int)(span).size), ((span).data ? (span).data : "")

/* NULL gives none. */
static inline struct span span_of(const char *text)
{
	return (struct span){ text, text ? strlen(text) : 0 };
}

/* The rest; empty past the end. */
static inline struct span span_from(struct span text, size_t offset)
{
	if (offset > text.size)
		offset = text.size;
	return (struct span){ text.data ? text.data + offset : NULL, text.size - offset };
}

/* At most that much of it. */
static inline struct span span_first(struct span text, size_t size)
{
	return (struct span){ text.data, size < text.size ? size : text.size };
}

static inline bool span_equal(struct span a, struct span b)
{
	return a.size == b.size && (!a.size || !memcmp(a.data, b.data, a.size));
}

static inline bool span_equal_text(struct span a, const char *b)
{
	return span_equal(a, span_of(b));
}

static inline bool span_starts(struct span text, struct span prefix)
{
	return text.size >= prefix.size && span_equal(span_first(text, prefix.size), prefix);
}

static inline bool span_ends(struct span text, struct span suffix)
{
	return text.size >= suffix.size
	       && span_equal(span_from(text, text.size - suffix.size), suffix);
}

/* Eight octets at a time, in any order: is one of them `wanted`, or below `least` (at most 0x80)?
 * 0: no. May find too much, never too little: a difference reaches the top bit of its octet when it
 * is of 0, or of too little. */
static inline uint64_t octets_are(uint64_t eight, unsigned char wanted)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t same = eight ^ (ones * wanted);
	return (same - ones) & ~same & ones << 7;
}

static inline uint64_t octets_below(uint64_t eight, unsigned char least)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	return (eight - ones * least) & ~eight & ones << 7;
}

/* How many of eight octets come before the first one that was found (one was); maybe fewer. */
static inline size_t octets_before(uint64_t found)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (size_t)__builtin_ctzll(found) / 8;
#else
	(void)found;
	return 0;
#endif
}

struct span span_trim(struct span text);              /* without space, tab, CR, LF at both ends */
bool span_equal_nocase(struct span a, struct span b); /* ASCII letters only */
bool span_starts_nocase(struct span text, struct span prefix);
int span_compare(struct span a, struct span b); /* by octets, shorter first */
bool span_find(struct span text, char wanted, size_t *offset_out);
bool span_search(struct span text, struct span wanted, size_t *offset_out);

/* Cuts *rest at the first separator: the part before it is returned, *rest becomes what follows, or
 * none (data == NULL) after the last part. Call while rest->data != NULL. */
struct span span_cut(struct span *rest, char separator);

/* Same time whatever the contents; the lengths are not secret. */
bool span_equal_constant_time(struct span a, struct span b);

/* Decodes each %XX once. False for a % that is not followed by two hex digits, or without memory
 * (then out->data is NULL). No other character is changed; '+' stays '+'. */
bool percent_decode(struct arena *arena, struct span text, struct span *out);

/* Encodes every octet but unreserved ones (RFC 3986 §2.3) and those in also_keep (NULL: none). */
struct span percent_encode(struct arena *arena, struct span text, const char *also_keep);

/* Is it well-formed UTF-8: no overlong form, no surrogate, nothing past U+10FFFF? If not, *bad_out
 * (may be NULL) is the offset of the first octet of the bad sequence. */
bool utf8_valid(struct span text, size_t *bad_out);

void hex_encode(
	const uint8_t *octets, size_t count, char *out); /* 2 * count lower-case digits, no NUL */
bool hex_decode(struct span text, uint8_t *out, size_t count); /* exactly 2 * count digits */

/* Whole text must be one number. */
bool parse_u64(struct span text, uint64_t *out);
/* "250ms", "30s", "5m", "2h", "7d"; "0s" is legal. Milliseconds. */
bool parse_duration(struct span text, uint64_t *out_ms);
/* "4096", "64K", "1M", "64G" (powers of 1024). Octets. */
bool parse_size(struct span text, uint64_t *out);

/* Text being built. Zero-initialise with the arena set; look at `failed` once, at the end. After a
 * failure further appends do nothing. `data` is NUL-terminated (not counted) after the first
 * append. */
struct buffer {
	struct arena *arena;
	char *data;
	size_t size;
	size_t capacity;
	bool failed;
};

void buffer_reserve(struct buffer *buffer, size_t capacity);
void buffer_append(struct buffer *buffer, struct span text);
void buffer_text(struct buffer *buffer, const char *text);
void buffer_octet(struct buffer *buffer, char octet);
void buffer_format(struct buffer *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Escapes & < > " as XML references, tab, CR and LF as numeric ones; octets that XML 1.0 cannot
 * hold become U+FFFD. Fit for text and for attribute values in double quotes. */
void buffer_xml(struct buffer *buffer, struct span text);
struct span buffer_span(const struct buffer *buffer); /* data == NULL if it failed */

#endif
