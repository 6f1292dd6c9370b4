/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/lmdb_private.h"

#include <lz4.h>

/* Lists of people are full of repetitions: a third of the octets remain, or less, and a page more
 * to write or to find costs more than packing. Larger ones would hold up the committer. */
enum { PACKED_MOST = 64 << 10 };

struct span pack(struct arena *arena, struct span octets)
{
	int size = 0;
	char *room = octets.size <= PACKED_MOST ? arena_alloc(arena, octets.size) : NULL;
	if (room && octets.size)
		size = LZ4_compress_default(
			octets.data, room, (int)octets.size, (int)octets.size - 1);
	return (struct span){ size > 0 ? room : NULL, size > 0 ? (size_t)size : 0 };
}

struct packed content_of(const struct write *write)
{
	return (struct packed){ write->packed.data ? write->packed : write->body,
		write->body.size };
}

static enum store_result unpacked(
	struct arena *arena, struct span from, size_t size, struct span *out)
{
	char *room = arena_alloc(arena, size + 1);
	if (!room)
		return problem_set(STORE_FAILED, "no memory");
	if (LZ4_decompress_safe(from.data, room, (int)from.size, (int)size) != (int)size)
		return row_damaged(TABLE_BODIES);
	room[size] = '\0';
	*out = (struct span){ room, size };
	return STORE_OK;
}

enum store_result unpack(struct arena *arena, const struct packed *packed, struct span *out)
{
	const struct span from = packed->octets;
	*out = (struct span){ NULL, 0 };
	if (packed->size != from.size)
		return packed->size <= PACKED_MOST && from.size < packed->size
			       ? unpacked(arena, from, (size_t)packed->size, out)
			       : row_damaged(TABLE_BODIES);
	*out = arena_copy(arena, from);
	return out->data ? STORE_OK : problem_set(STORE_FAILED, "no memory");
}
