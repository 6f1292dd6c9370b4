/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/delivery.h"

#include <string.h>

enum { LAYOUT = 1, NUMBER = 8 };

/* --- writing: numbers are big-endian, texts have their length before them --- */

static void put_number(struct buffer *to, uint64_t number)
{
	char octets[NUMBER];
	for (size_t i = 0; i < NUMBER; i++)
		octets[i] = (char)(number >> (56 - 8 * i));
	buffer_append(to, (struct span){ octets, NUMBER });
}

static void put_text(struct buffer *to, struct span text)
{
	put_number(to, text.size);
	buffer_append(to, (struct span){ text.data ? text.data : "", text.size });
}

static void put_id(struct buffer *to, const struct doc_id *id)
{
	put_text(to, id->auid);
	put_number(to, id->tree);
	put_text(to, id->xui);
	put_text(to, id->path);
}

static void put_etag(struct buffer *to, struct etag etag)
{
	put_number(to, etag.generation);
	put_number(to, etag.number);
}

/* --- reading: a cut that fails leaves `bad` behind --- */

struct reading {
	struct span rest;
	bool bad;
};

static struct span take(struct reading *from, uint64_t size)
{
	if (from->bad || size > from->rest.size) {
		from->bad = true;
		return SPAN("");
	}
	struct span taken = span_first(from->rest, (size_t)size);
	from->rest = span_from(from->rest, (size_t)size);
	return taken;
}

static uint64_t take_number(struct reading *from)
{
	struct span octets = take(from, NUMBER);
	uint64_t number = 0;
	for (size_t i = 0; i < octets.size; i++)
		number = number << 8 | (uint8_t)octets.data[i];
	return number;
}

static struct span take_text(struct reading *from)
{
	return take(from, take_number(from));
}

static void take_id(struct reading *from, struct doc_id *out)
{
	out->auid = take_text(from);
	uint64_t tree = take_number(from);
	out->tree = tree == TREE_GLOBAL ? TREE_GLOBAL : TREE_USERS;
	out->xui = take_text(from);
	out->path = take_text(from);
	from->bad |= tree > TREE_GLOBAL;
}

static struct etag take_etag(struct reading *from)
{
	uint64_t generation = take_number(from);
	return (struct etag){ generation, take_number(from) };
}

static bool begin(struct reading *from, struct span value)
{
	from->rest = value;
	from->bad = value.size < 1 || value.data[0] != LAYOUT;
	take(from, 1);
	return !from->bad;
}

static bool whole(const struct reading *from)
{
	return !from->bad && from->rest.size == 0;
}

/* --- marks --- */

struct span delivery_mark_encode(struct arena *arena, const struct delivery_mark *mark)
{
	struct buffer to = { .arena = arena };
	const uint64_t numbers[] = { mark->generation, mark->fingerprint, mark->phase,
		mark->position, mark->since, mark->stage, mark->parked, mark->time,
		mark->error_time, mark->away };
	buffer_octet(&to, LAYOUT);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		put_number(&to, numbers[i]);
	put_id(&to, &mark->resynced);
	put_text(&to, mark->error);
	return buffer_span(&to);
}

bool delivery_mark_decode(struct span value, struct delivery_mark *out)
{
	struct reading from;
	*out = (struct delivery_mark){ 0 };
	if (!begin(&from, value))
		return false;
	out->generation = take_number(&from);
	out->fingerprint = take_number(&from);
	uint64_t phase = take_number(&from);
	out->position = take_number(&from);
	out->since = take_number(&from);
	uint64_t stage = take_number(&from);
	out->parked = take_number(&from);
	out->time = take_number(&from);
	out->error_time = take_number(&from);
	out->away = take_number(&from) != 0;
	take_id(&from, &out->resynced);
	out->error = take_text(&from);
	out->phase = phase == DELIVERY_RESYNC ? DELIVERY_RESYNC : DELIVERY_FOLLOWS;
	out->stage = stage <= DELIVERY_REMOVALS ? (enum delivery_stage)stage : DELIVERY_DOCUMENTS;
	return whole(&from) && phase <= DELIVERY_RESYNC && stage <= DELIVERY_REMOVALS;
}

/* --- changes that wait --- */

struct span delivery_key(struct arena *arena, struct span target, struct span owner, uint64_t from)
{
	struct buffer to = { .arena = arena };
	buffer_append(&to, target);
	buffer_octet(&to, '\0');
	buffer_append(&to, (struct span){ owner.data ? owner.data : "", owner.size });
	buffer_octet(&to, '\0');
	put_number(&to, from);
	return buffer_span(&to);
}

bool delivery_key_parse(
	struct span key, struct span *target_out, struct span *owner_out, uint64_t *from_out)
{
	struct reading rest = { key, false };
	*target_out = span_cut(&rest.rest, '\0');
	if (!rest.rest.data)
		return false;
	*owner_out = span_cut(&rest.rest, '\0');
	if (!rest.rest.data)
		return false;
	*from_out = take_number(&rest);
	return whole(&rest);
}

struct span delivery_change_encode(struct arena *arena, const struct delivery_change *change)
{
	struct buffer to = { .arena = arena };
	buffer_octet(&to, LAYOUT);
	put_id(&to, &change->id);
	put_number(&to, change->from);
	put_number(&to, change->to);
	put_number(&to, change->time);
	put_etag(&to, change->previous);
	put_etag(&to, change->etag);
	put_number(&to, change->left);
	put_number(&to, change->tries);
	put_text(&to, change->error);
	return buffer_span(&to);
}

bool delivery_change_decode(struct span value, struct delivery_change *out)
{
	struct reading from;
	*out = (struct delivery_change){ 0 };
	if (!begin(&from, value))
		return false;
	take_id(&from, &out->id);
	out->from = take_number(&from);
	out->to = take_number(&from);
	out->time = take_number(&from);
	out->previous = take_etag(&from);
	out->etag = take_etag(&from);
	out->left = take_number(&from) != 0;
	out->tries = (unsigned)take_number(&from);
	out->error = take_text(&from);
	return whole(&from);
}
