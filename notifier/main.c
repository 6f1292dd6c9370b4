/* SPDX-License-Identifier: BSD-2-Clause */
/* xcap-notifier: starts, and stops as the mirror of its start. */
#include "base/daemon.h"
#include "base/log.h"
#include "notifier/notifier.h"
#include "notifier/rpc.h"

#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

enum { TICK_MS = 1000, TIDY_EVERY = 60 /* ticks */ };

/* The daemon in its loop: what signals and the clock ask for. */
struct daemon {
	struct notifier notifier;
	struct watch signals;
	struct timer tick;
	unsigned ticks;
	int status;
};

static void take_signal(void *context, uint32_t events)
{
	struct daemon *daemon = context;
	struct signalfd_siginfo signal;
	(void)events;
	while (read(daemon->signals.fd, &signal, sizeof(signal)) == (ssize_t)sizeof(signal)) {
		if (signal.ssi_signo == SIGHUP) {
			sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
				loop_now(daemon->notifier.loop) * 1000);
			notifier_reload(&daemon->notifier);
			sd_notify(0, "READY=1");
		} else {
			sd_notify(0, "STOPPING=1");
			log_event(LEVEL_INFO, "main", "stopping");
			notifier_drain(&daemon->notifier);
		}
	}
}

static void tick(void *context)
{
	struct daemon *daemon = context;
	struct notifier *notifier = &daemon->notifier;
	log_flush();
	if (store_broken(notifier->store)) {
		log_event(
			LEVEL_ERROR, "store", "the store is beyond use until a restart: stopping");
		daemon->status = 1;
		loop_stop(notifier->loop);
		return;
	}
	if (++daemon->ticks % TIDY_EVERY == 0) {
		store_clear_readers(notifier->store);
		malloc_trim(0); /* what a flood took goes back */
	}
	timer_set(notifier->loop, &daemon->tick, loop_now(notifier->loop) + TICK_MS);
}

static bool run(struct daemon *daemon)
{
	struct notifier *notifier = &daemon->notifier;
	daemon->tick = (struct timer){ .fire = tick, .context = daemon };
	daemon->signals.ready = take_signal;
	daemon->signals.context = daemon;
	if (!loop_watch(notifier->loop, &daemon->signals, EPOLLIN)
		|| !timer_set(notifier->loop, &daemon->tick, loop_now(notifier->loop) + TICK_MS))
		return false;
	sd_notify(0, "READY=1");
	log_event(LEVEL_INFO, "main", "xcap-notifier " XCAPD_VERSION " follows %.*s",
		SPAN_ARG(notifier->settings->store.path));
	bool well = loop_run(notifier->loop);
	timer_stop(notifier->loop, &daemon->tick);
	loop_unwatch(notifier->loop, &daemon->signals);
	return well;
}

static int serve(const struct daemon_arguments *arguments)
{
	struct settings *settings;
	struct usages *usages = NULL;
	if (!notifier_load(arguments->config, &settings, &usages, stderr))
		return 2;
	log_setup((enum log_level)settings->log.level, (enum log_format)settings->log.format);
	daemon_raise_file_limit(settings->limits.connections);
	struct daemon daemon = { .notifier.config = arguments->config,
		.signals.fd = daemon_signals() };
	if (notifier_start(&daemon.notifier, settings, usages, stderr, &daemon.status)) {
		daemon.status = 0;
		if (!run(&daemon))
			daemon.status = 1;
	}
	if (!notifier_stop(&daemon.notifier))
		daemon.status = 1;
	close(daemon.signals.fd);
	log_flush();
	return daemon.status;
}

static int check(const char *config)
{
	struct settings *settings;
	struct usages *usages = NULL;
	if (!notifier_load(config, &settings, &usages, stderr))
		return 1;
	bool well = notifier_check(settings, stderr);
	usages_unref(&usages);
	settings_free(&settings);
	return well ? 0 : 1;
}

int main(int count, char **values)
{
	struct daemon_arguments arguments = daemon_arguments("xcap-notifier", count, values);
	if (arguments.done)
		return arguments.status;
	if (!rpc_start())
		return 1;
	usages_start();
	int status = arguments.check ? check(arguments.config) : serve(&arguments);
	usages_stop();
	rpc_stop();
	return status;
}
