/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/target_table.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 256 };

bool table_new(struct table *table)
{
	*table = (struct table){ calloc(FIRST_SLOTS, sizeof(struct bond *)), FIRST_SLOTS, 0 };
	return table->slots != NULL;
}

void table_free(struct table *table)
{
	free(table->slots);
	*table = (struct table){ NULL, 0, 0 };
}

static struct bond **slot_of(const struct table *table, uint64_t hash)
{
	return &table->slots[hash & (table->size - 1)];
}

static void link_in(struct table *table, struct bond *bond)
{
	struct bond **slot = slot_of(table, bond->hash);
	bond->next = *slot;
	*slot = bond;
}

static void grow(struct table *table)
{
	struct table wider = { calloc(table->size * 2, sizeof(struct bond *)), table->size * 2,
		table->count };
	if (!wider.slots)
		return;
	for (size_t i = 0; i < table->size; i++) {
		struct bond *next;
		for (struct bond *bond = table->slots[i]; bond; bond = next) {
			next = bond->next;
			link_in(&wider, bond);
		}
	}
	free(table->slots);
	*table = wider;
}

void table_add(struct table *table, struct bond *bond, uint64_t hash)
{
	if (table->count >= table->size)
		grow(table);
	bond->hash = hash;
	link_in(table, bond);
	table->count++;
}

void table_remove(struct table *table, struct bond *bond)
{
	struct bond **slot = slot_of(table, bond->hash);
	while (*slot != bond)
		slot = &(*slot)->next;
	*slot = bond->next;
	table->count--;
}

static struct bond *of_hash(struct bond *bond, uint64_t hash)
{
	while (bond && bond->hash != hash)
		bond = bond->next;
	return bond;
}

struct bond *table_first(const struct table *table, uint64_t hash)
{
	return of_hash(*slot_of(table, hash), hash);
}

struct bond *table_next(const struct bond *bond)
{
	return of_hash(bond->next, bond->hash);
}

/* Eight octets at a time, each mixed with a multiplication (the constant is of the golden ratio).
 */
uint64_t hash_add(uint64_t hash, struct span octets)
{
	const uint64_t golden = UINT64_C(0x9E3779B97F4A7C15);
	hash = (hash ^ octets.size) * golden;
	for (size_t at = 0; at < octets.size; at += 8) {
		uint64_t piece = 0;
		size_t left = octets.size - at;
		memcpy(&piece, octets.data + at, left < 8 ? left : 8);
		hash = (hash ^ piece) * golden;
		hash ^= hash >> 29;
	}
	return hash ^ hash >> 32;
}
