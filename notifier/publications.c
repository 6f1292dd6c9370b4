/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/publications.h"

#include "base/table.h"

#include <stdlib.h>
#include <string.h>

enum { PLACES = 8192, TAG_MOST = 127 };

struct publication {
	uint64_t until;
	uint16_t owner_size, tag_size;
	char text[]; /* owner, tag */
};

struct publications {
	struct publication *places[PLACES];
};

struct publications *publications_new(void)
{
	return calloc(1, sizeof(struct publications));
}

void publications_free(struct publications **publications)
{
	for (size_t i = 0; *publications && i < PLACES; i++)
		free((*publications)->places[i]);
	free(*publications);
	*publications = NULL;
}

/* Nobody gains by two owners who share a place: no secret. */
static size_t place_of(struct span owner)
{
	static const uint64_t plain[2] = { 0, 0 };
	return (size_t)(text_hash(plain, owner) % PLACES);
}

static bool is_of(const struct publication *one, struct span owner)
{
	return one && span_equal((struct span){ one->text, one->owner_size }, owner);
}

struct span publications_find(
	const struct publications *publications, struct span owner, uint64_t now_ms)
{
	const struct publication *one = publications->places[place_of(owner)];
	if (!is_of(one, owner) || one->until <= now_ms)
		return (struct span){ NULL, 0 };
	return (struct span){ one->text + one->owner_size, one->tag_size };
}

void publications_keep(
	struct publications *publications, struct span owner, struct span tag, uint64_t until_ms)
{
	struct publication **place = &publications->places[place_of(owner)];
	if (!tag.size || tag.size > TAG_MOST || owner.size > UINT16_MAX) {
		if (is_of(*place, owner)) {
			free(*place);
			*place = NULL;
		}
		return;
	}
	struct publication *one = malloc(sizeof(*one) + owner.size + tag.size);
	free(*place);
	*place = one;
	if (!one)
		return;
	*one = (struct publication){ .until = until_ms,
		.owner_size = (uint16_t)owner.size,
		.tag_size = (uint16_t)tag.size };
	memcpy(one->text, owner.data, owner.size);
	memcpy(one->text + owner.size, tag.data, tag.size);
}
