/* SPDX-License-Identifier: BSD-2-Clause */
/* How a daemon starts, whichever it is: its command line, its signals, how many files it may open.
 * For the main thread, before there are others.
 */
#ifndef XCAPD_BASE_DAEMON_H
#define XCAPD_BASE_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

struct daemon_arguments {
	const char *config;
	bool check;
	bool done; /* all is said: end with `status` */
	int status;
};

/* NAME [-c FILE] [--check]. Help and version go to the standard output, mistakes (status 2) to the
 * standard error. */
struct daemon_arguments daemon_arguments(const char *name, int count, char **values);

/* SIGTERM, SIGINT and SIGHUP are read from the signalfd that is returned (non-blocking; the
 * caller closes it); broken pipes and file size limits become errors of the call. -1: errno. */
int daemon_signals(void);

/* A file for each connection and some to spare; what is not allowed is logged. */
void daemon_raise_file_limit(uint64_t connections);

#endif
