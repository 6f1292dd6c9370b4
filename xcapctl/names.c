/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapctl/names.h"

#define KEEPS "!$&'()*+,;=:@"

struct span name_encode(struct arena *arena, struct span segment)
{
	if (span_equal(segment, SPAN(".")))
		return SPAN("%2E");
	if (span_equal(segment, SPAN("..")))
		return SPAN("%2E%2E");
	return percent_encode(arena, segment, KEEPS);
}

/* Not in the middle of a %XX. */
static size_t piece_size(struct span rest)
{
	size_t size = NAME_PIECE_MAX;
	if (rest.size <= size)
		return rest.size;
	if (rest.data[size - 1] == '%')
		return size - 1;
	return rest.data[size - 2] == '%' ? size - 2 : size;
}

struct span name_cut(struct arena *arena, struct span *rest)
{
	struct span piece = span_first(*rest, piece_size(*rest));
	*rest = span_from(*rest, piece.size);
	return arena_format(arena, "%.*s%s", SPAN_ARG(piece), rest->size ? "%" : "");
}

struct span name_beside(struct arena *arena, struct span name)
{
	return arena_format(arena, "%.*s%%-", SPAN_ARG(name));
}

enum name_kind name_decode(struct span name, bool folder, struct buffer *segment)
{
	struct span decoded;
	bool goes_on = folder && span_ends(name, SPAN("%"));
	if (goes_on)
		name.size--;
	else if (folder && span_ends(name, SPAN("%-")))
		name.size -= 2;
	if (!name.size || !percent_decode(segment->arena, name, &decoded)
		|| span_find(decoded, '\0', NULL))
		return NAME_BAD;
	buffer_append(segment, decoded);
	if (segment->failed)
		return NAME_BAD;
	return goes_on ? NAME_GOES_ON : NAME_WHOLE;
}
