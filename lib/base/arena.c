/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Under AddressSanitizer what nobody asked for is out of bounds, inside a block too. */
#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, size) ((void)(start), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(start, size) ((void)(start), (void)(size))
#endif

/* A big request gets a block of its own; small ones share blocks that double up to this size. */
enum { BLOCK_MOST = 256 * 1024, ALIGNMENT = 16 };

struct block {
	struct block *next;
	size_t capacity, used;
	_Alignas(ALIGNMENT) char octets[];
};

struct arena {
	struct block *current; /* newest first; the last one is kept on reset */
	size_t next_capacity;
};

static _Thread_local size_t fail_at, blocks_asked;

size_t arena_fail_at(size_t nth)
{
	size_t asked = blocks_asked;
	fail_at = nth;
	blocks_asked = 0;
	return asked;
}

static size_t rounded_up(size_t size)
{
	return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Forgets all but the first `used` octets. */
static void block_clear(struct block *block, size_t used)
{
	block->used = used;
	ASAN_POISON_MEMORY_REGION(block->octets + used, block->capacity - used);
}

static struct block *block_new(size_t capacity)
{
	blocks_asked++;
	if (fail_at && blocks_asked >= fail_at)
		return NULL;
	if (capacity > SIZE_MAX - sizeof(struct block))
		return NULL;
	struct block *block = malloc(sizeof(*block) + capacity);
	if (!block)
		return NULL;
	block->next = NULL;
	block->capacity = capacity;
	block_clear(block, 0);
	return block;
}

static void arena_start(struct arena *arena, struct block *first)
{
	block_clear(first, rounded_up(sizeof(*arena)));
	arena->current = first;
	arena->next_capacity = first->capacity < BLOCK_MOST / 2 ? first->capacity * 2 : BLOCK_MOST;
}

struct arena *arena_new(size_t first_block)
{
	if (first_block > SIZE_MAX / 2)
		return NULL;
	size_t room = rounded_up(first_block ? first_block : 1024);
	struct block *block = block_new(rounded_up(sizeof(struct arena)) + room);
	if (!block)
		return NULL;
	struct arena *arena = (struct arena *)block->octets; /* lives in its own first block */
	ASAN_UNPOISON_MEMORY_REGION(arena, sizeof(*arena));
	arena_start(arena, block);
	return arena;
}

void arena_reset(struct arena *arena)
{
	struct block *block = arena->current;
	while (block->next) {
		struct block *older = block->next;
		free(block);
		block = older;
	}
	arena_start(arena, block);
}

void arena_free(struct arena **arena)
{
	if (!*arena)
		return;
	struct block *block = (*arena)->current;
	while (block) {
		struct block *older = block->next;
		free(block);
		block = older;
	}
	*arena = NULL;
}

static bool arena_grow(struct arena *arena, size_t size)
{
	size_t capacity = arena->next_capacity;
	if (size > capacity)
		capacity = size;
	else if (arena->next_capacity < BLOCK_MOST)
		arena->next_capacity *= 2;
	struct block *block = block_new(capacity);
	if (!block)
		return false;
	block->next = arena->current;
	arena->current = block;
	return true;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	if (size > SIZE_MAX / 2)
		return NULL;
	size_t rounded = rounded_up(size);
	struct block *block = arena->current;
	if (block->capacity - block->used < rounded) {
		if (!arena_grow(arena, rounded))
			return NULL;
		block = arena->current;
	}
	void *memory = block->octets + block->used;
	block->used += rounded;
	ASAN_UNPOISON_MEMORY_REGION(memory, size);
	return memory;
}

void *arena_zero(struct arena *arena, size_t size)
{
	void *memory = arena_alloc(arena, size);
	if (memory)
		memset(memory, 0, size);
	return memory;
}

char *arena_text(struct arena *arena, struct span from)
{
	char *copy = from.size < SIZE_MAX ? arena_alloc(arena, from.size + 1) : NULL;
	if (!copy)
		return NULL;
	if (from.size)
		memcpy(copy, from.data, from.size);
	copy[from.size] = '\0';
	return copy;
}

struct span arena_copy(struct arena *arena, struct span from)
{
	char *copy = arena_text(arena, from);
	return (struct span){ copy, copy ? from.size : 0 };
}

struct span arena_vformat(struct arena *arena, const char *format, va_list arguments)
{
	va_list again;
	va_copy(again, arguments);
	int size = vsnprintf(NULL, 0, format, again);
	va_end(again);
	char *text = size < 0 ? NULL : arena_alloc(arena, (size_t)size + 1);
	if (!text)
		return (struct span){ NULL, 0 };
	vsnprintf(text, (size_t)size + 1, format, arguments);
	return (struct span){ text, (size_t)size };
}

struct span arena_format(struct arena *arena, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	struct span text = arena_vformat(arena, format, arguments);
	va_end(arguments);
	return text;
}
