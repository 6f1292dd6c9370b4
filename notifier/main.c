/* SPDX-License-Identifier: BSD-2-Clause */
/* xcap-notifier: starts, and stops as the mirror of its start. */
#include "base/log.h"
#include "notifier/notifier.h"
#include "notifier/rpc.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

enum { TICK_MS = 1000, READERS_EVERY = 60 /* ticks */, SPARE_FILES = 256 };

static const char usage_text[] =
	"usage: xcap-notifier [-c FILE] [--check]\n"
	"  -c, --config FILE   the configuration (default " SETTINGS_PATH ")\n"
	"      --check         load everything, say what is wrong, exit 0 or 1\n"
	"      --help          this text\n"
	"      --version       the version\n";

struct arguments {
	const char *config;
	bool check, done;
	int status;
};

static struct arguments read_arguments(int count, char **values)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	struct arguments arguments = { .config = SETTINGS_PATH };
	int option;
	while ((option = getopt_long(count, values, "c:", options, NULL)) != -1) {
		if (option == 'c') {
			arguments.config = optarg;
		} else if (option == 'k') {
			arguments.check = true;
		} else {
			arguments.done = true;
			arguments.status = option == 'h' || option == 'v' ? 0 : 2;
			if (!arguments.status)
				fputs(option == 'h' ? usage_text
						    : "xcap-notifier " XCAPD_VERSION "\n",
					stdout);
		}
	}
	if (!arguments.done && optind < count) {
		fprintf(stderr, "xcap-notifier: unexpected argument: %s\n", values[optind]);
		arguments.done = true;
		arguments.status = 2;
	}
	if (arguments.status)
		fputs(usage_text, stderr);
	return arguments;
}

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
	if (++daemon->ticks % READERS_EVERY == 0)
		store_clear_readers(notifier->store);
	timer_set(notifier->loop, &daemon->tick, loop_now(notifier->loop) + TICK_MS);
}

/* The signals that the loop reads; before any thread starts. */
static int block_signals(void)
{
	sigset_t set;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file size limit is a full disk, not a reason to die */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void raise_file_limit(const struct settings *settings)
{
	struct rlimit limit;
	rlim_t wanted = settings->limits.connections + SPARE_FILES;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max > wanted ? wanted : limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur < wanted)
		log_event(LEVEL_WARNING, "main",
			"only %llu open files are allowed: limits.connections is %llu",
			(unsigned long long)limit.rlim_cur,
			(unsigned long long)settings->limits.connections);
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

static int serve(const struct arguments *arguments)
{
	struct settings *settings;
	struct usages *usages = NULL;
	if (!notifier_load(arguments->config, &settings, &usages, stderr))
		return 2;
	log_setup((enum log_level)settings->log.level, (enum log_format)settings->log.format);
	raise_file_limit(settings);
	struct daemon daemon = { .notifier.config = arguments->config,
		.signals.fd = block_signals() };
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
	struct arguments arguments = read_arguments(count, values);
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
