/* SPDX-License-Identifier: BSD-2-Clause */
#include "auids/keyed.h"
#include "auids/private.h"
#include "auids/schemas.h"
#include "auids/stylesheet.h"

void usages_start(void)
{
	keyed_start();
	schemas_start();
	stylesheets_start();
}

void usages_stop(void)
{
	stylesheets_stop();
	schemas_stop();
}

struct usages *usages_ref(struct usages *usages)
{
	atomic_fetch_add_explicit(&usages->references, 1, memory_order_relaxed);
	return usages;
}

void usages_unref(struct usages **usages)
{
	struct usages *set = *usages;
	*usages = NULL;
	if (!set || atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < set->count; i++)
		stylesheet_free(&set->items[i].stylesheet);
	schemas_free(&set->schemas);
	struct arena *arena = set->arena;
	arena_free(&arena);
}

const struct usage *usages_known(const struct usages *set, struct span name)
{
	size_t low = 0, high = set->name_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = span_compare(name, set->names[middle].text);
		if (!order)
			return set->names[middle].usage;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct usage *usages_find(const struct usages *usages, struct span auid)
{
	return usages_known(usages, auid);
}

size_t usages_count(const struct usages *usages)
{
	return usages->count;
}

const struct usage *usages_at(const struct usages *usages, size_t index)
{
	return index < usages->count ? &usages->items[index] : NULL;
}

struct span usage_auid(const struct usage *usage)
{
	return usage->auid;
}

struct span usage_media_type(const struct usage *usage)
{
	return usage->media_type;
}

struct span usage_default_namespace(const struct usage *usage)
{
	return usage->default_namespace;
}

enum generated usage_generated(const struct usage *usage, const struct doc_id *id)
{
	const struct branch *here = &usage->branches[id->tree];
	const struct branch *there = &usage->branches[id->tree == TREE_USERS ? 1 : 0];
	return here->present ? here->generated : there->generated;
}

size_t usage_notices(const struct usage *usage, const struct notice **out)
{
	*out = usage->notices;
	return usage->notice_count;
}

uint64_t usage_size_cap(const struct usage *usage)
{
	return usage->size_cap;
}

/* '*' is any run of octets without '/'; goes back to the last one only, so the time is bounded by
 * the product of the two lengths. */
static bool pattern_matches(struct span pattern, struct span name)
{
	size_t p = 0, n = 0, star = SIZE_MAX, resume = 0;
	while (n < name.size) {
		if (p < pattern.size && pattern.data[p] == '*') {
			star = p++;
			resume = n;
		} else if (p < pattern.size && pattern.data[p] == name.data[n]) {
			p++;
			n++;
		} else if (star != SIZE_MAX && name.data[resume] != '/') {
			p = star + 1;
			n = ++resume;
		} else {
			return false;
		}
	}
	while (p < pattern.size && pattern.data[p] == '*')
		p++;
	return p == pattern.size;
}

static bool name_fits(const struct document_name *document, struct span path)
{
	return document->pattern ? pattern_matches(document->text, path)
				 : span_equal(document->text, path);
}

static struct span folder_of(struct span path)
{
	while (path.size && path.data[path.size - 1] != '/')
		path.size--;
	return path;
}

/* Does the usage have a folder like the one that the path is in? */
static bool folder_fits(const struct branch *branch, struct span path)
{
	struct span folder = folder_of(path);
	if (!folder.size || branch->folders)
		return true;
	for (size_t i = 0; i < branch->document_count; i++) {
		struct document_name theirs = branch->documents[i];
		theirs.text = folder_of(theirs.text);
		if (name_fits(&theirs, folder))
			return true;
	}
	return false;
}

const struct document_name *document_entry(const struct usage *usage, const struct doc_id *id)
{
	const struct branch *branch = &usage->branches[id->tree];
	for (size_t i = 0; i < branch->document_count; i++)
		if (name_fits(&branch->documents[i], id->path))
			return &branch->documents[i];
	return NULL;
}

void usage_canonical(const struct usage *usage, struct doc_id *id)
{
	const struct branch *branch = &usage->branches[id->tree];
	id->auid = usage->auid;
	for (size_t i = 0; i < branch->document_count; i++)
		if (branch->documents[i].alias.data
			&& span_equal(branch->documents[i].alias, id->path))
			id->path = branch->documents[i].text;
}

bool usage_allows_name(const struct usage *usage, const struct doc_id *id, struct conflict *why)
{
	const struct branch *branch = &usage->branches[id->tree];
	if (!branch->present)
		return conflict_set(why, CONFLICT_NO_PARENT, "%.*s has no %s tree",
			SPAN_ARG(usage->auid), id->tree == TREE_USERS ? "users" : "global");
	if (!folder_fits(branch, id->path))
		return conflict_set(
			why, CONFLICT_NO_PARENT, "%.*s has no such folder", SPAN_ARG(usage->auid));
	if (!branch->document_count || document_entry(usage, id))
		return true;
	return conflict_set(why, CONFLICT_CONSTRAINT_FAILURE,
		"a document of %.*s is called %.*s here", SPAN_ARG(usage->auid),
		SPAN_ARG(branch->documents[0].text));
}

static bool policy_admits(enum who who, const struct principal *principal, const struct doc_id *id)
{
	switch (who) {
	case WHO_ANY:
		return true;
	case WHO_OWNER:
		return id->tree == TREE_USERS && span_equal(principal->name, id->xui);
	case WHO_TRUSTED:
	case WHO_NOBODY:
		break;
	}
	return false;
}

bool usage_permits(const struct usage *usage, const struct principal *who, const struct doc_id *id,
	enum access_kind access)
{
	const struct branch *branch = &usage->branches[id->tree];
	enum who policy = access == ACCESS_READ ? branch->read : branch->write;
	switch (who->role) {
	case ROLE_ADMIN:
		return access == ACCESS_READ || (!branch->generated && policy != WHO_NOBODY);
	case ROLE_READER:
		return access == ACCESS_READ;
	case ROLE_USER:
		break;
	}
	return !(access == ACCESS_WRITE && branch->generated) && policy_admits(policy, who, id);
}
