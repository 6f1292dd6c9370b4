/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that is freed all at once: everything that belongs to one request, one loaded usage set or
 * one command lives in an arena and goes with it.
 *
 * One thread at a time may use an arena; different arenas are independent. No call here aborts:
 * each returns NULL (or an empty span with data == NULL) when there is no memory, and the caller
 * says so.
 */
#ifndef XCAPD_BASE_ARENA_H
#define XCAPD_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

/* Octets that somebody else owns. Never NUL-terminated unless the call that made it says so.
 * data == NULL means "none", which is not the same as an empty one (data != NULL, size == 0). */
struct span {
	const char *data;
	size_t size;
};

struct arena; /* opaque */

/* Gives an arena whose first block holds first_block octets; NULL without memory. */
struct arena *arena_new(size_t first_block);

/* Forgets everything that was allocated, keeps the first block for reuse. */
void arena_reset(struct arena *arena);

/* Frees the arena and all that came from it; leaves NULL behind. NULL inside is fine. */
void arena_free(struct arena **arena);

/* Memory aligned for any type, living as long as the arena. size 0 gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc, alloc_size(2)));
void *arena_zero(struct arena *arena, size_t size) __attribute__((malloc, alloc_size(2)));

/* Copies with a NUL after the last octet (not counted in the span's size). */
struct span arena_copy(struct arena *arena, struct span from);
char *arena_text(struct arena *arena, struct span from);

/* printf into the arena; the result is NUL-terminated. */
struct span arena_format(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
struct span arena_vformat(struct arena *arena, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));

/* For tests: in this thread the nth block request from now on (1 = the next one) and all after it
 * fail; 0 switches that off. Returns how many block requests were made since the last call. */
size_t arena_fail_at(size_t nth);

#endif
