/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/daemon.h"

#include "base/log.h"
#include "base/settings.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

enum { SPARE_FILES = 256 };

static void usage(const char *name, FILE *out)
{
	fprintf(out,
		"usage: %s [-c FILE] [--check]\n"
		"  -c, --config FILE   the configuration (default " SETTINGS_PATH ")\n"
		"      --check         load everything, say what is wrong, exit 0 or 1\n"
		"      --help          this text\n"
		"      --version       the version\n",
		name);
}

static void end(struct daemon_arguments *arguments, int status)
{
	arguments->done = true;
	arguments->status = status;
}

struct daemon_arguments daemon_arguments(const char *name, int count, char **values)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	struct daemon_arguments arguments = { .config = SETTINGS_PATH };
	int option;
	while ((option = getopt_long(count, values, "c:", options, NULL)) != -1) {
		if (option == 'c') {
			arguments.config = optarg;
		} else if (option == 'k') {
			arguments.check = true;
		} else {
			end(&arguments, option == 'h' || option == 'v' ? 0 : 2);
			if (option == 'h')
				usage(name, stdout);
			else if (option == 'v')
				printf("%s " XCAPD_VERSION "\n", name);
		}
	}
	if (!arguments.done && optind < count) {
		fprintf(stderr, "%s: unexpected argument: %s\n", name, values[optind]);
		end(&arguments, 2);
	}
	if (arguments.status)
		usage(name, stderr);
	return arguments;
}

int daemon_signals(void)
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

void daemon_raise_file_limit(uint64_t connections)
{
	struct rlimit limit;
	rlim_t wanted = connections + SPARE_FILES;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max > wanted ? wanted : limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur < wanted)
		log_event(LEVEL_WARNING, "main",
			"only %llu open files are allowed: limits.connections is %llu",
			(unsigned long long)limit.rlim_cur, (unsigned long long)connections);
}
