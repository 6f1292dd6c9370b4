/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/teller_private.h"

#include "base/log.h"
#include "notifier/publications.h"
#include "notifier/rpc.h"
#include "notifier/warning.h"

#include <stdarg.h>
#include <stdlib.h>

enum { TELL_BLOCK = 2048 };

bool teller_new(struct teller **out, struct notifier *notifier,
	const struct target_settings *target, FILE *problems)
{
	struct teller *teller = calloc(1, sizeof(*teller));
	bool well = teller != NULL;
	if (well) {
		teller->notifier = notifier;
		teller->target = target;
		well = rules_warner_new(&teller->warner);
	}
	if (well && target->method == METHOD_PUBLISH)
		well = (teller->publications = publications_new()) != NULL;
	if (well && target->method == METHOD_RPC)
		well = rpc_new(&teller->rpc, notifier->loop, notifier->settings, target);
	if (!well) {
		fprintf(problems, "target %.*s: out of memory\n", SPAN_ARG(target->name));
		teller_free(&teller);
	}
	*out = teller;
	return well;
}

static void tell_free(struct tell *tell)
{
	*tell->link = tell->next;
	if (tell->next)
		tell->next->link = tell->link;
	sip_forget(&tell->outgoing);
	rpc_forget(&tell->call);
	loop_unpost(tell->teller->notifier->loop, &tell->failed);
	struct arena *arena = tell->arena;
	arena_free(&arena);
}

void teller_free(struct teller **teller)
{
	if (!*teller)
		return;
	while ((*teller)->tells)
		tell_free((*teller)->tells);
	rpc_free(&(*teller)->rpc);
	publications_free(&(*teller)->publications);
	rules_warner_free(&(*teller)->warner);
	credentials_end(&(*teller)->credentials);
	free(*teller);
	*teller = NULL;
}

void tell_forget(struct tell **tell)
{
	if (*tell)
		tell_free(*tell);
	*tell = NULL;
}

void tell_end(struct tell *tell, enum told told, unsigned retry_after, const char *format, ...)
{
	struct told_result result = { .told = told, .retry_after = retry_after };
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(result.why, sizeof(result.why), format, arguments);
	va_end(arguments);
	told_done *done = tell->done;
	void *context = tell->context;
	tell_free(tell);
	done(context, &result);
}

static void end_now(void *context)
{
	struct tell *tell = context;
	struct told_result result = tell->result;
	tell_end(tell, result.told, 0, "%s", result.why);
}

void tell_end_soon(struct tell *tell, enum told told, const char *why)
{
	tell->result.told = told;
	snprintf(tell->result.why, sizeof(tell->result.why), "%s", why);
	tell->failed = (struct post){ .run = end_now, .context = tell };
	loop_post(tell->teller->notifier->loop, &tell->failed);
}

static bool copy_telling(struct tell *tell, const struct telling *telling)
{
	struct arena *arena = tell->arena;
	tell->what = *telling;
	tell->what.id.auid = arena_copy(arena, telling->id.auid);
	tell->what.id.xui = arena_copy(arena, telling->id.xui);
	tell->what.id.path = arena_copy(arena, telling->id.path);
	const struct settings *settings = tell->teller->notifier->settings;
	tell->owner = telling->id.tree == TREE_USERS ? tell->what.id.xui
						     : arena_format(arena, "sip:xcapd@%.*s",
							     SPAN_ARG(settings->auth.realm));
	return tell->what.id.auid.data && tell->what.id.xui.data && tell->what.id.path.data
	       && tell->owner.data;
}

struct tell *tell(
	struct teller *teller, const struct telling *telling, told_done *done, void *context)
{
	struct arena *arena = arena_new(TELL_BLOCK);
	struct tell *tell = arena ? arena_zero(arena, sizeof(*tell)) : NULL;
	if (!tell) {
		arena_free(&arena);
		return NULL;
	}
	tell->teller = teller;
	tell->arena = arena;
	tell->done = done;
	tell->context = context;
	tell->next = teller->tells;
	tell->link = &teller->tells;
	if (tell->next)
		tell->next->link = &tell->next;
	teller->tells = tell;
	if (!copy_telling(tell, telling)
		|| !(teller->rpc ? teller_rpc_start(tell) : teller_sip_send(tell))) {
		tell_free(tell);
		return NULL;
	}
	rules_warn(teller->warner, teller->notifier, teller->target, &tell->what);
	return tell;
}
