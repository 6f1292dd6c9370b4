/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/notifier.h"

#include "auth/auth.h"
#include "base/log.h"
#include "notifier/admin.h"
#include "notifier/subscription.h"
#include "notifier/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { GRACE_MS = 2000 };

bool notifier_load(const char *config, struct settings **settings_out, struct usages **usages_out,
	FILE *problems)
{
	if (!settings_load(settings_out, config, problems))
		return false;
	const struct settings *settings = *settings_out;
	if (usages_load(usages_out, settings->usage.definitions.data, settings->usage.schemas.data,
		    problems))
		return true;
	settings_free(settings_out);
	return false;
}

bool notifier_check(const struct settings *settings, FILE *problems)
{
	return sip_check(settings, problems);
}

static bool open_store(struct notifier *notifier, FILE *problems, int *status_out)
{
	const struct settings *settings = notifier->settings;
	struct store_settings wanted = store_settings_of(settings);
	wanted.create = true;
	enum store_result result = store_open(&notifier->store, &wanted);
	if (result == STORE_OK)
		return true;
	fprintf(problems, "store %s: %s\n", wanted.path, store_problem());
	*status_out = result == STORE_UNUSABLE ? 2 : 1;
	return false;
}

/* Two notifiers on one store would tell everything twice. */
static bool lock_store(struct notifier *notifier, FILE *problems)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/notifier.lock", notifier->settings->store.path.data);
	notifier->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (notifier->lock < 0)
		fprintf(problems, "%s: %s\n", path, strerror(errno));
	else if (flock(notifier->lock, LOCK_EX | LOCK_NB))
		fprintf(problems, "%s: another xcap-notifier serves this store\n", path);
	else
		return true;
	return false;
}

static bool open_flight(struct notifier *notifier, FILE *problems)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/notifier.flight", notifier->settings->store.path.data);
	if (flight_open(&notifier->flight, path, store_generation(notifier->store),
		    &notifier->flight_lost))
		return true;
	fprintf(problems, "%s: %s\n", path, strerror(errno));
	return false;
}

static void take_request(void *context, struct sip_incoming *incoming)
{
	const struct notifier *notifier = context;
	subscriptions_request(notifier->subscriptions, incoming);
}

bool notifier_start(struct notifier *notifier, struct settings *settings, struct usages *usages,
	FILE *problems, int *status_out)
{
	const struct sip_events events = { take_request, notifier };
	notifier->settings = settings;
	notifier->usages = usages;
	notifier->lock = -1;
	if (!open_store(notifier, problems, status_out))
		return false;
	*status_out = 1;
	if (!lock_store(notifier, problems))
		return false;
	if (!loop_new(&notifier->loop) || !auth_new(&notifier->auth, notifier->store)
		|| !saver_new(&notifier->saver, notifier->loop, notifier->store)
		|| !follow_new(&notifier->follow, notifier->loop, notifier->store)) {
		fprintf(problems, "cannot start: out of memory or over a limit\n");
		return false;
	}
	return open_flight(notifier, problems)
	       && sip_new(&notifier->sip, notifier->loop, settings, &events, problems)
	       && targets_new(&notifier->targets, notifier, problems)
	       && subscriptions_new(&notifier->subscriptions, notifier)
	       && admin_new(&notifier->admin, notifier, problems);
}

bool notifier_stop(struct notifier *notifier)
{
	/* A start that failed before has not taken over what the former process left in flight. */
	bool resumed = notifier->targets && notifier->subscriptions;
	if (notifier->loop)
		timer_stop(notifier->loop, &notifier->grace);
	admin_free(&notifier->admin);
	subscriptions_free(&notifier->subscriptions);
	targets_free(&notifier->targets);
	sip_free(&notifier->sip);
	follow_free(&notifier->follow);
	bool well = saver_free(&notifier->saver);
	if (notifier->flight)
		flight_close(&notifier->flight, well && resumed);
	auth_free(&notifier->auth);
	loop_free(&notifier->loop);
	if (notifier->lock >= 0)
		close(notifier->lock);
	if (notifier->store)
		store_close(&notifier->store);
	usages_unref(&notifier->usages);
	settings_free(&notifier->settings);
	return well;
}

/* --- reload --- */

static bool lists_equal(const struct span_list *a, const struct span_list *b)
{
	bool equal = a->count == b->count;
	for (size_t i = 0; equal && i < a->count; i++)
		equal = span_equal(a->items[i], b->items[i]);
	return equal;
}

static void tell_what_needs_a_restart(const struct settings *now, const struct settings *then)
{
	if (!lists_equal(&now->notifier.listen, &then->notifier.listen)
		|| !lists_equal(
			&now->notifier.admin_listen_text, &then->notifier.admin_listen_text))
		log_event(LEVEL_WARNING, "main",
			"notifier.listen and notifier.admin-listen change only with a restart");
	if (!span_equal(now->store.path, then->store.path)
		|| now->store.max_size != then->store.max_size
		|| now->store.sync != then->store.sync)
		log_event(LEVEL_WARNING, "main", "the [store] section changes only with a restart");
}

/* Everybody takes over the new settings and usages, or nobody does. */
static bool replace(struct notifier *notifier, struct settings **settings, struct usages **usages,
	FILE *problems)
{
	if (!sip_reload(notifier->sip, *settings, problems))
		return false;
	struct settings *former = notifier->settings;
	struct usages *former_usages = notifier->usages;
	notifier->settings = *settings;
	notifier->usages = *usages;
	if (!targets_reload(notifier->targets, problems)) {
		notifier->settings = former;
		notifier->usages = former_usages;
		sip_reload(notifier->sip, former, problems);
		return false;
	}
	tell_what_needs_a_restart(former, *settings);
	log_setup((enum log_level)(*settings)->log.level, (enum log_format)(*settings)->log.format);
	subscriptions_reload(notifier->subscriptions);
	*settings = former;
	*usages = former_usages;
	return true;
}

static void log_lines(struct span rest)
{
	while (rest.data && rest.size) {
		struct span line = span_cut(&rest, '\n');
		if (line.size)
			log_event(LEVEL_ERROR, "main", "reload: %.*s", SPAN_ARG(line));
	}
}

void notifier_reload(struct notifier *notifier)
{
	struct settings *settings = NULL;
	struct usages *usages = NULL;
	char *text = NULL;
	size_t size = 0;
	FILE *problems = open_memstream(&text, &size);
	if (!problems)
		return;
	bool well = notifier_load(notifier->config, &settings, &usages, problems)
		    && replace(notifier, &settings, &usages, problems);
	fclose(problems);
	log_lines((struct span){ text, size });
	free(text);
	if (usages)
		usages_unref(&usages);
	settings_free(&settings);
	if (well)
		log_event(LEVEL_INFO, "main", "reloaded");
	else
		log_event(LEVEL_ERROR, "main",
			"reload refused, the old configuration stays in force");
}

static void drained(void *context)
{
	struct notifier *notifier = context;
	loop_stop(notifier->loop);
}

void notifier_drain(struct notifier *notifier)
{
	if (notifier->draining)
		return;
	notifier->draining = true;
	notifier->grace = (struct timer){ .fire = drained, .context = notifier };
	timer_set(notifier->loop, &notifier->grace, loop_now(notifier->loop) + GRACE_MS);
	targets_drain(notifier->targets, drained, notifier);
}
