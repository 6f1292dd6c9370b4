/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/xmltext.h"

#include <string.h>

struct range {
	uint32_t first, last;
};

/* XML 1.0 (fifth edition) [4] NameStartChar and what [4a] NameChar adds, without the colon. */
static const struct range name_start[] = {
	{ 'A', 'Z' },
	{ '_', '_' },
	{ 'a', 'z' },
	{ 0xC0, 0xD6 },
	{ 0xD8, 0xF6 },
	{ 0xF8, 0x2FF },
	{ 0x370, 0x37D },
	{ 0x37F, 0x1FFF },
	{ 0x200C, 0x200D },
	{ 0x2070, 0x218F },
	{ 0x2C00, 0x2FEF },
	{ 0x3001, 0xD7FF },
	{ 0xF900, 0xFDCF },
	{ 0xFDF0, 0xFFFD },
	{ 0x10000, 0xEFFFF },
};
static const struct range name_more[] = {
	{ '-', '.' },
	{ '0', '9' },
	{ 0xB7, 0xB7 },
	{ 0x300, 0x36F },
	{ 0x203F, 0x2040 },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool in_ranges(const struct range *ranges, size_t count, uint32_t code)
{
	for (size_t i = 0; i < count; i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

/* The code point at the start of text and its size; 0 when it is cut short. */
static size_t utf8_read(struct span text, uint32_t *code_out)
{
	unsigned char first = text.size ? (unsigned char)text.data[0] : 0x80;
	if (first < 0x80) {
		*code_out = first;
		return 1;
	}
	size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 0;
	if (!size || size > text.size)
		return 0;
	uint32_t code = first & (0xFFu >> (size + 1));
	for (size_t i = 1; i < size; i++)
		code = code << 6 | ((unsigned char)text.data[i] & 0x3F);
	*code_out = code;
	return size;
}

static size_t utf8_write(uint32_t code, char out[4])
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	for (size_t i = size - 1; i; i--, code >>= 6)
		out[i] = (char)(0x80 | (code & 0x3F));
	out[0] = (char)((0xF00u >> size & 0xF0) | code);
	return size;
}

/* The part of the tables above that nearly all names need. */
static size_t ascii_name_size(struct span text)
{
	size_t at = 0;
	for (; at < text.size; at++) {
		char c = text.data[at], small = (char)(c | 0x20);
		bool start = (small >= 'a' && small <= 'z') || c == '_';
		if (!start && (!at || !((c >= '0' && c <= '9') || c == '-' || c == '.')))
			break;
	}
	return at;
}

size_t ncname_size(struct span text)
{
	size_t at = ascii_name_size(text);
	if (at < text.size && (unsigned char)text.data[at] < 0x80)
		return at;
	while (at < text.size) {
		uint32_t code;
		size_t size = utf8_read(span_from(text, at), &code);
		bool fits = size
			    && (in_ranges(name_start, COUNT(name_start), code)
				    || (at && in_ranges(name_more, COUNT(name_more), code)));
		if (!fits)
			break;
		at += size;
	}
	return at;
}

static bool is_white(char c)
{
	return c == '\t' || c == '\n' || c == '\r';
}

/* U+FFFE and U+FFFF, the only code points beyond the controls that UTF-8 has and XML has not. */
static bool is_noncharacter(struct span text)
{
	return text.size >= 3 && !memcmp(text.data, "\xEF\xBF", 2)
	       && (unsigned char)text.data[2] >= 0xBE;
}

static bool bad_character(struct span text)
{
	unsigned char first = (unsigned char)text.data[0];
	return first < 0x20 ? !is_white((char)first) : first == 0xEF && is_noncharacter(text);
}

/* Does one of eight octets have to be looked at by itself: '&', '<' or a control? */
static uint64_t any_special(uint64_t eight)
{
	return octets_are(eight, '&') | octets_are(eight, '<') | octets_below(eight, 0x20);
}

/* Octets from the start that stand in a value as they are meant, and are legal; maybe fewer. */
static size_t plain_octets(struct span text)
{
	size_t i = 0;
	for (; text.size - i >= 8; i += 8) {
		uint64_t eight;
		memcpy(&eight, text.data + i, 8);
		uint64_t found = any_special(eight) | octets_are(eight, 0xEF);
		if (found) {
			i += octets_before(found);
			break;
		}
	}
	for (; i < text.size; i++) {
		unsigned char c = (unsigned char)text.data[i];
		if (c < 0x20 || c == '&' || c == '<' || c == 0xEF)
			break;
	}
	return i;
}

bool xml_characters(struct span text)
{
	for (size_t i = plain_octets(text); i < text.size;
		i += 1 + plain_octets(span_from(text, i + 1)))
		if (bad_character(span_from(text, i)))
			return false;
	return true;
}

static bool code_legal(uint32_t code)
{
	return code >= 0x20 ? code < 0xD800 || (code > 0xDFFF && code < 0xFFFE)
				      || (code > 0xFFFF && code <= 0x10FFFF)
			    : code && is_white((char)code);
}

static int digit_value(char c, uint32_t base)
{
	int value = c >= '0' && c <= '9'   ? c - '0'
		    : c >= 'a' && c <= 'f' ? c - 'a' + 10
		    : c >= 'A' && c <= 'F' ? c - 'A' + 10
					   : -1;
	return value < (int)base ? value : -1;
}

/* "#65" or "#x41", without '&' and ';'. */
static bool character_reference(struct span name, uint32_t *code_out)
{
	bool hex = name.size > 1 && name.data[1] == 'x';
	struct span digits = span_from(name, hex ? 2 : 1);
	uint32_t code = 0, base = hex ? 16 : 10;
	for (size_t i = 0; i < digits.size; i++) {
		int value = digit_value(digits.data[i], base);
		if (value < 0 || code > 0x10FFFF)
			return false;
		code = code * base + (uint32_t)value;
	}
	*code_out = code;
	return digits.size && code_legal(code);
}

static const struct {
	const char *name;
	char means;
} entities[] = { { "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' }, { "apos", '\'' } };

/* Octets of the reference at the start of text; 0 when it is none. */
static size_t read_reference(struct span text, uint32_t *code_out)
{
	size_t end;
	if (!span_find(span_first(text, 64), ';', &end) || end < 2)
		return 0;
	struct span name = { text.data + 1, end - 1 };
	if (name.data[0] == '#')
		return character_reference(name, code_out) ? end + 1 : 0;
	for (size_t i = 0; i < COUNT(entities); i++) {
		if (span_equal_text(name, entities[i].name)) {
			*code_out = (unsigned char)entities[i].means;
			return end + 1;
		}
	}
	return 0;
}

/* What the octets at the start of text (not empty) mean: how many were read, 0 when they are not
 * legal; out holds *size_out octets. */
static size_t read_piece(struct span text, char out[4], size_t *size_out)
{
	char first = text.data[0];
	uint32_t code;
	*size_out = 1;
	out[0] = first;
	if (first == '&') {
		size_t size = read_reference(text, &code);
		if (size)
			*size_out = utf8_write(code, out);
		return size;
	}
	if (is_white(first)) {
		out[0] = ' ';
		return first == '\r' && text.size > 1 && text.data[1] == '\n' ? 2 : 1;
	}
	return first == '<' || bad_character(text) ? 0 : 1;
}

bool value_equal(struct span stored, struct span meant)
{
	size_t most = stored.size < meant.size ? stored.size : meant.size, i = 0;
	for (; most - i >= 8; i += 8) {
		uint64_t a, b;
		memcpy(&a, stored.data + i, 8);
		memcpy(&b, meant.data + i, 8);
		if (any_special(a))
			break;
		if (a != b) /* each octet means itself, and something else is meant */
			return false;
	}
	while (i < most && stored.data[i] == meant.data[i] && stored.data[i] > '&'
		&& stored.data[i] != '<')
		i++;
	if (i < stored.size && stored.data[i] > '&' && stored.data[i] != '<')
		return false;
	for (size_t at = i; at < stored.size;) {
		char octets[4];
		size_t size, used = read_piece(span_from(stored, at), octets, &size);
		if (!used || meant.size - i < size || memcmp(meant.data + i, octets, size))
			return false;
		at += used;
		i += size;
	}
	return i == meant.size;
}

/* Does `= "text"` begin at the equals sign, with just these octets between quotes of either kind?
 */
static bool is_value(const char *equals, const char *end, struct span text)
{
	const char *p = equals + 1;
	while (p < end && (*p == ' ' || is_white(*p)))
		p++;
	return (size_t)(end - p) >= text.size + 2 && (*p == '"' || *p == '\'')
	       && p[text.size + 1] == *p && !memcmp(p + 1, text.data, text.size);
}

size_t value_first(struct span octets, struct span meant)
{
	const char *p = octets.data, *end = p + octets.size;
	size_t reference;
	if (!octets.size || !meant.size || span_find(meant, ' ', NULL))
		return 0;
	while ((p = memchr(p, '=', (size_t)(end - p))) && !is_value(p, end, meant))
		p++;
	octets = span_first(octets, p ? (size_t)(p - octets.data) : octets.size);
	return span_find(octets, '&', &reference) ? reference : octets.size;
}

bool value_decode(struct arena *arena, struct span stored, struct span *out)
{
	*out = (struct span){ NULL, 0 };
	char *to = arena_alloc(arena, stored.size + 1);
	if (!to)
		return false;
	size_t at = 0, size = 0;
	while (at < stored.size) {
		char octets[4];
		struct span rest = span_from(stored, at);
		struct span piece = span_first(rest, plain_octets(rest));
		size_t used = piece.size;
		if (!used) {
			used = read_piece(rest, octets, &piece.size);
			piece.data = octets;
		}
		if (!used)
			return false;
		memcpy(to + size, piece.data, piece.size);
		size += piece.size;
		at += used;
	}
	to[size] = '\0';
	*out = (struct span){ to, size };
	return true;
}

bool value_legal(struct span stored, size_t *bad_out)
{
	size_t at = plain_octets(stored);
	while (at < stored.size) {
		char octets[4];
		size_t size, used = read_piece(span_from(stored, at), octets, &size);
		if (!used) {
			if (bad_out)
				*bad_out = at;
			return false;
		}
		at += used;
		at += plain_octets(span_from(stored, at));
	}
	return true;
}
