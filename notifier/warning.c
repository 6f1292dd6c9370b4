/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/warning.h"

#include "auids/misread.h"
#include "base/log.h"

#include <stdlib.h>

enum { REMEMBERED = 4096, WARNINGS_MOST = 8, BLOCK = 16 * 1024 };

struct rules_warner {
	uint64_t seen[REMEMBERED]; /* numbers of versions */
};

bool rules_warner_new(struct rules_warner **out)
{
	*out = calloc(1, sizeof(**out));
	return *out != NULL;
}

void rules_warner_free(struct rules_warner **warner)
{
	free(*warner);
	*warner = NULL;
}

/* OpenSIPS' code is Kamailio's here; a target that is told by PUBLISH does not read rules at all.
 */
static bool concerns(const struct target_settings *target, const struct telling *telling)
{
	return target->method != METHOD_PUBLISH && telling->id.tree == TREE_USERS
	       && telling->etag.number
	       && (span_equal_text(telling->id.auid, "pres-rules")
		       || span_equal_text(telling->id.auid, "org.openmobilealliance.pres-rules"));
}

static void warn(struct notifier *notifier, const struct target_settings *target,
	const struct telling *telling, struct arena *arena)
{
	struct misreading found[WARNINGS_MOST];
	struct snapshot document;
	const struct xml_limits limits = { notifier->settings->limits.depth, XML_ATTRIBUTES_MOST,
		0 };
	if (store_read(notifier->store, arena, &telling->id, STORE_BODY, &document) != STORE_OK
		|| !etag_equal(document.etag, telling->etag))
		return;
	size_t count = misread_rules(arena, document.body, &limits, found, WARNINGS_MOST);
	struct span name = doc_id_text(arena, &telling->id);
	for (size_t i = 0; i < count; i++)
		log_event(LEVEL_WARNING, "rules",
			"target %.*s: Kamailio reads rule '%.*s' of %.*s differently: %s",
			SPAN_ARG(target->name), SPAN_ARG(found[i].rule), SPAN_ARG(name),
			found[i].what);
}

void rules_warn(struct rules_warner *warner, struct notifier *notifier,
	const struct target_settings *target, const struct telling *telling)
{
	uint64_t *seen = &warner->seen[telling->etag.number % REMEMBERED];
	if (!concerns(target, telling) || *seen == telling->etag.number)
		return;
	*seen = telling->etag.number;
	struct arena *arena = arena_new(BLOCK);
	if (!arena)
		return;
	warn(notifier, target, telling, arena);
	arena_free(&arena);
}
