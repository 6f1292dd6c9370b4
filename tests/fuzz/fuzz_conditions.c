/* links: base xcap */
/* SPDX-License-Identifier: BSD-2-Clause */
/* The input's first 16 octets are an etag; each line after them is a value of If-Match and of
 * If-None-Match. */
#include "xcap/etag.h"

#include <string.h>

#undef NDEBUG
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct span text)
{
	struct etag etag;
	char again[ETAG_TEXT_MAX];
	if (!etag_parse(text, &etag))
		return;
	assert(etag.number && etag.generation);
	assert(span_equal((struct span){ again, etag_text(etag, again) }, text));
}

static struct etag check_etag(const uint8_t *data)
{
	struct etag etag, back;
	char text[ETAG_TEXT_MAX];
	memcpy(&etag.generation, data, 8);
	memcpy(&etag.number, data + 8, 8);
	etag.generation = (etag.generation & UINT64_C(0xFFFFFFFFFFFF)) | 1;
	etag.number |= !etag.number;
	size_t size = etag_text(etag, text);
	assert(size < ETAG_TEXT_MAX && text[size] == '\0');
	assert(etag_parse((struct span){ text, size }, &back) && etag_equal(back, etag));
	return etag;
}

static void check_condition(const struct condition *condition)
{
	assert(condition->present);
	assert(condition->any != (condition->count > 0));
	for (size_t i = 0; i < condition->count; i++)
		assert(!span_find(condition->tags[i], '"', NULL));
}

static void check_verdicts(const struct condition *condition, struct etag current)
{
	const struct conditions match = { .match = *condition },
				none = { .none_match = *condition };
	const struct etag absent = { 0, 0 };
	bool matches = conditions_judge(&match, current, false) == CONDITIONS_PASS;
	enum conditions_verdict writing = conditions_judge(&none, current, false);
	enum conditions_verdict reading = conditions_judge(&none, current, true);
	assert(conditions_judge(&match, absent, true) == CONDITIONS_FAILED);
	assert(conditions_judge(&none, absent, false) == CONDITIONS_PASS);
	/* If-None-Match compares weakly for every method: whatever matches strongly matches so too.
	 */
	assert(writing == (reading == CONDITIONS_UNCHANGED ? CONDITIONS_FAILED : CONDITIONS_PASS));
	assert(reading == CONDITIONS_UNCHANGED || (reading == CONDITIONS_PASS && !matches));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = { (const char *)data, size };
	check_text(rest);
	if (size < 16)
		return 0;
	struct arena *arena = arena_new(4096);
	struct etag current = check_etag(data);
	struct condition condition = { .present = false };
	char text[ETAG_TEXT_MAX];
	for (rest = span_from(rest, 16); rest.data;) {
		struct condition before = condition;
		if (!condition_add(arena, &condition, span_cut(&rest, '\n'))) {
			condition = before;
			continue;
		}
		check_condition(&condition);
		check_verdicts(&condition, current);
	}
	etag_text(current, text);
	if (!condition.any) {
		assert(condition_add(arena, &condition, arena_format(arena, "\"%s\"", text)));
		struct conditions match = { .match = condition };
		assert(conditions_judge(&match, current, false) == CONDITIONS_PASS);
	}
	arena_free(&arena);
	return 0;
}
