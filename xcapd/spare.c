/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/spare.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Places are a cache line apart: threads seldom share one. */
enum { PLACES = 32, FIRST_BLOCK = 8 * 1024, LINE = 64 };

struct place {
	_Alignas(LINE) _Atomic(struct arena *) arena;
};

struct spares {
	struct place places[PLACES];
};

bool spares_new(struct spares **out)
{
	*out = aligned_alloc(LINE, sizeof(**out));
	for (size_t i = 0; *out && i < PLACES; i++)
		atomic_init(&(*out)->places[i].arena, NULL);
	return *out != NULL;
}

void spares_free(struct spares **spares)
{
	if (!*spares)
		return;
	for (size_t i = 0; i < PLACES; i++) {
		struct arena *arena = atomic_load(&(*spares)->places[i].arena);
		arena_free(&arena);
	}
	free(*spares);
	*spares = NULL;
}

static struct place *my_place(struct spares *spares)
{
	static atomic_uint threads;
	static _Thread_local unsigned number;
	if (!number)
		number = atomic_fetch_add(&threads, 1) % PLACES + 1;
	return &spares->places[number - 1];
}

struct arena *spares_take(struct spares *spares)
{
	struct place *place = my_place(spares);
	struct arena *arena = atomic_load_explicit(&place->arena, memory_order_relaxed)
				      ? atomic_exchange(&place->arena, NULL)
				      : NULL;
	return arena ? arena : arena_new(FIRST_BLOCK);
}

void spares_give(struct spares *spares, struct arena **arena)
{
	struct arena *none = NULL;
	struct place *place = my_place(spares);
	arena_reset(*arena);
	if (atomic_compare_exchange_strong(&place->arena, &none, *arena))
		*arena = NULL;
	else
		arena_free(arena);
}
