/* links: usages xcap base */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Documents against the shipped usages: rules, stylesheets, what claims show, views by Accept. The
 * first line chooses: "AUID ACCEPT". What an accepted services document shows makes up a services
 * document that is accepted too, and claims the same. */
#include "auids/usage.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct usages *set;

static void stop(void)
{
	usages_unref(&set);
	usages_stop();
	xml_stop();
}

static void start(void)
{
	xml_start();
	usages_start();
	if (!usages_load(&set, TEST_SOURCE_DIR "/auids", TEST_SOURCE_DIR "/schemas", stderr))
		abort();
	atexit(stop);
}

static bool accepted(const struct usage *usage, struct arena *arena, const char *path,
	struct span body, struct verdict *verdict_out)
{
	static const struct xml_limits limits = { .depth = 64, .attributes = 256 };
	struct doc_id id = { usage_auid(usage), TREE_USERS, SPAN("sip:joe@example.com"),
		span_of(path) };
	struct conflict why = { .arena = arena };
	return usage_accepts(usage, arena, &id, body, &limits, verdict_out, &why);
}

/* The index that these services alone would make. */
static void check_shown(
	const struct usage *usage, struct arena *arena, const struct verdict *verdict)
{
	struct shown shown;
	struct verdict again;
	struct buffer index = { .arena = arena };
	assert(usage_shown(usage, arena, &shown));
	buffer_append(&index, shown.before);
	for (size_t i = 0; i < verdict->claim_count; i++) {
		assert(verdict->claims[i].content.size);
		buffer_append(&index, verdict->claims[i].content);
	}
	buffer_append(&index, shown.behind);
	assert(accepted(usage, arena, "index", buffer_span(&index), &again));
	assert(again.claim_count == verdict->claim_count);
	for (size_t i = 0; i < again.claim_count; i++)
		assert(span_equal(again.claims[i].value, verdict->claims[i].value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span body = { (const char *)data, size }, type, octets;
	struct verdict verdict;
	if (!set)
		start();
	if (!size || size > 100000)
		return 0;
	struct arena *arena = arena_new(0);
	struct span accept = span_cut(&body, '\n'), auid = span_cut(&accept, ' ');
	const struct usage *usage = usages_find(set, auid);
	if (!usage || !body.data) {
		arena_free(&arena);
		return 0;
	}
	bool well = accepted(usage, arena, "index", body, &verdict);
	if (well && span_equal(auid, SPAN("rls-services")))
		check_shown(usage, arena, &verdict);
	if (accept.data && usage_view(usage, arena, accept, body, &type, &octets))
		assert(octets.size <= body.size && span_starts(type, SPAN("image/")));
	arena_free(&arena);
	return 0;
}
