/* SPDX-License-Identifier: BSD-2-Clause */
/* A hash table that links what its owner keeps; it grows as it fills and owns nothing but slots.
 * One thread.
 */
#ifndef XCAPD_NOTIFIER_TARGET_TABLE_H
#define XCAPD_NOTIFIER_TARGET_TABLE_H

#include "base/text.h"

struct bond {
	struct bond *next;
	uint64_t hash;
};

struct table {
	struct bond **slots;
	size_t size, count;
};

bool table_new(struct table *table); /* false without memory */
void table_free(struct table *table);
/* Without memory to grow it is only slower. */
void table_add(struct table *table, struct bond *bond, uint64_t hash);
void table_remove(struct table *table, struct bond *bond);
/* Walks those of one hash: for (b = table_first(t, h); b; b = table_next(b)). In no order. */
struct bond *table_first(const struct table *table, uint64_t hash);
struct bond *table_next(const struct bond *bond);

/* The same in every process. */
uint64_t hash_add(uint64_t hash, struct span octets);

#endif
