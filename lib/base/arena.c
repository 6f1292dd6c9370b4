/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	block->used = 0;
	return block;
}

struct arena *arena_new(size_t first_block)
{
	struct block *block = block_new(sizeof(struct arena) + (first_block ? first_block : 1024));
	if (!block)
		return NULL;
	struct arena *arena = (struct arena *)block->octets; /* lives in its own first block */
	block->used = (sizeof(*arena) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	arena->current = block;
	arena->next_capacity = block->capacity * 2;
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
	block->used = (sizeof(*arena) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	arena->current = block;
	arena->next_capacity = block->capacity * 2;
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
	if (size > SIZE_MAX - ALIGNMENT)
		return NULL;
	size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	struct block *block = arena->current;
	if (block->capacity - block->used < rounded) {
		if (!arena_grow(arena, rounded))
			return NULL;
		block = arena->current;
	}
	void *memory = block->octets + block->used;
	block->used += rounded;
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
