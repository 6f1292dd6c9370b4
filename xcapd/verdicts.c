/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/verdicts.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 1024 };

/* A new verdict takes the place of the oldest. */
struct verdicts {
	pthread_mutex_t lock;
	size_t next;
	struct verdict_key known[ROOM];
};

bool verdicts_new(struct verdicts **out)
{
	*out = calloc(1, sizeof(**out));
	if (*out)
		pthread_mutex_init(&(*out)->lock, NULL);
	return *out != NULL;
}

void verdicts_free(struct verdicts **verdicts)
{
	if (!*verdicts)
		return;
	pthread_mutex_destroy(&(*verdicts)->lock);
	free(*verdicts);
	*verdicts = NULL;
}

struct verdict_key verdict_key(uint64_t rules, const struct doc_id *id, struct span octets)
{
	struct verdict_key key;
	char sizes[96];
	int size = snprintf(sizes, sizeof(sizes), "%llu %d %zu %zu %zu ", (unsigned long long)rules,
		(int)id->tree, id->auid.size, id->xui.size, id->path.size);
	const struct span parts[] = { { sizes, (size_t)size }, id->auid, id->xui, id->path,
		octets };
	digest_hex(DIGEST_SHA256, parts, sizeof(parts) / sizeof(parts[0]), key.hex);
	return key;
}

static bool find(const struct verdicts *verdicts, const struct verdict_key *key)
{
	for (size_t i = 0; i < ROOM; i++)
		if (!memcmp(verdicts->known[i].hex, key->hex, sizeof(key->hex)))
			return true;
	return false;
}

bool verdicts_know(struct verdicts *verdicts, const struct verdict_key *key)
{
	pthread_mutex_lock(&verdicts->lock);
	bool known = find(verdicts, key);
	pthread_mutex_unlock(&verdicts->lock);
	return known;
}

void verdicts_learn(struct verdicts *verdicts, const struct verdict_key *key)
{
	pthread_mutex_lock(&verdicts->lock);
	if (!find(verdicts, key)) {
		verdicts->known[verdicts->next] = *key;
		verdicts->next = (verdicts->next + 1) % ROOM;
	}
	pthread_mutex_unlock(&verdicts->lock);
}
