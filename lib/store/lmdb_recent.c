/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/lmdb_private.h"

#include <stdlib.h>
#include <string.h>

/* An entry takes a kilobyte: a user of three realms or so. */
enum { SHELVES = 16, BUCKETS = 8, WAYS = 4, ENTRIES = BUCKETS * WAYS, OCTETS = 996 };

/* What the users' table has under one name as of one commit; commit 0: nothing. */
struct entry {
	uint64_t commit, used;
	uint16_t name_size, row_size; /* one behind the other in octets; row_size 0: no such user */
	uint8_t octets[OCTETS];
};

/* Threads have different ones, so that they seldom meet. */
struct shelf {
	pthread_mutex_t lock;
	uint64_t turn;
	struct entry entries[ENTRIES];
};

struct recent {
	struct shelf shelves[SHELVES];
};

struct recent *recent_new(void)
{
	struct recent *recent = calloc(1, sizeof(*recent));
	for (size_t i = 0; recent && i < SHELVES; i++)
		pthread_mutex_init(&recent->shelves[i].lock, NULL);
	return recent;
}

void recent_free(struct recent *recent)
{
	if (!recent)
		return;
	for (size_t i = 0; i < SHELVES; i++) {
		pthread_mutex_destroy(&recent->shelves[i].lock);
		for (size_t k = 0; k < ENTRIES; k++)
			if (recent->shelves[i].entries[k].commit)
				explicit_bzero(
					&recent->shelves[i].entries[k], sizeof(struct entry));
	}
	free(recent);
}

/* The places where a name may be: WAYS of them. */
static struct entry *lock_places(struct recent *recent, struct span name, struct shelf **shelf_out)
{
	uint32_t hash = 2166136261u;
	for (size_t i = 0; i < name.size; i++)
		hash = (hash ^ (uint8_t)name.data[i]) * 16777619u;
	*shelf_out = &recent->shelves[thread_number(SHELVES)];
	pthread_mutex_lock(&(*shelf_out)->lock);
	return &(*shelf_out)->entries[(hash ^ hash >> 16) % BUCKETS * WAYS];
}

static bool has_name(const struct entry *entry, struct span name)
{
	return entry->commit && entry->name_size == name.size
	       && !memcmp(entry->octets, name.data, name.size);
}

bool recent_find(struct recent *recent, struct span name, uint64_t commit, struct arena *arena,
	struct user *out, enum store_result *result_out)
{
	struct shelf *shelf;
	size_t i = 0;
	if (!commit)
		return false;
	struct entry *places = lock_places(recent, name, &shelf);
	while (i < WAYS && !(places[i].commit == commit && has_name(&places[i], name)))
		i++;
	if (i < WAYS) {
		const uint8_t *octets = places[i].octets + name.size;
		MDB_val row = { places[i].row_size, (void *)(uintptr_t)octets };
		places[i].used = ++shelf->turn;
		*result_out = !row.mv_size                                 ? STORE_ABSENT
			      : decode_user(arena, val_of(name), row, out) ? STORE_OK
									   : STORE_FAILED;
	}
	pthread_mutex_unlock(&shelf->lock);
	return i < WAYS;
}

/* The name's own place, else the one that was not used for longest. */
static struct entry *choose(struct entry *places, struct span name)
{
	struct entry *chosen = &places[0];
	for (size_t i = 0; i < WAYS; i++) {
		if (has_name(&places[i], name))
			return &places[i];
		if (places[i].used < chosen->used)
			chosen = &places[i];
	}
	return chosen;
}

void recent_keep(struct recent *recent, struct span name, uint64_t commit, struct span row)
{
	struct shelf *shelf;
	if (name.size + row.size > OCTETS)
		return;
	struct entry *entry = choose(lock_places(recent, name, &shelf), name);
	entry->commit = commit;
	entry->used = ++shelf->turn;
	entry->name_size = (uint16_t)name.size;
	entry->row_size = (uint16_t)row.size;
	memcpy(entry->octets, name.data, name.size);
	if (row.size)
		memcpy(entry->octets + name.size, row.data, row.size);
	pthread_mutex_unlock(&shelf->lock);
}
