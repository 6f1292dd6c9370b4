/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/etag.h"

#include <string.h>

/* GENERATION '-' NUMBER, both in base64url digits, the most significant first: the generation's
 * low 48 bits in eight digits, the number in as many as it needs. */
enum { GENERATION_DIGITS = 8, NUMBER_DIGITS = 11 };

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

bool etag_equal(struct etag a, struct etag b)
{
	return a.generation == b.generation && a.number == b.number;
}

size_t etag_text(struct etag etag, char out[ETAG_TEXT_MAX])
{
	size_t size = 0, needed = 1;
	for (int shift = 6 * (GENERATION_DIGITS - 1); shift >= 0; shift -= 6)
		out[size++] = digits[etag.generation >> shift & 63];
	out[size++] = '-';
	while (needed < NUMBER_DIGITS && etag.number >> (6 * needed))
		needed++;
	while (needed--)
		out[size++] = digits[etag.number >> (6 * needed) & 63];
	out[size] = '\0';
	return size;
}

static bool read_digits(struct span text, uint64_t *out)
{
	uint64_t value = 0;
	for (size_t i = 0; i < text.size; i++) {
		const char *digit = text.data[i] ? strchr(digits, text.data[i]) : NULL;
		if (!digit || value >> 58)
			return false;
		value = value << 6 | (uint64_t)(digit - digits);
	}
	*out = value;
	return true;
}

bool etag_parse(struct span text, struct etag *out)
{
	struct span number = span_from(text, GENERATION_DIGITS + 1);
	if (!number.size || text.data[GENERATION_DIGITS] != '-' || number.data[0] == digits[0])
		return false;
	return read_digits(span_first(text, GENERATION_DIGITS), &out->generation) && out->generation
	       && read_digits(number, &out->number);
}

/* --- conditions --- */

static void skip_blanks(struct span *rest, bool commas_too)
{
	while (rest->size
		&& (rest->data[0] == ' ' || rest->data[0] == '\t'
			|| (commas_too && rest->data[0] == ',')))
		*rest = span_from(*rest, 1);
}

static size_t count_quotes(struct span text)
{
	size_t count = 0;
	while (count < text.size && text.data[count] == '"')
		count++;
	return count;
}

static bool at_end_of_element(struct span rest)
{
	return !rest.size || strchr(", \t", rest.data[0]);
}

static bool is_opaque(struct span tag)
{
	for (size_t i = 0; i < tag.size; i++)
		if ((unsigned char)tag.data[i] < ' ' || tag.data[i] == 0x7F || tag.data[i] == '"')
			return false;
	return true;
}

/* "x", and ""x"" or """x""" from clients that quote what was quoted. */
static bool read_quoted(struct span *rest, struct span *tag)
{
	size_t quotes = count_quotes(*rest), end;
	*rest = span_from(*rest, quotes);
	*tag = span_first(*rest, 0);
	if (quotes == 2 && at_end_of_element(*rest))
		return true;
	if (!span_find(*rest, '"', &end))
		return false;
	*tag = span_first(*rest, end);
	*rest = span_from(*rest, end);
	if (count_quotes(*rest) != quotes)
		return false;
	*rest = span_from(*rest, quotes);
	return true;
}

static bool read_tag(struct span *rest, struct span *tag, bool *weak)
{
	*weak = span_starts(*rest, SPAN("W/"));
	if (*weak)
		*rest = span_from(*rest, 2);
	if (rest->size && rest->data[0] == '"')
		return read_quoted(rest, tag) && is_opaque(*tag);
	size_t size = 0;
	while (!at_end_of_element(span_from(*rest, size)))
		size++;
	*tag = span_first(*rest, size);
	*rest = span_from(*rest, size);
	return size && is_opaque(*tag) && !span_equal_text(*tag, "*");
}

/* Room for as many more tags as the value has elements. */
static bool make_room(struct arena *arena, const struct condition *condition, struct span value,
	struct span **tags, bool **weak)
{
	size_t room = condition->count + 1;
	for (size_t i = 0; i < value.size; i++)
		room += value.data[i] == ',';
	*tags = arena_alloc(arena, room * sizeof(**tags));
	*weak = arena_alloc(arena, room * sizeof(**weak));
	if (!*tags || !*weak)
		return false;
	if (condition->count) {
		memcpy(*tags, condition->tags, condition->count * sizeof(**tags));
		memcpy(*weak, condition->weak, condition->count * sizeof(**weak));
	}
	return true;
}

bool condition_add(struct arena *arena, struct condition *condition, struct span value)
{
	struct span *tags, rest = span_trim(value);
	bool *weak;
	size_t count = condition->count;
	if (span_equal_text(rest, "*")) {
		bool alone = !condition->present;
		condition->present = condition->any = true;
		return alone;
	}
	if (condition->any || !make_room(arena, condition, rest, &tags, &weak))
		return false;
	for (skip_blanks(&rest, true); rest.size; skip_blanks(&rest, true)) {
		if (!read_tag(&rest, &tags[count], &weak[count]))
			return false;
		skip_blanks(&rest, false);
		if (rest.size && rest.data[0] != ',')
			return false;
		count++;
	}
	if (count == condition->count)
		return false;
	*condition =
		(struct condition){ .present = true, .tags = tags, .weak = weak, .count = count };
	return true;
}

static bool names(const struct condition *condition, struct etag current, bool weakly)
{
	if (!current.number)
		return false;
	if (condition->any)
		return true;
	char text[ETAG_TEXT_MAX];
	struct span tag = { text, etag_text(current, text) };
	for (size_t i = 0; i < condition->count; i++)
		if ((weakly || !condition->weak[i]) && span_equal(condition->tags[i], tag))
			return true;
	return false;
}

enum conditions_verdict conditions_judge(
	const struct conditions *conditions, struct etag current, bool reading)
{
	if (conditions->match.present && !names(&conditions->match, current, false))
		return CONDITIONS_FAILED;
	if (conditions->none_match.present && names(&conditions->none_match, current, true))
		return reading ? CONDITIONS_UNCHANGED : CONDITIONS_FAILED;
	return CONDITIONS_PASS;
}
