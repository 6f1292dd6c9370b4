/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/text.h"

#include <stdio.h>
#include <string.h>

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span span_trim(struct span text)
{
	while (text.size && is_space(text.data[0]))
		text = span_from(text, 1);
	while (text.size && is_space(text.data[text.size - 1]))
		text.size--;
	return text;
}

/* Eight octets with their capital letters made small: of those below 0x80 the sums reach the top
 * bit from 'A' on, and no more past 'Z'. */
static uint64_t lower_eight(uint64_t eight)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	uint64_t low = eight & ~tops;
	uint64_t from_a = low + ones * (0x80 - 'A'), past_z = low + ones * (0x80 - 'Z' - 1);
	return eight | ((from_a & ~past_z & ~eight & tops) >> 2);
}

bool span_equal_nocase(struct span a, struct span b)
{
	size_t i = 0;
	if (a.size != b.size)
		return false;
	for (; a.size - i >= 8; i += 8) {
		uint64_t one, other;
		memcpy(&one, a.data + i, 8);
		memcpy(&other, b.data + i, 8);
		if (one != other && lower_eight(one) != lower_eight(other))
			return false;
	}
	for (; i < a.size; i++)
		if (a.data[i] != b.data[i] && lower(a.data[i]) != lower(b.data[i]))
			return false;
	return true;
}

bool span_starts_nocase(struct span text, struct span prefix)
{
	return text.size >= prefix.size && span_equal_nocase(span_first(text, prefix.size), prefix);
}

int span_compare(struct span a, struct span b)
{
	size_t common = a.size < b.size ? a.size : b.size;
	int order = common ? memcmp(a.data, b.data, common) : 0;
	if (order)
		return order;
	return a.size < b.size ? -1 : a.size > b.size;
}

bool span_find(struct span text, char wanted, size_t *offset_out)
{
	const char *found = text.size ? memchr(text.data, wanted, text.size) : NULL;
	if (found && offset_out)
		*offset_out = (size_t)(found - text.data);
	return found != NULL;
}

bool span_search(struct span text, struct span wanted, size_t *offset_out)
{
	const char *found = text.size || !wanted.size ? memmem(text.data ? text.data : "",
				    text.size, wanted.data ? wanted.data : "", wanted.size)
						      : NULL;
	if (found && offset_out)
		*offset_out = wanted.size ? (size_t)(found - text.data) : 0;
	return found != NULL;
}

struct span span_cut(struct span *rest, char separator)
{
	size_t offset;
	struct span part = *rest;
	if (!span_find(*rest, separator, &offset)) {
		*rest = (struct span){ NULL, 0 };
		return part;
	}
	part.size = offset;
	*rest = span_from(*rest, offset + 1);
	return part;
}

bool span_equal_constant_time(struct span a, struct span b)
{
	if (a.size != b.size)
		return false;
	volatile unsigned char difference = 0;
	for (size_t i = 0; i < a.size; i++)
		difference = (unsigned char)(difference | (a.data[i] ^ b.data[i]));
	return difference == 0;
}

/* One more than a hex digit is worth; 0: it is none. */
static const uint8_t hex_values[256] = {
	['0'] = 1,
	['1'] = 2,
	['2'] = 3,
	['3'] = 4,
	['4'] = 5,
	['5'] = 6,
	['6'] = 7,
	['7'] = 8,
	['8'] = 9,
	['9'] = 10,
	['A'] = 11,
	['B'] = 12,
	['C'] = 13,
	['D'] = 14,
	['E'] = 15,
	['F'] = 16,
	['a'] = 11,
	['b'] = 12,
	['c'] = 13,
	['d'] = 14,
	['e'] = 15,
	['f'] = 16,
};

static int hex_value(char c)
{
	return hex_values[(unsigned char)c] - 1;
}

bool percent_decode(struct arena *arena, struct span text, struct span *out)
{
	*out = (struct span){ NULL, 0 };
	char *to = arena_alloc(arena, text.size + 1);
	if (!to)
		return false;
	size_t size = 0;
	while (text.size) {
		size_t plain = text.size;
		span_find(text, '%', &plain);
		memcpy(to + size, text.data, plain);
		size += plain;
		if (plain == text.size)
			break;
		struct span digits = span_from(text, plain + 1);
		int high = digits.size >= 2 ? hex_value(digits.data[0]) : -1;
		int low = digits.size >= 2 ? hex_value(digits.data[1]) : -1;
		if ((high | low) < 0)
			return false;
		to[size++] = (char)(high * 16 + low);
		text = span_from(digits, 2);
	}
	to[size] = '\0';
	*out = (struct span){ to, size };
	return true;
}

static bool is_unreserved(char c)
{
	char l = lower(c);
	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'
	       || c == '~';
}

struct span percent_encode(struct arena *arena, struct span text, const char *also_keep)
{
	static const char digits[] = "0123456789ABCDEF";
	char *to = arena_alloc(arena, text.size * 3 + 1);
	if (!to)
		return (struct span){ NULL, 0 };
	size_t size = 0;
	for (size_t i = 0; i < text.size; i++) {
		char c = text.data[i];
		if (is_unreserved(c) || (also_keep && c && strchr(also_keep, c))) {
			to[size++] = c;
			continue;
		}
		to[size++] = '%';
		to[size++] = digits[(unsigned char)c >> 4];
		to[size++] = digits[(unsigned char)c & 15];
	}
	to[size] = '\0';
	return (struct span){ to, size };
}

/* Length of the well-formed sequence at the start of text, 0 when there is none (RFC 3629 §4). */
static size_t utf8_sequence(const unsigned char *text, size_t left)
{
	unsigned char first = text[0];
	if (first < 0x80)
		return 1;
	size_t size = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
	if (!size || left < size)
		return 0;
	unsigned char least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
	unsigned char most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
	if (text[1] < least || text[1] > most)
		return 0;
	for (size_t i = 2; i < size; i++)
		if (text[i] < 0x80 || text[i] > 0xBF)
			return 0;
	return size;
}

bool utf8_valid(struct span text, size_t *bad_out)
{
	const unsigned char *octets = (const unsigned char *)text.data;
	for (size_t i = 0; i < text.size;) {
		uint64_t eight;
		if (text.size - i >= sizeof(eight)) { /* plain ASCII, eight at a time */
			memcpy(&eight, octets + i, sizeof(eight));
			if (!(eight & UINT64_C(0x8080808080808080))) {
				i += sizeof(eight);
				continue;
			}
		}
		size_t size = utf8_sequence(octets + i, text.size - i);
		if (!size) {
			if (bad_out)
				*bad_out = i;
			return false;
		}
		i += size;
	}
	return true;
}

void hex_encode(const uint8_t *octets, size_t count, char *out)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < count; i++) {
		out[2 * i] = digits[octets[i] >> 4];
		out[2 * i + 1] = digits[octets[i] & 15];
	}
}

bool hex_decode(struct span text, uint8_t *out, size_t count)
{
	unsigned all = 0; /* digits or'ed: over 15 when one of them was none */
	if (text.size != 2 * count)
		return false;
	for (size_t i = 0; i < count; i++) {
		unsigned high = hex_values[(unsigned char)text.data[2 * i]] - 1U;
		unsigned low = hex_values[(unsigned char)text.data[2 * i + 1]] - 1U;
		all |= high | low;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return all < 16;
}

bool parse_u64(struct span text, uint64_t *out)
{
	uint64_t value = 0;
	if (!text.size)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		if (__builtin_mul_overflow(value, 10, &value)
			|| __builtin_add_overflow(value, (uint64_t)(text.data[i] - '0'), &value))
			return false;
	}
	*out = value;
	return true;
}

struct unit {
	const char *suffix;
	uint64_t factor;
};

static bool parse_with_unit(struct span text, const struct unit *units, size_t count, uint64_t *out)
{
	for (size_t i = 0; i < count; i++) {
		struct span suffix = span_of(units[i].suffix);
		uint64_t value;
		if (!span_ends(text, suffix)
			|| !parse_u64(span_first(text, text.size - suffix.size), &value))
			continue;
		return !__builtin_mul_overflow(value, units[i].factor, out);
	}
	return false;
}

bool parse_duration(struct span text, uint64_t *out_ms)
{
	static const struct unit units[] = {
		{ "ms", 1 },
		{ "s", 1000 },
		{ "m", 60000 },
		{ "h", 3600000 },
		{ "d", 86400000 },
	};
	return parse_with_unit(text, units, sizeof(units) / sizeof(units[0]), out_ms);
}

bool parse_size(struct span text, uint64_t *out)
{
	static const struct unit units[] = {
		{ "K", UINT64_C(1) << 10 },
		{ "M", UINT64_C(1) << 20 },
		{ "G", UINT64_C(1) << 30 },
		{ "", 1 },
	};
	return parse_with_unit(text, units, sizeof(units) / sizeof(units[0]), out);
}

void buffer_reserve(struct buffer *buffer, size_t capacity)
{
	if (buffer->failed || capacity <= buffer->capacity)
		return;
	size_t grown = buffer->capacity ? buffer->capacity * 2 : 256;
	if (grown < capacity)
		grown = capacity;
	char *data = grown < SIZE_MAX ? arena_alloc(buffer->arena, grown + 1) : NULL;
	if (!data) {
		buffer->failed = true;
		return;
	}
	if (buffer->size)
		memcpy(data, buffer->data, buffer->size);
	data[buffer->size] = '\0';
	buffer->data = data;
	buffer->capacity = grown;
}

void buffer_append(struct buffer *buffer, struct span text)
{
	size_t wanted;
	if (__builtin_add_overflow(buffer->size, text.size, &wanted))
		buffer->failed = true;
	buffer_reserve(buffer, wanted ? wanted : 1); /* data is never NULL after an append */
	if (buffer->failed)
		return;
	if (text.size)
		memcpy(buffer->data + buffer->size, text.data, text.size);
	buffer->size += text.size;
	buffer->data[buffer->size] = '\0';
}

void buffer_text(struct buffer *buffer, const char *text)
{
	buffer_append(buffer, span_of(text));
}

void buffer_octet(struct buffer *buffer, char octet)
{
	buffer_append(buffer, (struct span){ &octet, 1 });
}

void buffer_format(struct buffer *buffer, const char *format, ...)
{
	va_list arguments;
	buffer_reserve(buffer, buffer->size + 1);
	for (bool again = true; again && !buffer->failed;) {
		size_t room = buffer->capacity - buffer->size;
		va_start(arguments, format);
		int size = vsnprintf(buffer->data + buffer->size, room + 1, format, arguments);
		va_end(arguments);
		again = size > 0 && (size_t)size > room;
		if (again)
			buffer_reserve(buffer, buffer->size + (size_t)size);
		else if (size < 0)
			buffer->failed = true;
		else
			buffer->size += (size_t)size;
	}
}

static const char *xml_reference(unsigned char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\t':
		return "&#9;";
	case '\n':
		return "&#10;";
	case '\r':
		return "&#13;";
	default:
		return c < 0x20 ? "\xEF\xBF\xBD" : NULL;
	}
}

void buffer_xml(struct buffer *buffer, struct span text)
{
	size_t start = 0, i = 0;
	while (i < text.size && !buffer->failed) {
		const unsigned char *at = (const unsigned char *)text.data + i;
		size_t size = utf8_sequence(at, text.size - i);
		const char *instead = size ? xml_reference(*at) : "\xEF\xBF\xBD";
		if (size == 3 && at[0] == 0xEF && at[1] == 0xBF
			&& at[2] >= 0xBE) /* U+FFFE, U+FFFF */
			instead = "\xEF\xBF\xBD";
		if (instead) {
			buffer_append(buffer, (struct span){ text.data + start, i - start });
			buffer_text(buffer, instead);
			start = i + (size ? size : 1);
		}
		i += size ? size : 1;
	}
	buffer_append(buffer, span_from(text, start));
}

struct span buffer_span(const struct buffer *buffer)
{
	if (buffer->failed)
		return (struct span){ NULL, 0 };
	return (struct span){ buffer->data ? buffer->data : "", buffer->size };
}
