/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
/* The input is the list in a SUBSCRIBE's body; and, from its first octet on, a row of the
 * notifier's table. */
#include "notifier/dialog.h"
#include "notifier/xcap_diff.h"
#undef NDEBUG
#include <assert.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ENTRIES_MOST = 16 };

static struct settings settings = {
	.http = { .root = { "http://x.org/xcap-root", 22 },
		.root_origin = { "http://x.org", 12 },
		.root_path = { "/xcap-root", 10 } },
	.auth = { .realm = { "example.com", 11 } },
	.notifier = { .max_entries = ENTRIES_MOST },
};

static const struct principal people[] = {
	{ ROLE_USER, { "sip:joe@example.com", 19 } },
	{ ROLE_READER, { "presence", 8 } },
};

static void check_target(const struct diff_target *target, const struct principal *who)
{
	assert(target->key_count <= DIFF_KEYS);
	assert(target->kind != DIFF_NOTHING || !target->key_count);
	assert(target->kind != DIFF_PART || target->selector);
	for (size_t i = 0; i < target->key_count; i++) {
		struct doc_id some = target->keys[i].id;
		assert(target->usage && some.auid.size);
		if (target->keys[i].what != WATCH_DOCUMENT)
			continue;
		assert(usage_permits(target->usage, who, &some, ACCESS_READ));
		assert(watch_covers(&target->keys[i], &target->id));
	}
}

static void read_entries(
	struct notifier *notifier, struct arena *arena, const struct diff_list *list)
{
	assert(list->count <= ENTRIES_MOST);
	for (size_t i = 0; i < list->count; i++) {
		for (size_t k = 0; k < i; k++)
			assert(!span_equal(list->items[i], list->items[k]));
		for (size_t k = 0; k < sizeof(people) / sizeof(people[0]); k++) {
			struct diff_target target;
			assert(diff_target_read(notifier, notifier->usages, arena, &people[k],
				list->items[i], &target));
			assert(span_equal(target.raw, list->items[i]));
			check_target(&target, &people[k]);
		}
	}
}

static void read_row(struct arena *arena, struct span octets)
{
	struct row_reader from = { .rest = octets };
	struct dialog dialog;
	if (dialog_read(&dialog, &from)) {
		struct buffer again = { .arena = arena };
		dialog_write(&dialog, &again);
		assert(again.size <= octets.size);
	}
	dialog_end(&dialog);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct notifier notifier = { .settings = &settings };
	struct arena *arena = arena_new(65536);
	struct package_answer answer = { .status = 200 };
	struct diff_list list = { 0 };
	struct span octets = { (const char *)data, size };
	if (!notifier.usages) {
		usages_start();
		assert(usages_load(&notifier.usages, TEST_SOURCE_DIR "/auids",
			TEST_SOURCE_DIR "/schemas", stderr));
	}
	if (diff_list_read(&notifier, arena, octets, &list, &answer))
		read_entries(&notifier, arena, &list);
	else
		assert(answer.status == 400 || answer.status == 413);
	read_row(arena, octets);
	arena_free(&arena);
	return 0;
}
