/* SPDX-License-Identifier: BSD-2-Clause */
/* A growing hash table whose nodes are the entries' own. Entries with the same hash are told apart
 * by the caller's comparison; texts are hashed with a secret (SipHash-1-3), so that nobody who
 * chooses branches and tags can make them meet. For sip*.c alone. The loop's thread.
 */
#ifndef XCAPD_NOTIFIER_SIP_TABLE_H
#define XCAPD_NOTIFIER_SIP_TABLE_H

#include "base/text.h"

struct table_node {
	struct table_node *next;
	uint64_t hash;
};

struct table {
	struct table_node **slots; /* a power of two of them; NULL before the first entry */
	size_t slot_count, count;
};

bool table_add(struct table *table, struct table_node *node, uint64_t hash); /* false: no memory */
void table_remove(struct table *table, struct table_node *node); /* which must be in it */
/* The first node of that hash after `after` (NULL: from the start). */
struct table_node *table_find(
	const struct table *table, uint64_t hash, const struct table_node *after);
/* Any node; NULL when it is empty. Looks from *place on, which begins at 0. */
struct table_node *table_any(const struct table *table, size_t *place);
void table_free(struct table *table); /* the slots; entries are their owners' */

struct table_secret {
	uint64_t words[2];
};

uint64_t table_hash(const struct table_secret *secret, struct span text);

#endif
