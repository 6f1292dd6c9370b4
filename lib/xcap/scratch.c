/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/scratch.h"

#include <libxml/xmlerror.h>
#include <libxml/xmlmemory.h>

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

/* A sanitizer is to see each allocation by itself. */
#ifdef __SANITIZE_ADDRESS__
static const bool in_block = false;
#else
static const bool in_block = true;
#endif
enum { ROOM = 256 << 10, ALIGN = 16 };

/* Stands in front of each piece. */
struct piece {
	_Alignas(ALIGN) size_t size; /* rounded up */
};

static _Thread_local struct {
	char *block; /* ROOM octets; NULL: not yet, or no memory */
	size_t used;
	bool open, outgrown;
} own;

static pthread_key_t at_thread_end;
static bool started;

static bool is_inside(const void *octets)
{
	return own.block && (uintptr_t)octets - (uintptr_t)own.block < ROOM;
}

static struct piece *piece_of(void *octets)
{
	return (struct piece *)octets - 1;
}

static bool is_last(const struct piece *piece)
{
	return (const char *)(piece + 1) + piece->size == own.block + own.used;
}

static void *take(size_t size)
{
	size_t rounded = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (!own.open)
		return malloc(size);
	if (size > ROOM || rounded + sizeof(struct piece) > ROOM - own.used) {
		own.outgrown = true;
		return malloc(size);
	}
	struct piece *piece = (struct piece *)(void *)(own.block + own.used);
	piece->size = rounded;
	own.used += sizeof(*piece) + rounded;
	return piece + 1;
}

/* Only the last piece's room comes back. */
static void give(void *octets)
{
	if (!is_inside(octets)) {
		free(octets);
		return;
	}
	struct piece *piece = piece_of(octets);
	if (is_last(piece))
		own.used = (size_t)((char *)piece - own.block);
}

static void *take_more(void *octets, size_t size)
{
	if (!octets)
		return take(size);
	if (!is_inside(octets))
		return realloc(octets, size);
	struct piece *piece = piece_of(octets);
	if (size <= piece->size)
		return octets;
	void *more = take(size);
	if (more)
		memcpy(more, octets, piece->size);
	return more;
}

static char *copy(const char *text)
{
	size_t size = strlen(text) + 1;
	char *octets = take(size);
	return octets ? memcpy(octets, text, size) : NULL;
}

void scratch_start(void)
{
	if (!started && pthread_key_create(&at_thread_end, free) == 0)
		started = xmlMemSetup(give, take, take_more, copy) == 0;
}

void scratch_open(void)
{
	if (!in_block || !started)
		return;
	if (!own.block) {
		own.block = malloc(ROOM);
		pthread_setspecific(at_thread_end, own.block);
	}
	own.used = 0;
	own.outgrown = false;
	own.open = own.block != NULL;
}

void scratch_close(void)
{
	if (own.open)
		xmlResetLastError();
	own.open = false;
}

bool scratch_holds(const void *octets)
{
	return own.open && !own.outgrown && is_inside(octets);
}
