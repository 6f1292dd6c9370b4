/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/rpc.h"
#include "notifier/teller_private.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* What a presence server is asked to do when a document with some effect has changed. */
enum refresh { REFRESH_WATCHERS, REFRESH_STATE, REFRESH_LISTS };

static const struct {
	const char *effect; /* of a usage's notice */
	enum refresh refresh;
} effects[] = {
	{ "authorization", REFRESH_WATCHERS },
	{ "composition", REFRESH_STATE },
	{ "lists", REFRESH_LISTS },
	{ "services", REFRESH_LISTS },
};

/* refreshWatchers: 0 judges the watchers anew, 1 composes the state anew. */
static json_t *kamailio(enum refresh refresh, const char *owner, const char *event)
{
	json_t *parameters = refresh == REFRESH_LISTS
				     ? json_pack("[ss]", owner, event)
				     : json_pack("[ssi]", owner, event, refresh == REFRESH_STATE);
	return json_pack("{ss, ss, so, si}", "jsonrpc", "2.0", "method",
		refresh == REFRESH_LISTS ? "rls.update_subs" : "presence.refreshWatchers", "params",
		parameters, "id", 1);
}

static json_t *opensips(enum refresh refresh, const char *owner, const char *event)
{
	json_t *parameters = refresh == REFRESH_LISTS
				     ? json_pack("{ss}", "presentity_uri", owner)
				     : json_pack("{ss, ss, si}", "presentity_uri", owner, "event",
					     event, "refresh_type", refresh == REFRESH_STATE);
	return json_pack("{ss, ss, so, si}", "jsonrpc", "2.0", "method",
		refresh == REFRESH_LISTS ? "rls_update_subscriptions" : "presence:refresh_watchers",
		"params", parameters, "id", 1);
}

/* False without memory. */
static bool add_call(struct tell *tell, enum refresh refresh, const char *event)
{
	json_t *call = tell->teller->target->rpc_dialect == DIALECT_KAMAILIO
			       ? kamailio(refresh, tell->owner.data, event)
			       : opensips(refresh, tell->owner.data, event);
	char *text = call ? json_dumps(call, JSON_COMPACT) : NULL;
	struct span body = text ? arena_copy(tell->arena, span_of(text)) : (struct span){ 0 };
	json_decref(call);
	free(text);
	for (size_t i = 0; i < tell->call_count; i++)
		if (body.data && span_equal(tell->calls[i], body))
			return true;
	if (!body.data || tell->call_count >= CALLS_MOST)
		return body.data != NULL;
	tell->calls[tell->call_count++] = body;
	return true;
}

static bool add_calls(struct tell *tell)
{
	const struct usage *usage = usages_find(tell->teller->notifier->usages, tell->what.id.auid);
	const struct notice *notices;
	size_t count = usage ? usage_notices(usage, &notices) : 0;
	for (size_t i = 0; i < count; i++) {
		const char *event = arena_text(tell->arena, notices[i].event);
		if (!event)
			return false;
		for (size_t j = 0; j < sizeof(effects) / sizeof(effects[0]); j++)
			if (span_equal_text(notices[i].effect, effects[j].effect)
				&& !add_call(tell, effects[j].refresh, event))
				return false;
	}
	return true;
}

static void answered(void *context, const struct rpc_result *result);

static bool post_next(struct tell *tell)
{
	tell->call = rpc_post(tell->teller->rpc, tell->calls[tell->call_next], answered, tell);
	return tell->call != NULL;
}

static void answered(void *context, const struct rpc_result *result)
{
	struct tell *tell = context;
	tell->call = NULL;
	if (!result->well)
		tell_end(tell, result->answered ? TOLD_REFUSED : TOLD_NOBODY, result->retry_after,
			"%s", result->why);
	else if (++tell->call_next == tell->call_count)
		tell_end(tell, TOLD_WELL, 0, "done");
	else if (!post_next(tell))
		tell_end(tell, TOLD_REFUSED, 0, "out of memory");
}

/* Documents of nobody, and those that no presence server reads, have nothing to be refreshed. */
bool teller_rpc_start(struct tell *tell)
{
	if (tell->what.id.tree == TREE_USERS && !add_calls(tell))
		return false;
	if (tell->call_count)
		return post_next(tell);
	tell_end_soon(tell, TOLD_WELL, "nothing to tell");
	return true;
}
