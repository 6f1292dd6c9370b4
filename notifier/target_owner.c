/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/target_private.h"

#include <stdlib.h>
#include <string.h>

struct etag etag_numbered(const struct peer *target, uint64_t number)
{
	return number ? (struct etag){ store_generation(target->notifier->store), number }
		      : (struct etag){ 0, 0 };
}

static uint64_t owner_hash(struct span xui)
{
	return stable_hash(1, xui);
}

uint64_t document_hash(const struct doc_id *id)
{
	return stable_hash(
		stable_hash(stable_hash(2 + (uint64_t)id->tree, id->auid), id->xui), id->path);
}

static struct span text_add(char **to, struct span from)
{
	struct span copy = { *to, from.size };
	if (from.size)
		memcpy(*to, from.data, from.size);
	*to += from.size;
	return copy;
}

static struct doc_id id_copy(char *to, const struct doc_id *id)
{
	struct doc_id copy = { .tree = id->tree };
	copy.auid = text_add(&to, id->auid);
	copy.xui = text_add(&to, id->xui);
	copy.path = text_add(&to, id->path);
	return copy;
}

static size_t id_size(const struct doc_id *id)
{
	return id->auid.size + id->xui.size + id->path.size;
}

bool kept_copy(struct kept_id *to, const struct doc_id *id)
{
	bool fits = id_size(id) <= sizeof(to->text);
	to->id = fits ? id_copy(to->text, id) : (struct doc_id){ .tree = TREE_USERS };
	return fits;
}

/* --- owners --- */

struct owner *owner_find(const struct peer *target, struct span xui)
{
	struct table_node *bond = table_find(&target->owners, owner_hash(xui));
	for (; bond; bond = table_again(bond)) {
		struct owner *owner = (struct owner *)bond;
		if (span_equal(owner->xui, xui))
			return owner;
	}
	return NULL;
}

struct owner *owner_make(struct peer *target, struct span xui)
{
	struct owner *owner = calloc(1, sizeof(*owner) + xui.size);
	if (!owner)
		return NULL;
	char *text = owner->text;
	owner->target = target;
	owner->xui = text_add(&text, xui);
	owner->timer = (struct timer){ .fire = owner_timer, .context = owner };
	table_add(&target->owners, &owner->bond, owner_hash(xui));
	return owner;
}

static struct owner_list *list_of(struct owner *owner)
{
	struct peer *target = owner->target;
	switch (owner->stand) {
	case STANDS_READY:
		return owner->parked ? &target->ready_parked : &target->ready;
	case STANDS_WAITING:
		return owner->parked ? &target->waiting_parked : NULL;
	case STANDS_LEAVING:
		return &target->leaving;
	case STANDS_TELLING:
		return owner->parked ? &target->telling_parked : NULL;
	case STANDS_IDLE:
		break;
	}
	return NULL;
}

static void list_leave(struct owner *owner)
{
	struct owner_list *list = owner->in;
	if (!list)
		return;
	*(owner->before ? &owner->before->behind : &list->head) = owner->behind;
	*(owner->behind ? &owner->behind->before : &list->tail) = owner->before;
	list->count--;
	owner->in = NULL;
}

void owner_stands(struct owner *owner, enum stand stand)
{
	list_leave(owner);
	if (stand != STANDS_WAITING)
		timer_stop(owner->target->notifier->loop, &owner->timer);
	owner->stand = stand;
	struct owner_list *list = list_of(owner);
	if (!list)
		return;
	owner->in = list;
	owner->before = list->tail;
	owner->behind = NULL;
	*(list->tail ? &list->tail->behind : &list->head) = owner;
	list->tail = owner;
	list->count++;
}

void owner_wake(struct owner *owner)
{
	if (owner->first && (owner->stand == STANDS_IDLE || owner->stand == STANDS_LEAVING))
		owner_stands(owner, STANDS_READY);
}

void owner_free(struct owner *owner)
{
	struct peer *target = owner->target;
	owner_forget_tell(owner);
	owner_stands(owner, STANDS_IDLE);
	while (owner->first) {
		struct news *change = owner->first;
		owner->first = change->next;
		change_free(change);
	}
	target->parked_here -= owner->parked;
	table_remove(&target->owners, &owner->bond);
	free(owner);
}

/* Its queue has become empty, or its rows are on disk: it goes as soon as nothing needs it. */
static void owner_leave(struct owner *owner)
{
	struct peer *target = owner->target;
	if (owner->parked) {
		owner->parked = false;
		owner->tries = 0;
		target->parked--;
		target->parked_here--;
		target_moved(target);
	}
	if (owner->put > target->saved)
		owner_stands(owner, STANDS_LEAVING);
	else
		owner_free(owner);
}

/* --- changes --- */

struct news *change_latest(const struct peer *target, const struct doc_id *id)
{
	struct news *latest = NULL;
	struct table_node *bond = table_find(&target->documents, document_hash(id));
	for (; bond; bond = table_again(bond)) {
		struct news *change = (struct news *)bond;
		if ((!latest || change->told.to > latest->told.to)
			&& doc_id_equal(&change->told.id, id))
			latest = change;
	}
	return latest;
}

struct news *change_append(struct owner *owner, const struct delivery_change *from)
{
	struct news *change = calloc(1, sizeof(*change) + id_size(&from->id));
	if (!change)
		return NULL;
	change->told = *from;
	change->told.id = id_copy(change->text, &from->id);
	change->told.error = (struct span){ 0 };
	change->owner = owner;
	*(owner->last ? &owner->last->next : &owner->first) = change;
	owner->last = change;
	owner->count++;
	table_add(&owner->target->documents, &change->bond, document_hash(&from->id));
	return change;
}

static void order_add(struct peer *target, struct news *change)
{
	struct change_list *order = &target->order;
	if (!order->oldest) {
		kept_copy(&target->resynced, &target->walked.id);
		target->resynced_steps = target->steps;
	}
	change->older = order->youngest;
	*(order->youngest ? &order->youngest->younger : &order->oldest) = change;
	order->youngest = change;
	order->count++;
}

void change_parts(struct news *change)
{
	struct peer *target = change->owner->target;
	struct change_list *order = &target->order;
	if (!change->older) {
		kept_copy(&target->resynced, &change->told.id);
		target->resynced_steps = change->first;
	}
	*(change->older ? &change->older->younger : &order->oldest) = change->younger;
	*(change->younger ? &change->younger->older : &order->youngest) = change->older;
	change->older = change->younger = NULL;
	order->count--;
	target_moved(target);
}

void change_free(struct news *change)
{
	struct peer *target = change->owner->target;
	if (!change->parked)
		change_parts(change);
	table_remove(&target->documents, &change->bond);
	free(change);
}

static void queue_leave(struct owner *owner, const struct news *change)
{
	struct news *former = NULL, **link = &owner->first;
	while (*link != change) {
		former = *link;
		link = &former->next;
	}
	*link = change->next;
	if (owner->last == change)
		owner->last = former;
	owner->count--;
}

void change_confirmed(struct news *change)
{
	struct owner *owner = change->owner;
	bool first = owner->first == change;
	queue_leave(owner, change);
	if (change->parked)
		pending_remove(change);
	change_lands(change);
	change_free(change);
	if (!owner->first)
		owner_leave(owner);
	else if (first && owner->stand == STANDS_WAITING)
		owner_stands(owner, STANDS_READY);
}

/* --- taking in --- */

static bool take_apart(struct peer *target, const struct delivery_change *next, uint64_t step)
{
	struct owner *owner = owner_find(target, next->id.xui);
	if (!owner)
		owner = owner_make(target, next->id.xui);
	struct news *change = owner ? change_append(owner, next) : NULL;
	if (!change) {
		if (owner && !owner->first)
			owner_leave(owner);
		return false;
	}
	change->first = change->last = step;
	if (target->phase == DELIVERY_FOLLOWS && next->to <= target->apart
		&& owner->count < target->targets->limits.apart)
		change->told.left = true;
	change->parked = change->unsaved = owner->parked;
	if (!change->parked)
		order_add(target, change);
	owner_wake(owner);
	return !change->parked || pending_put(change);
}

bool target_take(struct peer *target, const struct delivery_change *next, uint64_t step)
{
	struct owner *owner = owner_find(target, next->id.xui);
	if (!owner && target->parked > target->parked_here
		&& !owner_load(target, next->id.xui, &owner))
		return false;
	struct news *latest = owner ? change_latest(target, &next->id) : NULL;
	switch (latest ? merge_into(&latest->told, next) : MERGE_APART) {
	case MERGE_APART:
		return take_apart(target, next, step);
	case MERGE_VANISHED:
		latest->last = step;
		change_confirmed(latest);
		return true;
	case MERGE_ABSORBED:
		latest->last = step;
		latest->unsaved = latest->parked;
		break;
	case MERGE_KNOWN:
		break;
	}
	return !latest->unsaved || pending_put(latest);
}
