/* SPDX-License-Identifier: BSD-2-Clause */
/* xcapd: starts, and stops as the mirror of its start. */
#include "base/daemon.h"
#include "base/log.h"
#include "xcapd/check.h"
#include "xcapd/http.h"
#include "xcapd/metrics.h"
#include "xcapd/server.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

enum { TICK_MS = 50 };

static bool changed(struct span a, struct span b)
{
	return !span_equal(a, b);
}

/* Some settings are read only at the start: say so instead of ignoring a change in silence. */
static void tell_what_needs_a_restart(const struct settings *now, const struct settings *then)
{
	bool listen = now->http.listen.count != then->http.listen.count;
	for (size_t i = 0; !listen && i < now->http.listen.count; i++)
		listen = changed(now->http.listen.items[i].text, then->http.listen.items[i].text);
	if (listen || now->http.threads != then->http.threads)
		log_event(LEVEL_WARNING, "main",
			"http.listen and http.threads change only with a restart");
	if (now->http.tls_certificate.size ? !then->http.tls_certificate.size
					   : then->http.tls_certificate.size)
		log_event(LEVEL_WARNING, "main", "TLS is switched on and off only with a restart");
	if (changed(now->store.path, then->store.path)
		|| now->store.max_size != then->store.max_size
		|| now->store.sync != then->store.sync
		|| now->store.history_versions != then->store.history_versions
		|| now->store.feed_keep_ms != then->store.feed_keep_ms)
		log_event(LEVEL_WARNING, "main", "the [store] section changes only with a restart");
}

/* Loads anew; a bad configuration is told, line by line, and the old one stays in force. */
static void reload(struct server *server, const char *path)
{
	char *text = NULL;
	size_t size = 0;
	FILE *problems = open_memstream(&text, &size);
	if (!problems)
		return;
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_microseconds());
	struct live *live = live_load(path, problems);
	fclose(problems);
	struct span rest = { text, size };
	while (rest.data && rest.size) {
		struct span line = span_cut(&rest, '\n');
		if (line.size)
			log_event(LEVEL_ERROR, "main", "reload: %.*s", SPAN_ARG(line));
	}
	free(text);
	metrics_reload(live != NULL);
	if (live) {
		tell_what_needs_a_restart(server->live->settings, live->settings);
		log_setup((enum log_level)live->settings->log.level,
			(enum log_format)live->settings->log.format);
		server_replace(server, live);
		log_event(LEVEL_INFO, "main", "reloaded");
	} else {
		log_event(LEVEL_ERROR, "main",
			"reload refused, the old configuration stays in force");
	}
	sd_notify(0, "READY=1");
}

/* Until SIGTERM or SIGINT, or until the store is beyond use; returns the exit status. */
static int run(struct server *server, struct http *http, int signals, const char *path)
{
	for (;;) {
		struct pollfd waiting = { .fd = signals, .events = POLLIN };
		struct signalfd_siginfo signal;
		poll(&waiting, 1, TICK_MS);
		while (read(signals, &signal, sizeof(signal)) == (ssize_t)sizeof(signal)) {
			if (signal.ssi_signo != SIGHUP)
				return 0;
			reload(server, path);
		}
		http_tick(http);
		server_tick(server);
		log_flush();
		if (store_broken(server->store)) {
			log_event(LEVEL_ERROR, "store",
				"the store is beyond use until a restart: stopping");
			return 1;
		}
	}
}

static int serve(struct live *live, int signals, const char *path)
{
	struct server server = { 0 };
	struct http *http = NULL;
	int status = 1;
	daemon_raise_file_limit(live->settings->limits.connections);
	if (server_start(&server, live, stderr, &status) && http_start(&http, &server, stderr)) {
		sd_notify(0, "READY=1");
		log_event(LEVEL_INFO, "main", "xcapd " XCAPD_VERSION " serves %.*s",
			SPAN_ARG(live->settings->http.root));
		status = run(&server, http, signals, path);
		sd_notify(0, "STOPPING=1");
		log_event(LEVEL_INFO, "main", "stopping");
	}
	if (!http_stop(&http, server.live->settings->limits.timeout_ms)) {
		log_event(LEVEL_ERROR, "store",
			"another process holds the store: stopping without the "
			"changes that wait, none of them acknowledged");
		log_flush();
		_exit(1);
	}
	server_stop(&server);
	log_flush();
	return status;
}

int main(int count, char **values)
{
	struct daemon_arguments arguments = daemon_arguments("xcapd", count, values);
	if (arguments.done)
		return arguments.status;
	usages_start();
	int status = 2;
	if (arguments.check) {
		status = check(arguments.config, stderr);
	} else {
		struct live *live = live_load(arguments.config, stderr);
		int signals = daemon_signals();
		if (live) {
			log_setup((enum log_level)live->settings->log.level,
				(enum log_format)live->settings->log.format);
			status = serve(live, signals, arguments.config);
		}
	}
	usages_stop();
	return status;
}
