/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/watch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A key as text: its parts behind a NUL each, so that no name can look like two; a folder ends with
 * one, a document does not. */
enum { KEY_MAX = URI_AUID_MAX + URI_XUI_MAX + URI_PATH_MAX + 8 };

struct watch_spot {
	struct table_node node;
	struct watcher *first;
	uint16_t size;
	char text[];
};

struct key_text {
	size_t size;
	char text[KEY_MAX];
};

static void add(struct key_text *key, struct span part)
{
	part = span_first(part, KEY_MAX - 1 - key->size);
	if (part.size)
		memcpy(key->text + key->size, part.data, part.size);
	key->size += part.size;
}

static void close_part(struct key_text *key)
{
	key->text[key->size++] = '\0';
}

static void add_home(struct key_text *key, const struct doc_id *id)
{
	if (id->tree == TREE_USERS) {
		add(key, id->xui);
		close_part(key);
	}
}

static void write_key(struct key_text *out, const struct watch_key *key)
{
	out->size = 0;
	add(out, key->id.auid);
	close_part(out);
	if (key->what == WATCH_USAGE)
		return;
	add(out, key->id.tree == TREE_USERS ? SPAN("u") : SPAN("g"));
	close_part(out);
	if (key->what == WATCH_TREE)
		return;
	add_home(out, &key->id);
	if (key->what == WATCH_HOME)
		return;
	add(out, key->id.path);
	if (key->what == WATCH_FOLDER)
		add(out, SPAN("/"));
}

bool watch_covers(const struct watch_key *key, const struct doc_id *id)
{
	if (!span_equal(key->id.auid, id->auid))
		return false;
	if (key->what == WATCH_USAGE)
		return true;
	if (key->id.tree != id->tree)
		return false;
	if (key->what == WATCH_TREE)
		return true;
	if (id->tree == TREE_USERS && !span_equal(key->id.xui, id->xui))
		return false;
	if (key->what == WATCH_HOME)
		return true;
	if (key->what == WATCH_DOCUMENT)
		return span_equal(key->id.path, id->path);
	return span_starts(id->path, key->id.path) && id->path.size > key->id.path.size
	       && id->path.data[key->id.path.size] == '/';
}

static struct watch_spot *find(const struct watches *watches, struct span text)
{
	uint64_t hash = text_hash(watches->key, text);
	for (struct table_node *node = table_find(&watches->spots, hash); node;
		node = table_again(node)) {
		struct watch_spot *spot = (struct watch_spot *)node;
		if (span_equal((struct span){ spot->text, spot->size }, text))
			return spot;
	}
	return NULL;
}

static struct watch_spot *get(struct watches *watches, struct span text)
{
	struct watch_spot *spot = find(watches, text);
	if (spot)
		return spot;
	spot = malloc(sizeof(*spot) + text.size);
	if (!spot)
		return NULL;
	spot->node.hash = text_hash(watches->key, text);
	spot->first = NULL;
	spot->size = (uint16_t)text.size;
	memcpy(spot->text, text.data, text.size);
	if (table_add(&watches->spots, &spot->node, spot->node.hash))
		return spot;
	free(spot);
	return NULL;
}

bool watch_begin(struct watches *watches, const struct watch_key *key, struct watcher *watcher)
{
	struct key_text text;
	write_key(&text, key);
	struct watch_spot *spot = get(watches, (struct span){ text.text, text.size });
	if (!spot)
		return false;
	watcher->spot = spot;
	watcher->next = spot->first;
	watcher->link = &spot->first;
	if (watcher->next)
		watcher->next->link = &watcher->next;
	spot->first = watcher;
	watches->count++;
	return true;
}

void watch_end(struct watches *watches, struct watcher *watcher)
{
	struct watch_spot *spot = watcher->spot;
	if (!spot)
		return;
	*watcher->link = watcher->next;
	if (watcher->next)
		watcher->next->link = watcher->link;
	watcher->spot = NULL;
	watches->count--;
	if (spot->first)
		return;
	table_remove(&watches->spots, &spot->node);
	free(spot);
}

struct telling_all {
	const struct watches *watches;
	void (*tell)(void *context, void *owner);
	void *context;
};

static void tell_spot(const struct telling_all *telling, struct span text)
{
	const struct watch_spot *spot = find(telling->watches, text);
	struct watcher *next;
	for (struct watcher *one = spot ? spot->first : NULL; one; one = next) {
		next = one->next;
		telling->tell(telling->context, one->owner);
	}
}

void watch_tell(const struct watches *watches, const struct doc_id *id,
	void (*tell)(void *context, void *owner), void *context)
{
	const struct telling_all telling = { watches, tell, context };
	struct key_text text;
	struct watch_key key = { .id = *id };
	static const enum watch_what around[] = { WATCH_USAGE, WATCH_TREE, WATCH_HOME };
	for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
		if (around[i] == WATCH_TREE && id->tree == TREE_GLOBAL)
			continue; /* which is one home */
		key.what = around[i];
		write_key(&text, &key);
		tell_spot(&telling, (struct span){ text.text, text.size });
	}
	size_t home = text.size;
	for (size_t i = 0; i < id->path.size; i++) {
		if (id->path.data[i] != '/')
			continue;
		text.size = home;
		add(&text, span_first(id->path, i + 1));
		tell_spot(&telling, (struct span){ text.text, text.size });
	}
	text.size = home;
	add(&text, id->path);
	tell_spot(&telling, (struct span){ text.text, text.size });
}

void watches_free(struct watches *watches)
{
	assert(!watches->spots.count);
	table_free(&watches->spots);
}
