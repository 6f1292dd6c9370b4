/* SPDX-License-Identifier: BSD-2-Clause */
/* A growing hash table whose nodes lie in what they stand for. Entries of the same hash are told
 * apart by the caller. Texts that others choose are hashed under a secret (SipHash-1-3), so that
 * nobody can make them meet. One thread at a time.
 */
#ifndef XCAPD_BASE_TABLE_H
#define XCAPD_BASE_TABLE_H

#include "base/text.h"

struct table_node {
	struct table_node *next; /* the table's */
	uint64_t hash;
};

/* Zero-initialise. */
struct table {
	struct table_node **slots; /* a power of two of them; NULL before the first entry */
	size_t slot_count, count;
};

/* Makes the first slots, so that table_add never fails. False without memory. */
bool table_ready(struct table *table);
/* False without memory; once there are slots it never fails, and is only slower then. */
bool table_add(struct table *table, struct table_node *node, uint64_t hash);
void table_remove(struct table *table, struct table_node *node); /* which must be in it */
/* The first node of this hash, and the next one of the same; NULL: no more. */
struct table_node *table_find(const struct table *table, uint64_t hash);
struct table_node *table_again(const struct table_node *node);
/* A node in or behind slot *place, which begins at 0 and becomes its slot; NULL: no more. */
struct table_node *table_any(const struct table *table, size_t *place);
void table_free(struct table *table); /* the slots; entries are their owners' */

uint64_t text_hash(const uint64_t secret[2], struct span text);

#endif
