/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_FIRST = 64 };

static struct table_node **slot_of(const struct table *table, uint64_t hash)
{
	return &table->slots[hash & (table->slot_count - 1)];
}

static bool table_grow(struct table *table)
{
	struct table old = *table;
	table->slot_count = old.slot_count ? old.slot_count * 2 : SLOTS_FIRST;
	table->slots = calloc(table->slot_count, sizeof(struct table_node *));
	if (!table->slots) {
		*table = old;
		return false;
	}
	for (size_t i = 0; i < old.slot_count; i++) {
		for (struct table_node *node = old.slots[i], *next; node; node = next) {
			next = node->next;
			struct table_node **slot = slot_of(table, node->hash);
			node->next = *slot;
			*slot = node;
		}
	}
	free(old.slots);
	return true;
}

bool table_ready(struct table *table)
{
	return table->slot_count || table_grow(table);
}

bool table_add(struct table *table, struct table_node *node, uint64_t hash)
{
	if (table->count >= table->slot_count && !table_grow(table) && !table->slot_count)
		return false;
	struct table_node **slot = slot_of(table, hash);
	*node = (struct table_node){ .next = *slot, .hash = hash };
	*slot = node;
	table->count++;
	return true;
}

void table_remove(struct table *table, struct table_node *node)
{
	struct table_node **at = slot_of(table, node->hash);
	while (*at != node) {
		assert(*at);
		at = &(*at)->next;
	}
	*at = node->next;
	table->count--;
}

static struct table_node *same_hash(struct table_node *node, uint64_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

struct table_node *table_find(const struct table *table, uint64_t hash)
{
	return table->slot_count ? same_hash(*slot_of(table, hash), hash) : NULL;
}

struct table_node *table_again(const struct table_node *node)
{
	return same_hash(node->next, node->hash);
}

struct table_node *table_any(const struct table *table, size_t *place)
{
	for (; *place < table->slot_count; ++*place)
		if (table->slots[*place])
			return table->slots[*place];
	return NULL;
}

void table_free(struct table *table)
{
	free(table->slots);
	*table = (struct table){ 0 };
}

static uint64_t rotate(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static void mix(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

uint64_t text_hash(const uint64_t secret[2], struct span text)
{
	uint64_t a = secret[0], b = secret[1], word;
	uint64_t v[4] = { a ^ UINT64_C(0x736f6d6570736575), b ^ UINT64_C(0x646f72616e646f6d),
		a ^ UINT64_C(0x6c7967656e657261), b ^ UINT64_C(0x7465646279746573) };
	size_t whole = text.size & ~(size_t)7;
	for (size_t i = 0; i < whole; i += 8) {
		memcpy(&word, text.data + i, 8);
		v[3] ^= word;
		mix(v);
		v[0] ^= word;
	}
	word = 0;
	if (text.size > whole)
		memcpy(&word, text.data + whole, text.size - whole);
	word |= (uint64_t)text.size << 56;
	v[3] ^= word;
	mix(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		mix(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
